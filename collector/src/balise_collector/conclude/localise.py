"""Whom to ask where a name is cut, once an interference is sure. Pure but for its memory.

A sweep with a rising TTL can be recognised by who watches, so that it is never made on a timetable, never where the
country's risk is high or nobody named it, and once an incident and provider, by two probes that met the block
themselves. After a restart the registry's own requests tell what was asked. What comes of it is a fact for the
operator, and no verdict. Must not live here: sending (the registry and intake do), how a place is found
(experiments/path/locate.py), chance and time (both are given).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from balise_collector.conclude.burst import Asking, Risk
from balise_collector.fleet.members import AT_RISK, Fleet, Member
from balise_collector.fleet.requests import Kept
from balise_collector.incidents.model import Incident, IncidentKind, IncidentState
from balise_collector.judge import Verdict, VerdictState
from balise_wire.request import Request
from balise_wire.words import Design, Experiment, Profile

PROBES: Final = 2
"""That are asked of one provider in one incident."""
LOOK_EVERY: Final = 60.0
"""Clock seconds between two looks at the incidents."""
FRESH: Final = 21_600.0
"""Clock seconds after an incident was opened during which it is looked for."""
WITHIN: Final = 1_800.0
"""Clock seconds within which it must have begun: an endpoint may be in its pause."""
BYTES: Final = 200_000
"""What one run may cost (docs/experiments/path.md)."""
KEEP: Final = 86_400.0
_GRADES: Final = frozenset({"A", "B"})
_ALLOWED: Final = frozenset({Risk.LOW, Risk.MEDIUM})

Place = tuple[str, int]
"""Incident and autonomous system."""


class IncidentReader(Protocol):
    """What is asked of the store."""

    def incidents(self) -> list[Incident]:
        """Return every incident that stands."""

    def verdict(self, measurement: str) -> Verdict | None:
        """Return the verdict on one measurement."""


class Localiser:
    """Looks at the incidents, and says whom to ask."""

    def __init__(self, risk: Mapping[str, Risk], id: Callable[[], str], *, enabled: bool = True) -> None:
        """Know nothing yet.

        Args:
            risk: of countries, as the operator named it; one that is not named is not asked.
            id: makes the id of a request: 32 hex digits.
            enabled: whether anybody is asked.
        """
        self._allowed = frozenset(country for country, word in risk.items() if enabled and word in _ALLOWED)
        self._id = id
        self._asked: dict[Place, tuple[float, set[str]]] = {}
        """When it was first looked at, and who was asked."""
        self._looked = float("-inf")

    def is_due(self, now: float) -> bool:
        """Tell whether it is time for a look at the incidents; a clock that went back begins anew."""
        return bool(self._allowed) and not 0.0 <= now - self._looked < LOOK_EVERY

    def due(
        self,
        incidents: Iterable[Incident],
        verdict: Callable[[str], Verdict | None],
        fleet: Fleet,
        kept: Iterable[Kept],
        now: float,
    ) -> Iterator[Asking]:
        """Yield the requests to make now.

        Args:
            incidents: those that stand.
            verdict: finds that on a measurement of their evidence.
            fleet: who may be asked.
            kept: requests that were made, also before a restart.
            now: UNIX seconds.
        """
        self._looked = now
        self._asked = {place: held for place, held in self._asked.items() if now - held[0] < KEEP}
        before = [one for one in kept if one.request.experiment is Experiment.PATH]
        for one in incidents:
            if self._is_wanted(one, now):
                yield from self._of(one, verdict, fleet, before, now)

    def _is_wanted(self, one: Incident, now: float) -> bool:
        """Tell whether an incident is to be looked into: open, sure, new, and where the risk allows it."""
        return (
            one.kind is IncidentKind.INTERFERENCE
            and one.state is IncidentState.OPEN
            and one.grade in _GRADES
            and one.country in self._allowed
            and now - one.opened_at < FRESH
        )

    def _of(
        self, one: Incident, verdict: Callable[[str], Verdict | None], fleet: Fleet, before: list[Kept], now: float
    ) -> Iterator[Asking]:
        """Yield the requests of one incident: to those who met it themselves, by the evidence's own order."""
        for measurement in one.evidence:
            met = verdict(measurement)
            if met is None or met.state is not VerdictState.BLOCKED or met.layer is not Experiment.TLS:
                continue
            member = fleet.members.get(met.probe)
            _, asked = self._asked.setdefault((one.id, met.network.asn), (now, set()))
            asked |= _earlier(before, one, met.network.asn, fleet)
            if member is None or not may_be_asked(member, met) or met.probe in asked or len(asked) >= PROBES:
                continue
            asked.add(met.probe)
            yield Asking(met.probe, self._request(met, now))

    def _request(self, met: Verdict, now: float) -> Request:
        return Request(
            id=self._id(), experiment=Experiment.PATH, target=met.target, design=Design.ON_DEMAND, made=now,
            expires=now + WITHIN, bytes=BYTES,
        )  # fmt: skip


def may_be_asked(member: Member, met: Verdict) -> bool:
    """Tell whether a probe may be: a home's, of a host who is at no risk of his own, on a line that is not metered."""
    return (
        not met.reference
        and not member.reference
        and member.network.country == met.network.country
        and member.profile in {Profile.STANDARD, Profile.LEAN}
        and AT_RISK not in member.tags
    )


def _earlier(before: Iterable[Kept], one: Incident, asn: int, fleet: Fleet) -> set[str]:
    """Return the probes of a provider that were asked about the incident's service since it was opened."""
    found = {
        kept.probe
        for kept in before
        if kept.request.about.partition("/")[0] == one.service and kept.request.made >= one.opened_at
    }
    return {probe for probe in found if probe in fleet.members and fleet.members[probe].network.asn == asn}
