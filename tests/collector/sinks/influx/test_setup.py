"""`influx setup`: makes what is missing, says so, and changes nothing the second time.

1.x is a real server; 2.x is a fake of its management API, plainly a fake: it answers with the shapes of
docs.influxdata.com/influxdb/v2/api and remembers. `make influx-contract` is for real ones.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from balise_collector.sinks.influx.setup import setup
from balise_collector.system.config import Influx
from balise_collector.system.errors import ConfigError
from tests.collector.influxserver import InfluxServer


class FakeTwo:
    """Buckets, mappings and authorizations in lists; GET lists, POST appends, PATCH changes."""

    version = "v2.7.12"
    token = "operator-token"

    def __init__(self) -> None:
        self.orgs = [{"id": "0a", "name": "balise"}]
        self.buckets: list[dict[str, Any]] = []
        self.dbrps: list[dict[str, Any]] = [{"id": "v", "database": "balise", "bucketID": "x", "virtual": True}]
        self.authorizations: list[dict[str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                name = parse_qs(parts.query).get("name", [""])[0]
                if parts.path == "/ping":
                    self._say(204, None)
                elif self.headers["Authorization"] != f"Token {fake.token}":
                    self._say(401, {"code": "unauthorized", "message": "unauthorized access"})
                elif parts.path == "/api/v2/orgs":
                    self._say(200, {"orgs": fake.orgs})
                elif parts.path == "/api/v2/buckets":
                    found = [one for one in fake.buckets if one["name"] == name]
                    self._say(200 if found else 404, {"buckets": found})
                elif parts.path == "/api/v2/dbrps":
                    self._say(200, {"content": fake.dbrps})

            def do_POST(self) -> None:
                body = self._body()
                kind: list[dict[str, Any]] = getattr(fake, urlsplit(self.path).path.rsplit("/", 1)[1])
                made = {**body, "id": f"{len(kind):02x}", "token": f"token-{len(kind)}"}
                kind.append(made)
                self._say(201, made)

            def do_PATCH(self) -> None:
                one = next(one for one in fake.buckets if one["id"] == self.path.rsplit("/", 1)[1])
                one.update(self._body())
                self._say(200, one)

            def _body(self) -> dict[str, Any]:
                found: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                return found

            def _say(self, status: int, answer: Any) -> None:
                text = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("X-Influxdb-Version", fake.version)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()


@pytest.fixture
def two() -> Iterator[FakeTwo]:
    """Return a running fake of 2.x."""
    fake = FakeTwo()
    yield fake
    fake.server.shutdown()
    fake.thread.join()
    fake.server.server_close()


def settings(url: str, folder: Path, **changes: Any) -> Influx:
    """Settings as an operator writes them before the setup."""
    return msgspec.structs.replace(Influx(url=url, token_file=str(folder / "influx.token")), **changes)


def run(influx: Influx, credential: str, folder: Path, days: int = 90) -> list[str]:
    """Run the setup; returns what it said."""
    return list(setup(influx, credential, days, 0, folder / "grafana.token"))


def test_a_2_server_gets_buckets_mappings_and_two_tokens(two: FakeTwo, tmp_path: Path) -> None:
    """Least rights: the collector writes two buckets, Grafana reads them; the tokens go to files that only we read."""
    influx = settings(f"http://127.0.0.1:{two.server.server_port}", tmp_path)
    said = run(influx, two.token, tmp_path)
    assert [line.split()[0] for line in said] == [
        "server", "bucket", "bucket", "mapping", "mapping", "write", "read"
    ]  # fmt: skip
    assert {one["name"]: one["retentionRules"] for one in two.buckets} == {
        "balise": [{"type": "expire", "everySeconds": 90 * 86400}],
        "balise_rollup": [],
    }
    assert [(one["database"], one["default"]) for one in two.dbrps if not one.get("virtual")] == [
        ("balise", True),
        ("balise_rollup", True),
    ]
    rights = [{one["action"] for one in held["permissions"]} for held in two.authorizations]
    assert rights == [{"write"}, {"read"}]
    assert {one["resource"]["id"] for one in two.authorizations[0]["permissions"]} == {"00", "01"}
    assert (tmp_path / "influx.token").read_text() == "token-0\n"
    assert (tmp_path / "influx.token").stat().st_mode & 0o777 == 0o600
    assert not any("token-0" in line or "token-1" in line for line in said)


def test_a_second_run_changes_nothing_and_a_new_retention_is_set(two: FakeTwo, tmp_path: Path) -> None:
    """Idempotent: what is there is said to be there."""
    influx = settings(f"http://127.0.0.1:{two.server.server_port}", tmp_path)
    run(influx, two.token, tmp_path)
    before = json.dumps([two.buckets, two.dbrps, two.authorizations])
    said = run(influx, two.token, tmp_path)
    assert json.dumps([two.buckets, two.dbrps, two.authorizations]) == before
    assert all("is there" in line for line in said[1:])
    assert "now kept 30 days" in run(influx, two.token, tmp_path, days=30)[1]
    assert two.buckets[0]["retentionRules"][0]["everySeconds"] == 30 * 86400


def test_what_is_wrong_is_said_with_its_mend(two: FakeTwo, tmp_path: Path, free_port: int) -> None:
    """A wrong token, a missing organisation, a silent server, InfluxDB 3: one line each, nothing half made."""
    influx = settings(f"http://127.0.0.1:{two.server.server_port}", tmp_path)
    with pytest.raises(ConfigError, match="operator"):
        run(influx, "wrong", tmp_path)
    with pytest.raises(ConfigError, match="influx org create"):
        run(msgspec.structs.replace(influx, org="other"), two.token, tmp_path)
    with pytest.raises(ConfigError, match="does not answer"):
        run(settings(f"http://127.0.0.1:{free_port}", tmp_path), "t", tmp_path)
    with pytest.raises(ConfigError, match="token_file is not set"):
        run(Influx(url=influx.url), "t", tmp_path)
    two.version = "3.1.0"
    with pytest.raises(ConfigError, match="influxdb3 create database balise"):
        run(influx, two.token, tmp_path)
    assert not (tmp_path / "influx.token").exists()


@pytest.mark.parametrize(("version", "say"), [("", "does not call itself InfluxDB"), ("v2.7", "no JSON object")])
def test_an_impostor_is_told_and_nothing_is_made(tmp_path: Path, version: str, say: str) -> None:
    """A portal that answers 200 to everything is no InfluxDB of unknown version, and no traceback."""

    class Portal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("X-Influxdb-Version" if version else "X-Portal", version or "1")
            self.send_header("Content-Length", "13")
            self.end_headers()
            self.wfile.write(b"<html></html>")

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(ConfigError, match=say):
                run(settings(f"http://127.0.0.1:{server.server_port}", tmp_path), "t", tmp_path)
        finally:
            server.shutdown()
            thread.join()
    assert not (tmp_path / "influx.token").exists()


@pytest.mark.influx
def test_a_real_1_server_gets_databases_policies_and_users(influx: InfluxServer, tmp_path: Path) -> None:
    """The tokens it wrote do what they are for and no more; a second run changes nothing."""
    names = {"bucket": "made", "rollup_bucket": "made_rollup"}
    wanted = settings(influx.url, tmp_path, **names)
    said = run(wanted, influx.admin_token, tmp_path)
    assert sum("made" in line for line in said) >= 4
    assert all("is there" in line for line in run(wanted, influx.admin_token, tmp_path)[1:])
    assert "now kept 7 days" in run(wanted, influx.admin_token, tmp_path, days=7)[1]
    name, _, secret = (tmp_path / "grafana.token").read_text().strip().partition(":")
    reader = (name, secret)
    assert influx.query('SELECT * FROM "x"', "made", user=reader) == []
    with pytest.raises(AssertionError, match=r"403|not authorized"):
        influx.query('SELECT * FROM "x"', "other", user=reader)
    policies = influx.query('SHOW RETENTION POLICIES ON "made"', user=("admin", "admin-password"))
    assert policies[0]["values"][0][1] == "168h0m0s"


@pytest.mark.influx
def test_a_wrong_administrator_is_told(influx: InfluxServer, tmp_path: Path) -> None:
    """The message names the option and what must be in the file."""
    with pytest.raises(ConfigError, match="--admin-token-file"):
        run(settings(influx.url, tmp_path), "admin:wrong", tmp_path)
