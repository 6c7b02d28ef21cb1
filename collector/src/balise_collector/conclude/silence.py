"""Which probes are silent: pure bookkeeping of when each was last heard, and of when we were listening.

A silence counts only while we listened: the collector's own outage must not look like everyone's. A probe that said
goodbye is away, not silent. Must not live here: what a silence means (detect/).
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from balise_collector.journal import PresenceRow
from balise_wire.words import Lifecycle

_WATCH_GAP: Final = 90.0
"""Two watches closer than this are one: a restart, or the half minute between two entries of an idle collector."""
_AWAY: Final = frozenset({Lifecycle.DISCONNECTED, Lifecycle.SLEEPING, Lifecycle.UNKNOWN})
"""A word that we cannot read may be a good-bye as well: what follows it is no silence until something else is heard."""


class LastHeard(msgspec.Struct):
    """When each probe was last heard (UNIX seconds, our clock), and since when it is lost or away."""

    heard: dict[str, float] = {}
    lost: dict[str, float] = {}
    away: dict[str, float] = {}

    def note(self, probe: str, at: float) -> None:
        """Note that something arrived from a probe; what was said of its state since then stands."""
        self.heard[probe] = max(at, self.heard.get(probe, 0.0))
        for said in (self.lost, self.away):
            if said.get(probe, at) <= at:
                said.pop(probe, None)

    def presence(self, row: PresenceRow) -> None:
        """Note what a probe, or the broker for a dead one, said of its state."""
        if row.state is Lifecycle.LOST:
            self.lost[row.probe] = row.at
        elif row.state in _AWAY:
            self.away[row.probe] = row.at
        else:
            self.note(row.probe, row.at)

    def silent(
        self,
        at: float,
        after: float,
        interval: float,
        watched: Sequence[tuple[float, float]],
        paces: Mapping[str, int] | None = None,
    ) -> dict[str, float]:
        """Return since when each silent probe is silent.

        Args:
            at: UNIX seconds.
            after: seconds without a word that are silence.
            interval: seconds that are enough where the broker says that the connection is lost.
            watched: when we listened, oldest first.
            paces: seconds between two runs of a target, by probe: one that measures seldom is waited for longer.
        """
        found: dict[str, float] = {}
        for probe, last in self.heard.items():
            if probe in self.away:
                continue
            needed = interval if probe in self.lost else max(after, 2.0 * (paces or {}).get(probe, 0))
            if at - last > needed and was_watched(at - needed, at, watched):
                found[probe] = last
        return found


def was_watched(start: float, end: float, watched: Sequence[tuple[float, float]]) -> bool:
    """Whether we listened all the time from ``start`` to ``end``, but for gaps of at most 90 s."""
    reached = start
    for began, until in watched:
        if until < reached - _WATCH_GAP:
            continue
        if began > reached + _WATCH_GAP:
            return False
        reached = max(reached, until)
        if reached + _WATCH_GAP >= end:
            return True
    return False
