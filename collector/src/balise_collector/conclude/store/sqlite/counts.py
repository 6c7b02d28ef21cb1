"""How many verdicts there are: by bin and state in ``tally``, by state in ``total``.

Both are kept in the transactions that write verdicts. Must not live here: how counts are packed (conclude/tally.py).
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final

from balise_collector.conclude import tally
from balise_collector.conclude.store import HistoryCell
from balise_collector.conclude.store.sqlite.tables import StoreTables
from balise_wire.bins import BIN

_PART: Final = "country, asn, reference, service, role, layer"
_Key = tuple[int, str, int, int, str, str, str, str]
"""Key of a row of the tally: its day, the columns of ``_PART``, and the state."""
_NAMES: Final = _PART.split(", ")


def _note(changes: defaultdict[_Key, Counter[int]], at: float, part: tuple[Any, ...], count: int) -> None:
    """Note that ``count`` verdicts were added at a moment to a part (``_PART``) in a state."""
    place = tally.place_of(at)
    changes[place.day, *part][place.bin] += count


class SqliteCounts(StoreTables):
    """The tables ``tally`` and ``total``."""

    def _recount(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep the tally in step with verdict rows about to be written; one that is replaced no longer counts."""
        changes: defaultdict[_Key, Counter[int]] = defaultdict(Counter)
        newest = self._db.execute("SELECT coalesce(max(seq), 0) FROM verdict").fetchone()[0]
        columns = f"SELECT at, {_PART}, state FROM verdict WHERE seq = ?"  # noqa: S608 - the names above
        final = {row[0]: row for row in rows}
        for seq, row in final.items():
            _, at, _, country, asn, service, role, layer, reference, state, *_ = row
            _note(changes, at, (country, asn, int(reference), service, role, layer, state), 1)
            if seq <= newest and (before := self._db.execute(columns, (seq,)).fetchone()):
                _note(changes, before[0], before[1:], -1)
        _add_counts(self._db, changes)

    def history(self, since: float, until: float, step: float, service: str | None = None) -> list[HistoryCell]:
        """Return the verdicts of [since, until) as counts in bins of ``step`` seconds, without decoding any of them."""
        if since % BIN or until % BIN or step % BIN:
            return self._history_counted(since, until, step, service)
        columns, wide = int((until - since) // BIN), int(step // BIN)
        found = []
        for series in self.series(since, columns, service):
            part = {name: getattr(series, name) for name in _NAMES}
            for state, packed in series.counts.items():
                counts: Counter[int] = Counter()
                for place, count in enumerate(tally.unpack(packed, columns)):
                    if count:
                        counts[place // wide] += count
                found += [HistoryCell(**part, bin=bin_, state=state, verdicts=n) for bin_, n in counts.items()]
        return found

    def _history_counted(self, since: float, until: float, step: float, service: str | None) -> list[HistoryCell]:
        """Count the verdicts themselves, for bins that do not lie on those of the tally."""
        rows = self._db.execute(
            f"SELECT {_PART}, CAST((at - :since) / :step AS INTEGER) AS bin,"  # noqa: S608 - the names above
            " state, count(*) FROM verdict"
            " WHERE at >= :since AND at < :until AND (:service IS NULL OR service = :service)"
            f" GROUP BY {_PART}, bin, state",
            {"since": since, "until": until, "step": step, "service": service},
        )
        names = HistoryCell.__struct_fields__
        return [HistoryCell(**dict(zip(names, (*row[:2], bool(row[2]), *row[3:]), strict=True))) for row in rows]

    def series(self, since: float, columns: int, service: str | None = None) -> list[tally.TallySeries]:
        """Return what each part of a service on each provider was seen to be in ``columns`` bins (BIN).

        Args:
            since: UNIX seconds of the first bin, a multiple of BIN.
            columns: how many bins.
            service: of this service only; all of them where left out.
        """
        first, last = tally.place_of(since).day, tally.place_of(since + (columns - 1) * BIN).day
        rows = self._db.execute(
            f"SELECT {_PART}, state, day, counts FROM tally"  # noqa: S608 - the names above
            " WHERE day BETWEEN ? AND ? AND (? IS NULL OR service = ?)",
            (first, last, service, service),
        )
        parts: defaultdict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
        for *part, state, day, kept in rows:
            if packed := tally.window(tally.from_bytes(kept), day, since, columns):
                counts = parts[tuple(part)]
                counts[state] = counts.get(state, 0) + packed
        return [
            tally.TallySeries(
                country=country, asn=asn, reference=bool(reference), service=service, role=role, layer=layer,
                counts=counts,
            )
            for (country, asn, reference, service, role, layer), counts in sorted(parts.items())
        ]  # fmt: skip

    def count_by_state(self) -> dict[str, int]:
        """Return how many verdicts there are of each state, as counted in the transactions that wrote them."""
        return dict(self._db.execute("SELECT state, verdicts FROM total WHERE verdicts > 0").fetchall())


def count_anew(db: sqlite3.Connection) -> int:
    """Count every verdict, within a transaction; returns how many there are."""
    changes: defaultdict[_Key, Counter[int]] = defaultdict(Counter)
    verdicts = 0
    rows = db.execute(f"SELECT at, {_PART}, state FROM verdict")  # noqa: S608 - the names above
    for verdicts, (at, *part) in enumerate(rows, 1):  # noqa: B007 - returned
        _note(changes, at, tuple(part), 1)
    db.execute("DELETE FROM tally")
    db.execute("DELETE FROM total")
    _add_counts(db, changes)
    return verdicts


def _add_counts(db: sqlite3.Connection, changes: "dict[_Key, Counter[int]]") -> None:
    """Add to the tally and to the totals; a series without any count left is removed."""
    key = "day = ? AND country = ? AND asn = ? AND reference = ? AND service = ? AND role = ? AND layer = ?"
    for place, counts in changes.items():
        found = db.execute(f"SELECT counts FROM tally WHERE {key} AND state = ?", place).fetchone()  # noqa: S608 - the names above
        packed = (tally.from_bytes(found[0]) if found else 0) + tally.pack(counts)
        if packed:
            db.execute("INSERT OR REPLACE INTO tally VALUES(?,?,?,?,?,?,?,?,?)", (*place, tally.to_bytes(packed)))
        elif found:
            db.execute(f"DELETE FROM tally WHERE {key} AND state = ?", place)  # noqa: S608 - the names above
    totals: Counter[str] = Counter()
    for place, counts in changes.items():
        totals[place[-1]] += counts.total()
    db.executemany(
        "INSERT INTO total VALUES(?,?) ON CONFLICT DO UPDATE SET verdicts = verdicts + excluded.verdicts",
        totals.items(),
    )
