"""What the collector itself noticed of probes: notices, from where they connect, and what each may still send."""

from collections.abc import Mapping, Sequence
from typing import Final

from balise_collector.fleet.quota import Account
from balise_collector.fleet.whereabouts import KEPT_MOST, Sighting
from balise_collector.journal import Notice, NoticeKind, NoticeRow
from balise_collector.journal.sqlite.tables import Tables

_NOTICED: Final = frozenset(kind.value for kind in NoticeKind)
NOTICE_LASTS: Final = 86_400.0
"""Seconds after which the same, noticed again, is another notice; shorter pauses are one."""
_SIGHTINGS_KEPT: Final = 200_000
"""Changes of the network of a line that are kept."""
_NOTICES_KEPT: Final = 20_000
_DETAIL_MOST: Final = 300


class SqliteNotices(Tables):
    """The tables ``notice``, ``sighting`` and ``allowance``."""

    def _append_sightings(self, sightings: Sequence[Sighting]) -> None:
        """Keep from where a probe was seen to connect, where that has changed; an address never comes this far."""
        fresh = 0
        for seen in sightings:
            probe = self._number("probe", "id", seen.probe)
            last = self._db.execute(
                "SELECT asn, country FROM sighting WHERE probe = ? ORDER BY no DESC LIMIT 1", (probe,)
            ).fetchone()
            if last != (seen.asn, seen.country):
                self._db.execute(
                    "INSERT INTO sighting(probe, at, asn, country) VALUES(?,?,?,?)",
                    (probe, seen.at, seen.asn, seen.country),
                )
                self._db.execute(
                    "DELETE FROM sighting WHERE probe = ? AND no <= (SELECT no FROM sighting WHERE probe = ?"
                    " ORDER BY no DESC LIMIT 1 OFFSET ?)",
                    (probe, probe, KEPT_MOST),
                )
                fresh += 1
        if fresh:
            self._db.execute("DELETE FROM sighting WHERE no <= (SELECT max(no) FROM sighting) - ?", (_SIGHTINGS_KEPT,))

    def sightings(self, after: int) -> list[Sighting]:
        """Return the sightings with ``no`` above ``after``, in order."""
        rows = self._db.execute(
            "SELECT s.no, p.id, s.at, s.asn, s.country FROM sighting s JOIN probe p ON p.no = s.probe"
            " WHERE s.no > ? ORDER BY s.no",
            (after,),
        )
        return [Sighting(no=no, probe=probe, at=at, asn=asn, country=country) for no, probe, at, asn, country in rows]

    def _append_notices(self, notices: Sequence[Notice], received_at: float) -> None:
        for notice in notices:
            probe = self._number("probe", "id", notice.probe)
            last = self._db.execute(
                "SELECT no, at FROM notice WHERE probe = ? AND kind = ? ORDER BY no DESC LIMIT 1",
                (probe, notice.kind.value),
            ).fetchone()
            if last is not None and received_at - last[1] <= NOTICE_LASTS:
                self._db.execute(
                    "UPDATE notice SET at = ?, times = times + 1, detail = ? WHERE no = ?",
                    (received_at, notice.detail[:_DETAIL_MOST], last[0]),
                )
            else:
                self._db.execute(
                    "INSERT INTO notice(probe, kind, began, at, times, detail) VALUES(?,?,?,?,1,?)",
                    (probe, notice.kind.value, received_at, received_at, notice.detail[:_DETAIL_MOST]),
                )
        if notices:
            self._db.execute("DELETE FROM notice WHERE no <= (SELECT max(no) FROM notice) - ?", (_NOTICES_KEPT,))

    def latest_notices(self) -> dict[str, tuple[NoticeRow, ...]]:
        """Return the newest notice of each kind, by probe."""
        rows = self._db.execute(
            "SELECT n.no, p.id, n.kind, n.began, n.at, n.times, n.detail FROM notice n JOIN probe p ON p.no = n.probe"
            " WHERE n.no = (SELECT max(no) FROM notice WHERE probe = n.probe AND kind = n.kind)"
            " ORDER BY n.at DESC, n.no"
        )
        found: dict[str, tuple[NoticeRow, ...]] = {}
        for no, probe, kind, began, at, times, detail in rows:
            if kind not in _NOTICED:
                continue
            row = NoticeRow(no=no, probe=probe, kind=NoticeKind(kind), began=began, at=at, times=times, detail=detail)
            found[probe] = (*found.get(probe, ()), row)
        return found

    def accounts(self) -> dict[str, Account]:
        """Return what each probe had left when it was last written down."""
        rows = self._ask("SELECT p.id, a.pool, a.backlog, a.at FROM allowance a JOIN probe p ON p.no = a.probe")
        return {probe: Account(pool, backlog, at) for probe, pool, backlog, at in rows}

    def _save_accounts(self, accounts: Mapping[str, Account]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO allowance VALUES(?,?,?,?)",
            [(self._number("probe", "id", probe), one.pool, one.backlog, one.at) for probe, one in accounts.items()],
        )
