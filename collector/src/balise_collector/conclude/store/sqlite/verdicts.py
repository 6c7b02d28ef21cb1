"""Verdicts, by their measurement's place in the journal. Must not live here: what they mean."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from balise_collector.conclude.store import MatrixCell
from balise_collector.conclude.store.sqlite.counts import SqliteCounts
from balise_collector.judge.verdict import Verdict
from balise_collector.system.faults import Faults

_NO_ROW: Final = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, ValueError, TypeError)
"""What a value raises that cannot be written down, whatever the disk says."""
VERDICT = msgspec.json.Decoder(Verdict)


class SqliteVerdicts(SqliteCounts):
    """The table ``verdict``."""

    def save_verdicts(self, verdicts: Iterable[tuple[int, Verdict]], faults: Faults | None = None) -> None:
        """Keep verdicts by the journal's seq; a later judgement of a measurement takes the place of the first.

        One that cannot be kept is noted in ``faults``, and the others are kept (JournalError: none is, now).
        """
        whole = list(verdicts)
        try:
            self._save_verdicts(whole)
        except _NO_ROW as error:
            if faults is None:
                raise
            if len(whole) == 1:
                faults.note("store", error, whole[0][0])
                return
            middle = len(whole) // 2
            self.save_verdicts(whole[:middle], faults)
            self.save_verdicts(whole[middle:], faults)

    def _save_verdicts(self, verdicts: Sequence[tuple[int, Verdict]]) -> None:
        with self._writing():
            first = self.last_change() + 1
            rows = [
                (
                    seq, v.at, v.probe, v.network.country, v.network.asn, v.service, v.role.value, v.layer.value,
                    v.reference, v.state.value, change, msgspec.json.encode(v),
                )
                for change, (seq, v) in enumerate(verdicts, first)
            ]  # fmt: skip
            self._recount(rows)
            self._db.executemany("INSERT OR REPLACE INTO verdict VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", rows)

    def verdicts(
        self,
        since: float | None = None,
        until: float | None = None,
        probe: str | None = None,
        service: str | None = None,
        *,
        country: str | None = None,
        state: str | None = None,
        most: int | None = None,
    ) -> list[Verdict]:
        """Return verdicts by time, oldest first; every bound may be left out, times are UNIX seconds."""
        return [verdict for _, verdict in self.numbered_verdicts(since, until, probe, service, country, state, most)]

    def numbered_verdicts(
        self,
        since: float | None = None,
        until: float | None = None,
        probe: str | None = None,
        service: str | None = None,
        country: str | None = None,
        state: str | None = None,
        most: int | None = None,
    ) -> list[tuple[int, Verdict]]:
        """Return verdicts with their place in the journal, by time."""
        wanted: list[tuple[str, Any]] = [
            ("at >= ?", since),
            ("at <= ?", until),
            ("probe = ?", probe),
            ("service = ?", service),
            ("country = ?", country),
            ("state = ?", state),
        ]
        held = [(condition, value) for condition, value in wanted if value is not None]
        where = " AND ".join(condition for condition, _ in held) or "1"
        # The conditions are the literals above; values are bound.
        query = f"SELECT seq, body FROM verdict WHERE {where} ORDER BY at, seq LIMIT ?"  # noqa: S608 - as said above
        rows = self._db.execute(query, (*(value for _, value in held), -1 if most is None else most))
        return self._read_all(VERDICT, rows, "verdict of row")

    def reference_verdicts(self, since: float, until_seq: int) -> list[tuple[int, Verdict]]:
        """Return the references' verdicts from ``since`` (UNIX seconds) up to a place in the journal, oldest first."""
        rows = self._db.execute(
            "SELECT seq, body FROM verdict WHERE at >= ? AND reference = 1 AND seq <= ? ORDER BY seq",
            (since, until_seq),
        )
        return self._read_all(VERDICT, rows, "verdict of row")

    def verdicts_at(self, places: Iterable[int]) -> list[tuple[int, Verdict]]:
        """Return the verdicts of given places in the journal."""
        found = (self._db.execute("SELECT seq, body FROM verdict WHERE seq = ?", (seq,)).fetchone() for seq in places)
        return self._read_all(VERDICT, (row for row in found if row is not None), "verdict of row")

    def last_measured(self, probe: str) -> float | None:
        """Return the time of a probe's newest verdict, UNIX seconds; ``None`` for none."""
        row = self._db.execute("SELECT max(at) FROM verdict WHERE probe = ?", (probe,)).fetchone()
        return None if row[0] is None else float(row[0])

    def newest_of(self, probe: str) -> int | None:
        """Return the place in the journal of a probe's newest measurement; ``None`` for none."""
        row = self._db.execute("SELECT seq FROM verdict WHERE probe = ? ORDER BY at DESC LIMIT 1", (probe,)).fetchone()
        return None if row is None else int(row[0])

    def latest_verdict_at(self) -> float | None:
        """Return the time of the newest verdict: where a page's window ends when nothing arrives any more."""
        row = self._db.execute("SELECT max(at) FROM verdict").fetchone()
        return None if row[0] is None else float(row[0])

    def touched(self, after: int, most: int, width: float) -> tuple[list[int], int]:
        """Return the windows of ``width`` seconds that the next ``most`` verdict changes fall in, and the last of them.

        A window is counted from 1970. Without any change: none, and ``after``.
        """
        rows = self._db.execute(
            "SELECT change, at FROM verdict WHERE change > ? ORDER BY change LIMIT ?", (after, most)
        ).fetchall()
        return sorted({int(at // width) for _, at in rows}), rows[-1][0] if rows else after

    def matrix(self, at: float, window: float = 900.0) -> list[MatrixCell]:
        """Return what the verdicts of the ``window`` seconds up to ``at`` say of each provider, role and layer."""
        rows = self._db.execute(
            "SELECT country, asn, service, role, layer, state, count(*), count(DISTINCT probe), max(at) FROM verdict"
            " WHERE at > ? AND at <= ? GROUP BY country, asn, service, role, layer, state",
            (at - window, at),
        )
        cells: dict[tuple[Any, ...], MatrixCell] = {}
        for *key, state, count, probes, latest in rows:
            before = cells.get(tuple(key))
            country, asn, service, role, layer = key
            cells[tuple(key)] = MatrixCell(
                country=country,
                asn=asn,
                service=service,
                role=role,
                layer=layer,
                states={**(before.states if before else {}), state: count},
                probes=max(probes, before.probes if before else 0),
                latest=max(latest, before.latest if before else 0.0),
            )
        return [cells[key] for key in sorted(cells)]
