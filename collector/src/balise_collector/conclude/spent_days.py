"""Several probes of one provider whose day on the line is spent, or that are flooded: a question. Pure.

One probe that sleeps until midnight is a small budget. Several of one provider, in several homes, on one day, may
be somebody who has found out how to make them sleep: silence that a network causes must not look like rest. A spent
day opens no incident, for it proves nothing; it is shown, with whom it is about. Must not live here: what a probe may
spend (the agent's limits), how silence is judged (detect/).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from balise_collector.conclude.probe_events import DAY, Read
from balise_collector.fleet.members import Member
from balise_collector.journal import HealthRow
from balise_wire.status import EventKind

SEVERAL: Final = 2
"""Homes of one provider that are more than chance."""
FLOODED: Final = 1_000_000
"""Bytes a day that nobody asked for: fifty times what ordinary servers and resolvers send too much."""
_ALL: Final = ("the day's share", "everything rests")
"""How a probe tells that it measures nothing any more today; that fetches or hellos rest is in the plan."""
_NEWEST: Final = 20


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator is asked about one provider."""

    country: str
    asn: int
    spent: tuple[str, ...]
    """Probes that said within a day that they measure nothing until midnight, by id."""
    flooded: tuple[str, ...]
    """Probes that received much more than they asked for today, by id."""


def questions(
    members: Iterable[Member], events: Read, health: Mapping[str, HealthRow], now: float
) -> tuple[Question, ...]:
    """Return what is to be asked, by country and provider.

    Args:
        members: of the fleet.
        events: gives the newest events of a probe.
        health: the last report of each probe.
        now: UNIX seconds on the collector's clock.
    """
    spent: dict[tuple[str, int], list[Member]] = defaultdict(list)
    flooded: dict[tuple[str, int], list[Member]] = defaultdict(list)
    for member in members:
        if not member.speaks:
            continue
        where = member.network.country, member.network.asn
        if _is_spent(events, member.id, now):
            spent[where].append(member)
        if _is_flooded(health.get(member.id), now):
            flooded[where].append(member)
    found = []
    for country, asn in sorted({*spent, *flooded}):
        asleep, poured = spent[country, asn], flooded[country, asn]
        if len({member.keeper or member.id for member in (*asleep, *poured)}) >= SEVERAL:
            found.append(Question(country=country, asn=asn, spent=_ids(asleep), flooded=_ids(poured)))
    return tuple(found)


def _ids(members: Iterable[Member]) -> tuple[str, ...]:
    return tuple(sorted(member.id for member in members))


def _is_spent(events: Read, probe: str, now: float) -> bool:
    """Whether a probe said within the last day that its day is used up."""
    told = events(probe, _NEWEST, EventKind.BUDGET_EXHAUSTED)
    return any(row.received_at >= now - DAY and any(word in row.event.detail for word in _ALL) for row in told)


def _is_flooded(report: HealthRow | None, now: float) -> bool:
    """Whether a probe's last report, not older than a day, tells of bytes that nobody asked for."""
    return report is not None and report.received_at >= now - DAY and report.health.excess_bytes_today >= FLOODED
