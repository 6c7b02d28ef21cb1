"""What probes and brokers said of their states, and when we listened.

Must not live here: what a silence means (conclude/silence.py).
"""

from collections.abc import Sequence
from typing import Final

from balise_collector.journal import Presence, PresenceRow
from balise_collector.journal.sqlite.streams import SqliteStreams, Touched, Voice
from balise_wire.words import Lifecycle

_WATCHES_ASKED: Final = 100
PRESENCE_KEPT: Final = 100_000
"""Newest states of each probe that are kept: five years of a probe that comes and goes fifty times a day."""
_PRESENCE_LOOK: Final = 64
"""One in so many new states looks whether its probe has too many: a probe that says many does it often."""
_STATES: Final = frozenset(state.value for state in Lifecycle)


class SqlitePresence(SqliteStreams):
    """The tables ``presence`` and ``watch``."""

    _watching: float | None = None
    """When the watch began that goes on; a commit that failed does not end it."""

    def _append_presence(self, presence: Sequence[Presence], received_at: float, touched: Touched) -> None:
        for heard in presence:
            probe = self._number("probe", "id", heard.probe)
            last = self._db.execute(
                "SELECT state, session FROM presence WHERE probe = ? ORDER BY no DESC LIMIT 1", (probe,)
            ).fetchone()
            if not self._believed(probe, heard, last[1] if last else 0):
                continue
            if heard.proved:
                self._heard(probe, heard.session, heard.stream, heard.oldest, touched)
                number = heard.number or self._voice(probe).number
                self._speaks(probe, Voice(heard.session, number, proves=True))
            if last != (heard.state.value, heard.session):
                added = self._db.execute(
                    "INSERT INTO presence(probe, received_at, state, session) VALUES(?,?,?,?)",
                    (probe, received_at, heard.state.value, heard.session),
                )
                if (added.lastrowid or 0) % _PRESENCE_LOOK == 0:
                    self._db.execute(
                        "DELETE FROM presence WHERE probe = ? AND no <= (SELECT no FROM presence WHERE probe = ?"
                        " ORDER BY no DESC LIMIT 1 OFFSET ?)",
                        (probe, probe, PRESENCE_KEPT),
                    )

    def _believed(self, probe: int, heard: Presence, last: int) -> bool:
        """Whether a state is news: no late will of an earlier session, no repeat, no forgery where proofs are given.

        The retained state comes again with each of our connections; a broker may repeat any that it ever saw. The
        session that an unproved state names counts (``last``) only as long as nothing was heard under the probe's seal:
        a forged one must not bury all that follow.
        """
        voice = self._voice(probe)
        if heard.session < (voice.session or last) or (voice.proves and not heard.proved):
            return False
        repeated = heard.session == voice.session and heard.number <= voice.number
        return not (heard.proved and voice.proves and heard.number and repeated)

    def presence(self, after: float, until: float) -> list[PresenceRow]:
        """Return the state messages received in (after, until], in order."""
        rows = self._ask(
            "SELECT s.received_at, p.id, s.state FROM presence s JOIN probe p ON p.no = s.probe"
            " WHERE s.received_at > ? AND s.received_at <= ? ORDER BY s.no",
            after,
            until,
        )
        return [_presence_row(*row) for row in rows if row[2] in _STATES]

    def latest_presence(self) -> dict[str, PresenceRow]:
        """Return the last state message of each probe."""
        rows = self._ask(
            "SELECT s.received_at, p.id, s.state FROM probe p JOIN presence s"
            " ON s.no = (SELECT max(no) FROM presence WHERE probe = p.no)"
        )
        return {row[1]: _presence_row(*row) for row in rows if row[2] in _STATES}

    @property
    def watching(self) -> float | None:
        """When this writer began to watch, where it does."""
        return self._watching

    def watch(self, at: float | None) -> None:
        """Begin to watch at ``at`` (connected to a broker), or stop: a silence counts only while we listened.

        Raises:
            JournalError: it could not be written down.
        """
        if at is None:
            self._watching = None
            return
        self._write("INSERT OR REPLACE INTO watch VALUES(?,?)", at, at)
        self._watching = at

    def _touch_watch(self, until: float) -> None:
        if self._watching is not None:
            self._db.execute("UPDATE watch SET until = ? WHERE started = ?", (until, self._watching))

    def watched(self, before: float | None = None) -> list[tuple[float, float]]:
        """Return the last times that we listened, as intervals of UNIX seconds, oldest first.

        With ``before``, those that began before it; a few suffice to know whether the last hour was watched.
        """
        rows = self._ask(
            "SELECT started, until FROM watch WHERE started <= ? ORDER BY started DESC LIMIT ?",
            float("inf") if before is None else before,
            -1 if before is None else _WATCHES_ASKED,
        )
        return [(started, until) for started, until in reversed(rows)]


def _presence_row(at: float, probe: str, state: str) -> PresenceRow:
    return PresenceRow(at=at, probe=probe, state=Lifecycle(state))
