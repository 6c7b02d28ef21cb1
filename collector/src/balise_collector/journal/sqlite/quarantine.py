"""What was refused, in bounded room: who filled it makes room."""

from collections import Counter
from collections.abc import Sequence

from balise_collector.journal import RefusedMessage
from balise_collector.journal.sqlite.tables import Tables


class SqliteQuarantine(Tables):
    """The table ``quarantine``."""

    _quarantine_bytes = 64 * 1024 * 1024

    def _forget(self) -> None:
        super()._forget()
        self._quarantined = -1
        self._quarantined_of: Counter[str] = Counter()

    def _append_refused(self, refused: Sequence[RefusedMessage], received_at: float) -> None:
        if not refused:
            return
        if self._quarantined < 0:
            self._quarantined = self._tally("quarantined_bytes") or 0
            held = self._ask("SELECT probe, sum(bytes) FROM quarantine GROUP BY probe")
            self._quarantined_of = Counter(dict(held))
        rows = [(received_at, r.probe, r.topic[:300], r.reason, len(r.raw) + 200, r.raw) for r in refused]
        self._db.executemany(
            "INSERT INTO quarantine(received_at, probe, topic, reason, bytes, raw) VALUES(?,?,?,?,?,?)", rows
        )
        before = self._quarantined
        for row in rows:
            self._quarantined += row[4]
            self._quarantined_of[row[1]] += row[4]
        dropped = 0
        while self._quarantined > self._quarantine_bytes:
            # Who filled it makes room: one that is refused all day must not push out what others were refused for.
            ((most, _),) = self._quarantined_of.most_common(1)
            oldest = self._db.execute(
                "SELECT no, bytes FROM quarantine WHERE probe = ? ORDER BY no LIMIT 16", (most,)
            ).fetchall()
            if not oldest:
                del self._quarantined_of[most]
            for no, size in oldest:
                if self._quarantined <= self._quarantine_bytes:
                    break
                self._db.execute("DELETE FROM quarantine WHERE no = ?", (no,))
                self._quarantined -= size
                self._quarantined_of[most] -= size
                dropped += 1
        self._add(
            quarantined=len(rows) - dropped,
            quarantined_bytes=self._quarantined - before,
            quarantine_dropped=dropped,
        )

    def quarantine(self, most: int = 100) -> list[tuple[float, str, str, str]]:
        """Return the newest refusals: time, probe, topic and reason."""
        rows = self._ask("SELECT received_at, probe, topic, reason FROM quarantine ORDER BY no DESC LIMIT ?", most)
        return [(at, probe, topic, reason) for at, probe, topic, reason in rows]
