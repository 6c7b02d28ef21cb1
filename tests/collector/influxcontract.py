"""Somebody's own InfluxDB 1.8, 2.x or 3, for `make influx-contract`: the assertions of the 1.6 tests, on it.

BALISE_INFLUX_URL and BALISE_INFLUX_TOKEN name it, BALISE_INFLUX_ORG its organisation on 2.x. The token must be able to
make databases (2.x: an operator token; 1.8: ``name:password`` of an administrator). Every name begins with
``balise_contract_`` and is removed again. Must not live here: expectations.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import Any
from urllib.parse import urlencode

import urllib3

from balise_collector.sinks.influx import setup as influx_setup
from balise_collector.system.config import Influx

DAYS = 36_500
"""The afternoon of the tests is years ago, and must be within the retention."""


class ContractServer:
    """The server as the tests see one; the write token is the one that was given."""

    def __init__(self, url: str, token: str, org: str) -> None:
        self.url = url.rstrip("/")
        self.write_token = token
        self.org = org
        self._admin = influx_setup.Server(Influx(url=url), token)
        self._pool = urllib3.PoolManager(retries=False, timeout=30.0)
        self._run = secrets.token_hex(4)
        self._made: dict[str, str] = {}
        self.version = self._admin.version()

    def start(self) -> None:
        """Nothing: it runs."""

    def database(self, name: str, *, keep: str = "") -> str:
        """Make an empty database and return its name; ``keep`` is a retention, ``1h`` or empty for very long."""
        full = f"balise_contract_{self._run}_{name}"
        self._remove(full)
        if self.version.startswith("1."):
            self._admin.query(f'CREATE DATABASE "{full}"{f" WITH DURATION {keep}" if keep else ""}')
            self._made[full] = full
        elif self.version.startswith("2."):
            org_id = influx_setup._org(self._admin, self.org)
            rules = [{"type": "expire", "everySeconds": 3600}] if keep else []
            body = {"orgID": org_id, "name": full, "retentionRules": rules}
            self._made[full] = self._admin.ask("POST", "/api/v2/buckets", body=body)["id"]
            influx_setup._mapping(self._admin, org_id, full, self._made[full])
        return full  # 3 makes a database with the first write

    def _remove(self, full: str) -> None:
        held = self._made.pop(full, "")
        if held and self.version.startswith("1."):
            self._admin.query(f'DROP DATABASE "{full}"')
        elif held:
            self._pool.request("DELETE", f"{self.url}/api/v2/buckets/{held}", headers=self._headers)

    def stop(self) -> None:
        """Remove every database that was made."""
        for full in list(self._made):
            self._remove(full)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.write_token}"}

    def rows(self, question: str, database: str) -> list[dict[str, Any]]:
        """Ask in InfluxQL, and return each row by column, with the series' tags."""
        asked = urlencode({"q": question, "db": database, "epoch": "ms"})
        answer = self._pool.request("GET", f"{self.url}/query?{asked}", headers=self._headers)
        assert answer.status == 200, f"{answer.status} {answer.data[:300]!r} to {question}"
        result = json.loads(answer.data)["results"][0]
        assert "error" not in result, f"{result['error']} to {question}"
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
            for series in result.get("series", [])
            for values in series.get("values", [])
        ]


def named() -> ContractServer | None:
    """Return the server that the environment names, or None."""
    url = os.environ.get("BALISE_INFLUX_URL", "")
    if not url:
        return None
    return ContractServer(url, os.environ.get("BALISE_INFLUX_TOKEN", ""), os.environ.get("BALISE_INFLUX_ORG", "balise"))
