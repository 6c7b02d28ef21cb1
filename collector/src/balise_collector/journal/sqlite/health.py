"""Health reports of probes: gauges, no evidence, and only the newest are kept."""

import itertools
from collections.abc import Sequence
from typing import Final

import msgspec

from balise_collector.journal import HealthRow, Report
from balise_collector.journal.sqlite.streams import SqliteStreams, Touched
from balise_wire.status import Health

_HEALTH_KEPT: Final = 500_000
"""Newest health reports that are kept: a hundred probes for a fortnight. They are gauges, no evidence."""
_HEALTH: Final = msgspec.json.Decoder(Health)


class SqliteHealth(SqliteStreams):
    """The table ``health``."""

    def _append_health(self, health: Sequence[Report], received_at: float, touched: Touched) -> None:
        if not health:
            return
        for report in health:
            probe = self._number("probe", "id", report.probe)
            self._heard(probe, report.session, report.stream, report.oldest, touched)
        self._db.executemany(
            "INSERT INTO health(probe, received_at, body) VALUES(?,?,?)",
            [
                (self._number("probe", "id", report.probe), received_at, msgspec.json.encode(report.health))
                for report in health
            ],
        )
        self._db.execute("DELETE FROM health WHERE no <= (SELECT max(no) FROM health) - ?", (_HEALTH_KEPT,))

    def health(self, after: int, most: int) -> list[HealthRow]:
        """Return up to ``most`` health reports with ``no`` above ``after``, in order, without damaged ones."""
        while True:
            rows = self._ask(
                "SELECT h.no, h.received_at, p.id, h.body FROM health h JOIN probe p ON p.no = h.probe"
                " WHERE h.no > ? ORDER BY h.no LIMIT ?",
                after,
                most,
            )
            found = [row for row in itertools.starmap(_health_row, rows) if row is not None]
            if found or not rows:
                return found
            after = rows[-1][0]

    def reported(self, after: float, until: float) -> dict[str, float]:
        """Return when the last health report of each probe came that was received in (after, until], UNIX seconds."""
        rows = self._ask(
            "SELECT p.id, h.at FROM (SELECT probe, max(received_at) AS at FROM health"
            " WHERE received_at > ? AND received_at <= ? GROUP BY probe) h JOIN probe p ON p.no = h.probe",
            after,
            until,
        )
        return dict(rows)

    def latest_health(self) -> dict[str, HealthRow]:
        """Return the last health report of each probe."""
        rows = self._ask(
            "SELECT h.no, h.received_at, p.id, h.body FROM probe p JOIN health h"
            " ON h.no = (SELECT max(no) FROM health WHERE probe = p.no)"
        )
        found = itertools.starmap(_health_row, rows)
        return {row.probe: row for row in found if row is not None}

    def last_health(self) -> int:
        """Return the position of the newest health report; 0 where there is none."""
        return self._one("SELECT coalesce(max(no), 0) FROM health")


def _health_row(no: int, received_at: float, probe: str, body: bytes) -> HealthRow | None:
    """Return one health report; ``None`` for one that was damaged on the disk."""
    try:
        return HealthRow(no=no, received_at=received_at, probe=probe, health=_HEALTH.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
