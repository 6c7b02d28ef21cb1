"""Asking the InfluxDB of a run, from outside its namespace, in InfluxQL.

Lives here: HTTP on a socket that was opened inside the centre, and reading the rows of an answer. Must not live here:
what is asked and what it means (points).
"""

import http.client
import json
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlencode

from balise_lab.centre import influx
from balise_lab.errors import LabError

_SECONDS = 30.0
_OK = frozenset({http.client.OK, http.client.NO_CONTENT})


class InfluxDb:
    """The server in the centre."""

    def __init__(self, inside: Callable[[], AbstractContextManager[None]]) -> None:
        """``inside`` puts the calling thread into the centre within its block."""
        self._inside = inside

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            self._ask("GET", "/ping", "")
        except LabError:
            return False
        return True

    def make(self, database: str) -> None:
        """Make an empty database (LabError when it is refused)."""
        self.rows(f'CREATE DATABASE "{database}"', "")

    def rows(self, question: str, database: str) -> list[dict[str, Any]]:
        """Return each row by column, with the series' tags; times are UNIX nanoseconds (LabError for an error)."""
        answer = json.loads(self._ask("POST", "/query", urlencode({"q": question, "db": database, "epoch": "ns"})))
        wrong = [one["error"] for one in (answer, *answer.get("results", ())) if "error" in one]
        if wrong:
            raise LabError(f"InfluxDB answers {question} with: {wrong[0]}")
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
            for result in answer["results"]
            for series in result.get("series", ())
            for values in series.get("values", ())
        ]

    def _ask(self, method: str, path: str, body: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", influx.PORT, timeout=_SECONDS)
        try:
            with self._inside():
                connection.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.sock.settimeout(_SECONDS)
            connection.sock.connect(("127.0.0.1", influx.PORT))
            connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise LabError(f"InfluxDB does not answer {path}: {error}") from error
        finally:
            connection.close()
        if answer.status not in _OK:
            raise LabError(f"InfluxDB answers {path} with {answer.status}: {said[:300].decode(errors='replace')}")
        return said
