"""A real InfluxDB 1.6 on loopback, with users, behind the small nginx rewrite that gives it ``/api/v2/write``.

Debian's influxd is version 1.6: it has InfluxQL and line protocol, and no /api/v2. The rewrite maps precision, bucket
and token as 1.8 does by itself, so that the sink is tested as it is. This proves wire format and queries against a real
server, not how 2.x or 3 behave: that is the contract test's matter. Must not live here: expectations.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

ADMIN = ("admin", "admin-password")
WRITER = ("writer", "writer-password")
READER = ("reader", "reader-password")

_INFLUXD = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/store/meta"
[data]
dir = "{folder}/store/data"
wal-dir = "{folder}/store/wal"
index-version = "tsi1"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = true
log-enabled = false
max-body-size = {most}
[monitor]
store-enabled = false
"""

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_max_body_size 32m;
  client_body_buffer_size 32m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $arg_precision $short {{ default $arg_precision; us u; ns n; "" n; }}
  map $arg_bucket $db {{ default $arg_bucket; "~*^(?<name>[^%/]+)(%2F|/)" $name; }}
  map $arg_bucket $policy {{ default ""; "~*^[^%/]+(%2F|/)(?<rest>.+)$" $rest; }}
  map $http_authorization $login {{ default ""; "~^Token (?<user>[^:]+):(?<password>.+)$" "u=$user&p=$password"; }}
  map $http_authorization $basic {{ default ""; "~^Basic " $http_authorization; }}
  server {{
    listen 127.0.0.1:{front};
    location = /api/v2/write {{
      set $args "db=$db&rp=$policy&precision=$short&$login";
      rewrite ^ /write break;
      proxy_set_header Authorization "";
      proxy_pass http://127.0.0.1:{port};
    }}
    location = /query {{
      set $args "$args&$login";
      proxy_set_header Authorization $basic;
      proxy_pass http://127.0.0.1:{port};
    }}
    location / {{ proxy_pass http://127.0.0.1:{port}; }}
  }}
}}
"""


class QueryError(AssertionError):
    """InfluxDB answered a query with an error."""


class SmallDisk:
    """A disk of a few megabytes at a folder, seen only by programs that are started in its mount namespace."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Mount it; RuntimeError where this machine gives no mount namespace to us."""
        mounting = f'mount -t tmpfs -o size={megabytes}m none "$0" && echo mounted && exec cat'
        unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounting, str(folder)]
        self._keeper = subprocess.Popen(unshare, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"mounted\n":
            _, said = self._keeper.communicate()
            raise RuntimeError(said.decode(errors="replace").strip())
        self._ballast = Path(f"/proc/{self._keeper.pid}/root{folder}/ballast")

    @property
    def prefix(self) -> list[str]:
        """What a command that is to see the disk begins with; its process id is the command's own."""
        return ["nsenter", f"--target={self._keeper.pid}", "--user", "--mount", "--preserve-credentials"]

    def fill(self) -> None:
        """Leave not one byte."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (65536, 1):
                with contextlib.suppress(OSError):
                    while ballast.write(bytes(size)) == size:
                        pass

    def make_room(self) -> None:
        """Take the filling away."""
        self._ballast.unlink()

    def close(self) -> None:
        """Let it go, with all that is on it."""
        self._keeper.communicate()


class InfluxServer:
    """One server in a folder of its own; it can be killed and started again on the same files and ports."""

    def __init__(
        self, tools: Path, folder: Path, *, most_body: int = 25_000_000, disk_megabytes: int | None = None
    ) -> None:
        store = folder / "store"
        store.mkdir(parents=True, exist_ok=True)
        self.disk = SmallDisk(store, disk_megabytes) if disk_megabytes else None
        self._has_users = False
        self.folder = folder
        self._tools = tools
        self._port, self._front, rpc = _free_ports(3)
        places = {"folder": folder, "port": self._port, "front": self._front, "rpc": rpc, "most": most_body}
        (folder / "influxd.conf").write_text(_INFLUXD.format(**places), encoding="utf-8")
        (folder / "nginx.conf").write_text(_NGINX.format(**places), encoding="utf-8")
        self._influxd: subprocess.Popen[bytes] | None = None
        self._nginx: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where ``/api/v2/write`` and ``/query`` answer."""
        return f"http://127.0.0.1:{self._front}"

    @property
    def write_token(self) -> str:
        """The token of the user that may write (and read)."""
        return ":".join(WRITER)

    @property
    def read_token(self) -> str:
        """The token of the user that may only read: what Grafana is given."""
        return ":".join(READER)

    @property
    def admin_token(self) -> str:
        """The token of the user that may make databases and users."""
        return ":".join(ADMIN)

    # ------------------------------------------------------------ coming and going

    def start(self) -> None:
        """Start both programs, and return when they answer; the first time the users are made."""
        with (self.folder / "influxd.log").open("ab") as log:
            seeing = self.disk.prefix if self.disk else []
            command = [*seeing, str(self._tools / "influxd"), "-config", str(self.folder / "influxd.conf")]
            self._influxd = subprocess.Popen(command, stdout=log, stderr=log)
        if self._nginx is None:
            with (self.folder / "nginx.log").open("ab") as log:
                command = [str(self._tools / "nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
                self._nginx = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()
        if not self._has_users:
            self._has_users = True
            self.query(f"CREATE USER {ADMIN[0]} WITH PASSWORD '{ADMIN[1]}' WITH ALL PRIVILEGES", user=None)
            for name, password in (WRITER, READER):
                self.query(f"CREATE USER {name} WITH PASSWORD '{password}'", user=ADMIN)

    def _wait(self) -> None:
        for _ in range(400):
            try:
                with urllib.request.urlopen(f"{self.url}/ping", timeout=2):  # noqa: S310 - http, and our own
                    return
            except OSError:
                threading.Event().wait(0.05)
        raise AssertionError(f"InfluxDB did not start within 20 s; see {self.folder}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End influxd with a signal, kill -9 by default; nginx stays, and answers 502 in its place."""
        if self._influxd is not None:
            self._influxd.send_signal(number)
            self._influxd.wait(20)
            self._influxd = None

    def stop(self) -> None:
        """End both programs."""
        self.kill()
        if self._nginx is not None:
            self._nginx.send_signal(signal.SIGTERM)
            self._nginx.wait(10)
            self._nginx = None
        if self.disk is not None:
            self.disk.close()
            self.disk = None

    # ------------------------------------------------------------ asking

    def database(self, name: str, *, keep: str = "") -> str:
        """Make an empty database that the writer may write and the reader read; ``keep`` is a retention, e.g. 1h."""
        self.query(f'DROP DATABASE "{name}"', user=ADMIN)
        self.query(f'CREATE DATABASE "{name}"{f" WITH DURATION {keep}" if keep else ""}', user=ADMIN)
        self.query(f'GRANT ALL ON "{name}" TO {WRITER[0]}', user=ADMIN)
        self.query(f'GRANT READ ON "{name}" TO {READER[0]}', user=ADMIN)
        return name

    def query(
        self, question: str, database: str = "", *, user: tuple[str, str] | None = READER, epoch: str = "ms"
    ) -> list[dict[str, Any]]:
        """Ask in InfluxQL as a user (the reader); returns the series of all statements (QueryError)."""
        asked = {"q": question, "db": database, "epoch": epoch}
        headers = {"Authorization": f"Token {':'.join(user)}"} if user else {}
        body = urllib.parse.urlencode(asked).encode()
        request = urllib.request.Request(f"{self.url}/query", body, headers)  # noqa: S310 - http, and our own
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http, and our own
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise QueryError(f"{error.code} {error.read().decode(errors='replace')} to {question}") from None
        wrong = [one["error"] for one in (found, *found.get("results", [])) if "error" in one]
        if wrong:
            raise QueryError(f"{wrong[0]} to {question}")
        return [series for result in found["results"] for series in result.get("series", [])]

    def rows(self, question: str, database: str) -> list[dict[str, Any]]:
        """Ask, and return each row by column, with the series' tags."""
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
            for series in self.query(question, database)
            for values in series.get("values", [])
        ]


def _free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports
