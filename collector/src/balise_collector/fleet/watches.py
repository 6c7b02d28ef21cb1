"""Watch windows: the operator has some services of a country looked at more often for a time. Pure.

Because something is expected (a conference, a vote, an anniversary), and for no other reason: a window is shown beside
what was found in it, and no rule and no detector reads it. Must not live here: where they are kept (registry/), when a
probe looks (the agent), sentences.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from balise_collector.fleet.members import Member
from balise_collector.incidents.model import Incident
from balise_wire.assignment import Watch
from balise_wire.bins import BIN

MOST: Final = 8
"""Windows that a probe takes at a time (its own bound)."""
LONGEST: Final = 7 * 86_400.0
"""Seconds of one."""
SHORTEST_INTERVAL: Final = BIN
"""Seconds between two looks: each minute, a server that takes few connections a minute of one address refused the
homes and the references that were then asked, and was told as broken everywhere (virtual field)."""


class WatchWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One window, as the operator made it."""

    id: str
    """8 hex digits."""
    country: str
    services: tuple[str, ...]
    since: float
    """UNIX seconds."""
    until: float
    interval: int
    """Seconds between two looks at a target."""
    made: float
    """UNIX seconds."""

    def is_over(self, now: float) -> bool:
        """Whether nothing is asked for any more."""
        return now >= self.until


def findings(window: WatchWindow, known: Iterable[str], now: float, others: Sequence[WatchWindow]) -> str:
    """Say what is wrong with a window, and the mend; empty where nothing is.

    Args:
        window: as it was asked for.
        known: ids of the services that are measured.
        now: UNIX seconds.
        others: those that there are.
    """
    missing = sorted(set(window.services) - set(known))
    if not window.services or missing:
        there = ", ".join(sorted(known))
        return f"--service: {', '.join(missing) or 'none is named'}: not measured; there are {there}"
    if window.until <= max(window.since, now):
        return "--for, --until: it would be over already; give an end that is to come"
    if window.until - window.since > LONGEST:
        return f"--for: {window.until - window.since:.0f} s; a window is {LONGEST / 86_400:.0f} days at most"
    if window.interval < SHORTEST_INTERVAL:
        return f"--interval: {window.interval} s; probes keep {SHORTEST_INTERVAL} s or more between two looks"
    open_now = sum(one.country == window.country and not one.is_over(now) for one in others)
    if open_now >= MOST:
        return f"{window.country}: {open_now} windows are to come or on; end one: balise-collector watch --end ID"
    return ""


def watches_of(
    member: Member, windows: Iterable[WatchWindow], measured: Iterable[str], now: float
) -> tuple[Watch, ...]:
    """Return what a probe is told of the windows: those of its country that are not over, and all for a reference.

    Args:
        member: the probe.
        windows: of the fleet.
        measured: ids of the services in force.
        now: UNIX seconds.
    """
    known = set(measured)
    everywhere, country = member.reference, member.network.country
    own = [one for one in windows if not one.is_over(now) and (everywhere or one.country == country)]
    return tuple(
        Watch(
            services=tuple(service for service in one.services if service in known),
            since=one.since,
            until=one.until,
            interval=one.interval,
        )
        for one in sorted(own, key=lambda one: (one.since, one.id))[:MOST]
        if known & set(one.services)
    )


def around(one: Incident, windows: Iterable[WatchWindow]) -> tuple[WatchWindow, ...]:
    """Return the windows that were on when an incident began."""
    first = one.onset.latest if one.onset.earliest is None else one.onset.earliest
    return tuple(
        each
        for each in windows
        if each.country == one.country
        and one.service in each.services
        and each.since <= one.onset.latest
        and first < each.until
    )
