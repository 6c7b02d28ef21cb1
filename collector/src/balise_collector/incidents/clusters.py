"""Which episodes of one service, country and kind are one event. Pure.

Must not live here: what an incident says of its episodes (make.py).
"""

from collections.abc import Sequence
from typing import Final

from balise_collector.detect.cell_walk import INTERMITTENT
from balise_collector.detect.model import Episode
from balise_wire.bins import BIN

FAR: Final = 1 << 40
"""A bin after all others: the end of what is still open."""
SOON: Final = 3
"""Bins, a quarter of an hour, within which another part of a service that fails goes on with what failed."""
TOGETHER: Final = 12
"""Bins within which one probe's trouble begins together with what others confirm: an hour."""


def clusters(episodes: Sequence[Episode]) -> list[list[Episode]]:
    """Join episodes that overlap or soon follow, and those of one part of a service within two hours.

    What stands since before our time is an event of its own: a block that begins beside it must not hide in it. Where
    it is first met with an event, by some of its probes, it is that event: those that looked too late to see it begin
    are told by those that did. One probe's word joins an event that others confirm where it begins together with it,
    and none otherwise.
    """
    told = [e for e in episodes if e.confirmed and not e.standing]
    confirmed = _linked(told)
    alone = []
    for each in (e for e in episodes if not e.confirmed and not e.standing):
        home = next((c for c in confirmed if abs(_begun(c) - int(each.onset.latest // BIN)) <= TOGETHER), None)
        if home is None:
            alone.append(each)
        else:
            home.append(each)
    for each in (e for e in episodes if e.standing and e.confirmed):
        home = next((c for c in confirmed if _met_with(c, each)), None)
        if home is not None and not _covers(home, each):
            home.append(each)
    since_ever = [e for e in episodes if e.standing and not any(e in c or _covers(c, e) for c in confirmed)]
    standing = _linked([e for e in since_ever if e.confirmed])
    lonely = []
    for each in (e for e in since_ever if not e.confirmed):
        # Nobody saw them begin, so nothing but the probe itself tells that they are one event.
        probes = {m.probe for m in each.members}
        home = next((c for c in standing if probes <= {m.probe for e in c for m in e.members}), None)
        if home is None:
            lonely.append(each)
        else:
            home.append(each)
    return [*confirmed, *_linked(alone), *standing, *_linked(lonely)]


def spoken_of(cluster: Sequence[Episode]) -> Sequence[Episode]:
    """Return the episodes that an incident speaks of: those that several witnesses confirm, where there are any.

    What one alone saw beside them is kept with them, and neither dates, ends, nor widens anything.
    """
    return [e for e in cluster if e.confirmed] or cluster


def reach(cluster: Sequence[Episode]) -> tuple[int, int]:
    """Return the bins a cluster covers."""
    return (
        min(int(e.onset.latest // BIN) for e in cluster),
        max(FAR if e.closed_bin is None else e.closed_bin for e in cluster),
    )


def _covers(cluster: Sequence[Episode], standing: Episode) -> bool:
    """Whether a cluster already holds the probes of a standing episode at its time.

    A probe that was switched on during a block fails from its first measurement; the others tell when it began.
    """
    probes = {m.probe for e in cluster for m in e.members}
    first, last = reach(cluster)
    return {m.probe for m in standing.members} <= probes and first <= standing.opened_bin <= last


def _met_with(cluster: Sequence[Episode], standing: Episode) -> bool:
    """Whether a standing episode shares probes with a cluster, and nobody met it well before the cluster began.

    In the minutes in which something begins one probe still has it well while another fails already, for a measurement
    takes its time. Of a country whose other probes had not looked before, that is no beginning; of one provider it is.
    """
    probes = {m.probe for e in cluster for m in e.members}
    first = min(e.onset.latest if e.onset.earliest is None else e.onset.earliest for e in cluster)
    return (
        any(m.probe in probes for m in standing.members)
        and standing.onset.latest >= first - BIN
        and standing.opened_bin <= reach(cluster)[1]
    )


def _begun(cluster: Sequence[Episode]) -> int:
    """Return the first bin of the confirmed part of a cluster."""
    return min(int(e.onset.latest // BIN) for e in cluster if e.confirmed)


def _linked(episodes: Sequence[Episode]) -> list[list[Episode]]:
    """Chain episodes by time."""
    chains: list[list[Episode]] = []
    for each in sorted(episodes, key=lambda e: (e.onset.latest, e.id)):
        home = next((chain for chain in reversed(chains) if _goes_on(chain, each)), None)
        if home is None:
            chains.append([each])
        else:
            home.append(each)
    return chains


def _goes_on(chain: Sequence[Episode], each: Episode) -> bool:
    """Whether an episode goes on with a chain: it overlaps or soon follows, or the same part of a service fails anew.

    Calls that fail in the morning and pictures that fail at noon are two events (mission.md S19).
    """
    start = int(each.onset.latest // BIN)
    if start <= reach(chain)[1] + SOON:
        return True
    same = [e for e in chain if (e.key.role, e.key.layer) == (each.key.role, each.key.layer)]
    return bool(same) and start <= reach(same)[1] + INTERMITTENT
