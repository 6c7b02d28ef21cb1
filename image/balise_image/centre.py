"""The other end of a trial: collector, broker and one target, on the host's loopback.

Lives here: their settings, starting and stopping them, and the questions that a trial asks. They are the shipped
programs with the shipped broker configuration; nothing here knows what a card does. Must not live here: expectations.
"""

import contextlib
import http.client
import http.server
import json
import os
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, Final

from balise_image import shell
from balise_image.machine import HOST, TARGET
from balise_image.recipe import RecipeError

_BIN: Final = shell.ROOT / ".venv/bin"
_BROKER: Final = shell.ROOT / ".tools/bin/mosquitto"
_SECONDS: Final = 20.0


def free_port() -> int:
    """Return a port of the loopback that nobody uses now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


class _Page(http.server.BaseHTTPRequestHandler):
    """A page of 4 KB; it keeps no log, and does not say what it is written in: the line is searched for such words."""

    server_version = "web"
    sys_version = ""

    def do_GET(self) -> None:
        body = b"ordinary\n" * 455
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own word
        """Say nothing."""


class Centre:
    """Collector, broker and target in one folder; the broker can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        """Choose ports and write the settings."""
        self.folder = folder
        self.door, self.pages, self.mqtt, self.web = (free_port() for _ in range(4))
        self.local = free_port()
        self._broker: subprocess.Popen[bytes] | None = None
        self._collector: subprocess.Popen[bytes] | None = None
        self._target = http.server.ThreadingHTTPServer((TARGET, 0), _Page)
        threading.Thread(target=self._target.serve_forever, daemon=True).start()
        (folder / "catalogue").mkdir(parents=True)
        (folder / "catalogue/lab.toml").write_text(
            'service = "lab"\nname = "Laboratory"\nversion = "1"\n[[target]]\nrole = "web"\n'
            f'host = "target.example"\nport = {self._target.server_port}\nhttp_port = {self._target.server_port}\n'
            f'addresses = ["{TARGET}"]\nexperiments = ["tcp", "http"]\nother_port = 0\n'
        )
        (folder / "catalogue/controls.toml").write_text(
            f'version = "1"\n[[control]]\nname = "control.example"\naddresses = ["{TARGET}"]\n'
            f"port = {self._target.server_port}\n[dns]\npublic_resolvers = []\nsilent_addresses = []\n"
            'control_name = "control.example"\n'
        )
        self.settings = folder / "collector.toml"
        self.settings.write_text(
            f'[collector]\nstate_dir = "{folder}/collector"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {self.local}\nown_authority = true\n'
            f'[catalogue]\ndir = "{folder}/catalogue"\n'
            f'[pages]\nhost = "127.0.0.1"\nport = {self.pages}\n'
            "[timetable]\ninterval = 60\nline = 60\nhealth = 60\n"
            f'[network]\nlaboratory = ["{TARGET}/32"]\n'
            f'[enrolment]\nhost = "127.0.0.1"\nport = {self.door}\naddresses = ["{HOST}"]\n'
            f'[[enrolment.brokers]]\nhost = "{HOST}"\nport = {self.web}\ntransport = "websockets"\n'
            f'[[enrolment.brokers]]\nhost = "{HOST}"\nport = {self.mqtt}\n'
        )

    def command(self, *words: str) -> str:
        """Run a command of the collector's and return what it printed (RecipeError)."""
        return shell.run([_BIN / "balise-collector", "--config", self.settings, *words])

    def start(self) -> None:
        """Start broker and collector."""
        if not _BROKER.exists():
            raise RecipeError("no mosquitto in .tools; run make setup")
        place = self.folder / "broker"
        doors = ("--listen", "127.0.0.1", "--websockets", str(self.web), "--mqtt", str(self.mqtt))
        rest = ("--local", str(self.local), "--user", "root", "--data", str(place))
        self.command("broker", "files", "--out", str(place), "--name", HOST, *doors, *rest)
        self.start_broker()
        self._collector = self._started([_BIN / "balise-collector", "--config", self.settings, "run"], "collector", {})

    def start_broker(self) -> None:
        """Start the broker with the shipped configuration."""
        place = self.folder / "broker"
        extra = {"OPENSSL_CONF": str(place / "openssl.cnf")}
        self._broker = self._started([_BROKER, "-c", place / "mosquitto.conf"], "broker", extra)

    def stop_broker(self) -> None:
        """End the broker."""
        if self._broker is not None:
            self._broker.terminate()
            self._broker.wait(_SECONDS)
            self._broker = None

    def _started(self, command: list[str | Path], name: str, extra: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            environment = {**os.environ, **extra}
            return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def card(self, *, accepted: bool = True) -> tuple[str, str]:
        """Return the settings file of a new card as the operator's command writes it, and the id it will have."""
        out = self.folder / f"cards-{free_port()}"
        words = ["fleet", "token", "--country", "PK", "--asn", "64501", "--provider", "laboratory", "--out", str(out)]
        self.command(*words, *(["--accepted"] if accepted else []))
        found = next(out.rglob("balise.toml"))
        return found.read_bytes().decode(), found.parent.name

    def probes(self) -> list[dict[str, Any]]:
        """Return who has enrolled; nobody while the collector is not up."""
        return list(self._asked("/api/v1/status").get("probes", []))

    def verdicts(self) -> list[dict[str, Any]]:
        """Return what has been measured and judged; nothing while the collector is not up."""
        return list(self._asked("/api/v1/verdicts").get("verdicts", []))

    @property
    def up(self) -> bool:
        """Whether the collector answers."""
        return bool(self._asked("/api/v1/status"))

    def _asked(self, path: str) -> dict[str, Any]:
        """Ask the operator's pages: cheaper than a command, many times a minute."""
        connection = http.client.HTTPConnection("127.0.0.1", self.pages, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return dict(json.loads(answer.read())) if answer.status == http.client.OK else {}
        except (OSError, http.client.HTTPException):
            return {}
        finally:
            connection.close()

    def close(self) -> None:
        """End everything."""
        for process in (self._broker, self._collector):
            if process is not None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_SECONDS)
                if process.poll() is None:
                    process.kill()
        self._target.shutdown()
        self._target.server_close()
