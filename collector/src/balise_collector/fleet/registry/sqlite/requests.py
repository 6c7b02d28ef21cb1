"""What probes were asked beside their timetables, and their answers: the newest of them."""

import hashlib
import sqlite3
from typing import Final

import msgspec

from balise_collector.fleet.claims import Asked
from balise_collector.fleet.registry.sqlite.tables import RegistryTables
from balise_collector.fleet.requests import DETAIL_MOST, KEPT_MOST, Answered, Kept
from balise_wire.request import Outcome, Reason, Request

TABLES: Final = """
CREATE TABLE IF NOT EXISTS request(
  id TEXT PRIMARY KEY, probe TEXT NOT NULL, body BLOB NOT NULL, made REAL NOT NULL, expires REAL NOT NULL,
  outcome TEXT, reason TEXT, measurement TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '', at REAL,
  closed INTEGER NOT NULL DEFAULT 0)
  WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS request_probe ON request(probe, made);
"""
_request = msgspec.json.Decoder(Request)


class SqliteRequests(RegistryTables):
    """The table ``request``; a target that no catalogue has is a task of its probe as well."""

    def add_request(self, probe: str, request: Request, asked: Asked | None) -> None:
        """Keep a request before it is sent.

        Args:
            probe: whom it is for.
            request: with its id.
            asked: its target, where the probe was not assigned it: results of it may arrive from now on.
        """
        with self._changing() as db:
            db.execute(
                "INSERT INTO request(id, probe, body, made, expires) VALUES(?,?,?,?,?)",
                (request.id, probe, msgspec.json.encode(request), request.made, request.expires),
            )
            db.execute(
                "DELETE FROM request WHERE id IN (SELECT id FROM request ORDER BY made DESC, id LIMIT -1 OFFSET ?)",
                (KEPT_MOST,),
            )
            if asked is not None:
                _give(db, probe, asked, request)

    def requests(self, probe: str = "") -> list[Kept]:
        """Return what is remembered, oldest first; of one probe or (empty) of all (DamagedError)."""
        with self._reading():
            rows = self._db.execute(
                "SELECT probe, body, outcome, reason, measurement, detail, at FROM request"
                " WHERE ? IN (probe, '') ORDER BY made, id",
                (probe,),
            )
            return [
                Kept(
                    probe=whose,
                    request=_request.decode(body),
                    outcome=None if outcome is None else Outcome(outcome),
                    reason=None if reason is None else Reason(reason),
                    measurement=measurement,
                    detail=detail,
                    at=at,
                )
                for whose, body, outcome, reason, measurement, detail, at in rows
            ]

    def note_answer(self, answered: Answered) -> bool:
        """Write down what a probe said of a request to it; whether that was news. Nothing follows a last word."""
        answer = answered.answer
        changed = self._write(
            "UPDATE request SET outcome = ?, reason = ?, measurement = ?, detail = ?, at = ?, closed = ?"
            " WHERE id = ? AND probe = ? AND closed = 0",
            (
                answer.outcome, answer.reason, answer.measurement[:32], answered.detail[:DETAIL_MOST], answered.at,
                answer.outcome.last, answer.request, answered.probe,
            ),
        )  # fmt: skip
        return changed > 0


def _give(db: sqlite3.Connection, probe: str, asked: Asked, request: Request) -> None:
    """Write down that a probe was given one target more, for as long as its results may arrive."""
    body = msgspec.json.encode((asked,))
    digest = hashlib.sha256(body).hexdigest()[:32]
    db.execute("INSERT OR IGNORE INTO task VALUES(?,?)", (digest, body))
    db.execute(
        "INSERT INTO given VALUES(?,?,?,?) ON CONFLICT(probe, digest) DO UPDATE SET until = max(until, excluded.until)"
        " WHERE until IS NOT NULL",
        (probe, digest, request.made, request.expires),
    )
