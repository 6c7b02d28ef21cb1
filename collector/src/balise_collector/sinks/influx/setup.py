"""``balise-collector influx setup``: makes what the sink and Grafana need on an InfluxDB 2.x or 1.x, and says so.

Lives here: the requests of the management API of 2.x (buckets, retention, DBRP mappings, authorizations) and of 1.x
(InfluxQL statements). Every step looks first, so that a second run changes nothing. InfluxDB 3 makes databases by its
own program. Must not live here: writing points (influx.py).
"""

import base64
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import urllib3

from balise_collector.system.config import Influx
from balise_collector.system.errors import ConfigError

WRITER: Final = "balise_write"
READER: Final = "balise_read"
_DAY: Final = 86_400
_TIMEOUT: Final = 20.0
_DURATION: Final = re.compile(r"(\d+)h(\d+)m(\d+)s")


class Server:
    """An InfluxDB asked as its administrator."""

    def __init__(self, influx: Influx, credential: str) -> None:
        """Prepare; ``credential`` is a 2.x token, on 1.x ``name:password``, or empty where 1.x asks for none."""
        self._url = influx.url.rstrip("/")
        self._credential = credential
        self._pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT, ca_certs=influx.ca_file or None)

    def version(self) -> str:
        """Return the version that ``/ping`` tells, empty where InfluxDB 3 wants a token first.

        Raises:
            ConfigError: nobody answers, or something that is no InfluxDB.
        """
        answer = self._send("GET", "/ping", {}, None)
        version = str(answer.headers.get("X-Influxdb-Version", "")).removeprefix("v")
        if not version and answer.status != 401:
            raise ConfigError(self._impostor(f"{answer.status} to /ping and does not call itself InfluxDB"))
        return version

    def ask(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> Any:
        """Ask the 2.x API; returns the decoded answer, ``None`` for 404 (ConfigError for any other refusal)."""
        headers = {"Authorization": f"Token {self._credential}", "Content-Type": "application/json"}
        asked = f"{path}?{urlencode(query)}" if query else path
        answer = self._send(method, asked, headers, None if body is None else json.dumps(body).encode())
        if answer.status == 404:
            return None
        if answer.status >= 300:
            raise ConfigError(self._refused(answer, "an all-access (operator) token"))
        try:
            found = json.loads(answer.data or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ConfigError(self._impostor(f"{answer.status} to {path} with something that is no JSON object"))
        return found

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Run an InfluxQL statement on 1.x; returns its rows (ConfigError where it is refused)."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._credential:
            headers["Authorization"] = f"Basic {base64.b64encode(self._credential.encode()).decode()}"
        answer = self._send("POST", "/query", headers, urlencode({"q": statement}).encode())
        if answer.status >= 300:
            raise ConfigError(self._refused(answer, "name:password of a user with all privileges"))
        try:
            result = json.loads(answer.data)["results"][0]
        except (ValueError, LookupError, TypeError):
            raise ConfigError(self._impostor(f"{answer.status} to /query without results")) from None
        if "error" in result:
            raise ConfigError(f"{self._url}: {result['error']} to {statement.split(' WITH PASSWORD', maxsplit=1)[0]}")
        return [
            dict(zip(series["columns"], values, strict=True))
            for series in result.get("series", [])
            for values in series.get("values", [])
        ]

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(method, self._url + path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            text = re.sub(r"<[^>]*>:? ?", "", str(getattr(error, "reason", None) or error))
            raise ConfigError(f"[influx] url {self._url} does not answer ({text}); start it, or mend url") from None

    def _impostor(self, answers: str) -> str:
        """Return what is said of a server that answers as no InfluxDB does."""
        return f"[influx] url {self._url} answers {answers}: something else stands in its place; mend url"

    def _refused(self, answer: urllib3.BaseHTTPResponse, needs: str) -> str:
        said = " ".join(answer.data.decode(errors="replace").split())[:300]
        return f"{self._url} answers {answer.status} ({said}); --admin-token-file must hold {needs}"


def setup(
    influx: Influx, credential: str, retention_days: int, rollup_days: int, read_token_file: Path
) -> Iterator[str]:
    """Make everything that is missing, and yield a line for each step, also for those that found it done.

    Raises:
        ConfigError: the server cannot be reached, refuses, or is a version that is set up otherwise.
    """
    if not influx.url:
        raise ConfigError('[influx] url is not set; add it, e.g. url = "http://127.0.0.1:8086"')
    if not influx.token_file:
        raise ConfigError("[influx] token_file is not set; add it: the collector's token is written into it")
    server = Server(influx, credential)
    version = server.version()
    yield f"server      {influx.url}: InfluxDB {version or '(it does not say which)'}"
    wanted = {influx.bucket: retention_days, influx.rollup_bucket: rollup_days}
    files = (Path(influx.token_file), read_token_file)
    if version.startswith("1."):
        yield from _setup_1(server, wanted, *files)
    elif version.startswith("2."):
        yield from _setup_2(server, influx.org, wanted, *files)
    else:
        raise ConfigError(
            f"{influx.url} is InfluxDB {version or 'of unknown version'}; on 3, make the databases yourself: "
            + "; ".join(f"influxdb3 create database {bucket}" for bucket in wanted)
            + "; influxdb3 create token --admin"
        )


# ---------------------------------------------------------------- 2.x


def _setup_2(server: Server, org: str, wanted: dict[str, int], write_file: Path, read_file: Path) -> Iterator[str]:
    org_id = _org(server, org)
    buckets: dict[str, str] = {}
    for name, days in wanted.items():
        buckets[name], said = _bucket(server, org, org_id, name, days)
        yield said
    for name, bucket_id in buckets.items():
        yield _mapping(server, org_id, name, bucket_id)

    def authorize(action: str, description: str) -> Callable[[], str]:
        permissions = [
            {"action": action, "resource": {"type": "buckets", "id": bucket_id, "orgID": org_id}}
            for bucket_id in buckets.values()
        ]
        body = {"orgID": org_id, "description": description, "permissions": permissions}
        return lambda: str(server.ask("POST", "/api/v2/authorizations", body=body)["token"])

    yield _token("write token", write_file, authorize("write", "balise collector: write"))
    yield _token("read token", read_file, authorize("read", "balise dashboards: read"))


def _org(server: Server, org: str) -> str:
    """Return an organisation's id (ConfigError where there is none of that name)."""
    found = server.ask("GET", "/api/v2/orgs", {"org": org}) or {}
    for one in found.get("orgs", []):
        if one["name"] == org:
            return str(one["id"])
    raise ConfigError(f"[influx] org {org!r} is not there; make it with: influx org create --name {org}")


def _bucket(server: Server, org: str, org_id: str, name: str, days: int) -> tuple[str, str]:
    """Make a bucket, or bring its retention to what is wanted; returns its id and what was done."""
    rules = [{"type": "expire", "everySeconds": days * _DAY}] if days else []
    found = server.ask("GET", "/api/v2/buckets", {"org": org, "name": name}) or {}
    held = next((one for one in found.get("buckets", []) if one["name"] == name), None)
    kept = f"kept {days} days" if days else "kept for ever"
    if held is None:
        made = server.ask("POST", "/api/v2/buckets", body={"orgID": org_id, "name": name, "retentionRules": rules})
        return str(made["id"]), f"bucket      {name}: made, {kept}"
    seconds = sum(rule.get("everySeconds", 0) for rule in held.get("retentionRules", []))
    if seconds == days * _DAY:
        return str(held["id"]), f"bucket      {name}: is there, {kept}"
    server.ask("PATCH", f"/api/v2/buckets/{quote(held['id'])}", body={"retentionRules": rules})
    return str(held["id"]), f"bucket      {name}: is there, now {kept}"


def _mapping(server: Server, org_id: str, name: str, bucket_id: str) -> str:
    """Map the database of a bucket's name to it, for InfluxQL; a virtual mapping is made real."""
    found = server.ask("GET", "/api/v2/dbrps", {"orgID": org_id}) or {}
    for one in found.get("content") or []:
        if one["database"] == name and not one.get("virtual"):
            if one["bucketID"] != bucket_id:
                raise ConfigError(
                    f"database {name!r} is mapped to another bucket ({one['bucketID']}); remove that mapping with: "
                    f"influx v1 dbrp delete --id {one['id']}"
                )
            return f"mapping     database {name}: is there"
    body = {
        "orgID": org_id, "bucketID": bucket_id, "database": name, "retention_policy": "autogen", "default": True
    }  # fmt: skip
    server.ask("POST", "/api/v2/dbrps", body=body)
    return f"mapping     database {name}, policy autogen: made (InfluxQL reads the bucket by this name)"


# ---------------------------------------------------------------- 1.x


def _setup_1(server: Server, wanted: dict[str, int], write_file: Path, read_file: Path) -> Iterator[str]:
    there = {row["name"] for row in server.query("SHOW DATABASES")}
    for bucket, days in wanted.items():
        yield _database(server, bucket.split("/")[0], days, there)
    users = {row["user"] for row in server.query("SHOW USERS")}
    for user, right, title, file in (
        (WRITER, "WRITE", "write token", write_file),
        (READER, "READ", "read token", read_file),
    ):

        def login(user: str = user) -> str:
            password = secrets.token_urlsafe(24)
            statement = "SET PASSWORD FOR {} = '{}'" if user in users else "CREATE USER {} WITH PASSWORD '{}'"
            server.query(statement.format(user, password))
            return f"{user}:{password}"

        yield _token(title, file, login)
        for bucket in wanted:
            server.query(f'GRANT {right} ON "{bucket.split("/")[0]}" TO {user}')


def _database(server: Server, name: str, days: int, there: set[str]) -> str:
    """Make a database, or bring its default policy to the wanted retention; returns what was done."""
    if '"' in name or "\\" in name:
        raise ConfigError(f"[influx] bucket {name!r}: a quote or backslash is no part of a name")
    duration = f"{days}d" if days else "INF"
    kept = f"kept {days} days" if days else "kept for ever"
    if name not in there:
        server.query(f'CREATE DATABASE "{name}" WITH DURATION {duration} REPLICATION 1 NAME "autogen"')
        return f"database    {name}: made, {kept}"
    policy = next(row for row in server.query(f'SHOW RETENTION POLICIES ON "{name}"') if row["default"])
    if _seconds(policy["duration"]) == days * _DAY:
        return f"database    {name}: is there, {kept}"
    server.query(f'ALTER RETENTION POLICY "{policy["name"]}" ON "{name}" DURATION {duration}')
    return f"database    {name}: is there, now {kept}"


def _seconds(duration: str) -> int:
    """Return the seconds of a 1.x duration, e.g. ``2160h0m0s``; 0 (``0s``) is for ever."""
    match = _DURATION.fullmatch(duration)
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) if match else 0


# ---------------------------------------------------------------- tokens


def _token(title: str, file: Path, make: Callable[[], str]) -> str:
    """Write a fresh token into a file that holds none yet; returns what was done. The token itself is never printed."""
    try:
        if file.exists() and file.read_text(encoding="ascii").strip():
            return f"{title:<11} {file}: is there, left as it is (remove the file for a new one)"
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(make() + "\n")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; give a file that this user can write") from None
    return f"{title:<11} {file}: made"
