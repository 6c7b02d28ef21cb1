"""What a bed said of a scenario, in terms that packets and the virtual field have in common, and where two differ."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from balise_lab.compare.findings import OWN_FAULT, FoundIncident, FoundInterval
from balise_lab.compare.result import utc
from balise_lab.field.play import Played
from balise_lab.scenario.schema import Scenario

_STRONG = frozenset({"A", "B"})
"""Grades that claim a proof: a bed that has one where the other has none says something else."""

_FAULTS = frozenset({"service_fault", "edge_fault"})

About = tuple[str, str]
"""Kind of incident, and service."""


@dataclass(frozen=True)
class Said:
    """What was published of one service by one kind of incident."""

    affected: frozenset[int]
    mechanisms: frozenset[str]
    strong: bool
    likeliest: str
    """What is told to the operator of our own side's fault; empty of anything else, where grades speak."""
    family: str
    """The only IP version that it is told of; ``both`` for none alone."""
    through: frozenset[tuple[str, bool]]
    """What became of each part by way of a proxy."""
    onset: FoundInterval


def of_lab(incidents: Iterable[Mapping[str, Any]]) -> dict[About, Said]:
    """Return what the incidents of `balise-lab run --json` say."""
    return _said(msgspec.convert(one, FoundIncident) for one in incidents)


def of_field(played: Played) -> dict[About, Said]:
    """Return what a played situation says."""
    found = (msgspec.json.decode(msgspec.json.encode(one), type=FoundIncident) for one in played.centre.incidents())
    return _said(found)


def _said(incidents: Iterable[FoundIncident]) -> dict[About, Said]:
    """Return what is published; several incidents of one kind and service are one: beds cut them in their own ways."""
    found: dict[About, Said] = {}
    for one in incidents:
        if not one.told:
            continue
        said = Said(
            affected=frozenset(one.scope.affected),
            mechanisms=frozenset(share.mechanism for share in one.mechanisms),
            strong=one.grade in _STRONG,
            likeliest=one.likeliest if one.kind == OWN_FAULT else "",
            family=one.family,
            through=frozenset((path.role, path.works) for path in one.other_path),
            onset=one.onset,
        )
        about = (one.kind, one.service)
        found[about] = _both(found[about], said) if about in found else said
    return found


def _both(one: Said, other: Said) -> Said:
    first = min(one, other, key=lambda said: said.onset.latest)
    return Said(
        affected=one.affected | other.affected,
        mechanisms=one.mechanisms | other.mechanisms,
        strong=one.strong or other.strong,
        likeliest=one.likeliest if one.likeliest == other.likeliest else "",
        family=one.family if one.family == other.family else "both",
        through=one.through | other.through,
        onset=first.onset,
    )


@dataclass(frozen=True)
class Truth:
    """When the lab in fact carried out what the timeline says for a time."""

    entries: tuple[Mapping[str, Any], ...]
    """The ``truth`` of `balise-lab run --json`."""

    def carried_out(self, moment: float) -> tuple[float, float]:
        """Return from when to when what stands for a nominal time was carried out, UNIX seconds."""
        done = [one["carried_out"] for one in self.entries if one["at"] == utc(moment) and one.get("carried_out")]
        return min((began for began, _ in done), default=moment), max((ended for _, ended in done), default=moment)


def differences(
    scenario: Scenario, truth: Truth, lab: Mapping[About, Said], field: Mapping[About, Said]
) -> Iterator[str]:
    """Yield where two beds say different things of one scenario, and onsets that do not hold the truth."""
    incidents = scenario.expect.incidents if scenario.expect else ()
    expected = {(one.kind, service) for one in incidents for service in one.services}
    for about in sorted({*lab, *field}):
        if about[0] == OWN_FAULT and about not in expected:
            continue  # What a home's own line does to one probe the operator may hear of in one bed alone.
        here, there = lab.get(about), field.get(about)
        if here is None or there is None:
            yield f"{' '.join(about)}: said by the {'lab' if here else 'field'} alone"
            continue
        for name in ("affected", "mechanisms", "strong", "likeliest", "family", "through"):
            if not _agree(about, name, getattr(here, name), getattr(there, name)):
                yield f"{' '.join(about)}: {name}: lab {_shown(here, name)}, field {_shown(there, name)}"
        onset = onset_of(scenario, about)
        if onset is None:
            continue
        for bed, said, moment in (("lab", here, truth.carried_out(onset)), ("field", there, (onset, onset))):
            if not _holds(said.onset, moment):
                minutes = [None if one is None else round((one - moment[0]) / 60, 1) for one in _edges(said.onset)]
                yield f"{' '.join(about)}: onset: the {bed}'s is {minutes} minutes from the truth"


def _agree(about: About, name: str, here: Any, there: Any) -> bool:
    """Whether two beds agree; of a fault one may name less than the other: what a reference met beside it."""
    if name == "mechanisms" and about[0] in _FAULTS:
        return bool(here & there) and (here <= there or there <= here)
    return bool(here == there)


def onset_of(scenario: Scenario, about: About) -> float | None:
    """Return the true onset, UNIX seconds, of what a scenario expects; ``None`` where it names none."""
    wanted = scenario.expect.incidents if scenario.expect else ()
    onsets = (one.onset for one in wanted if one.kind == about[0] and about[1] in one.services)
    onset = next(onsets, None)
    return None if onset is None else scenario.unix(onset)


def _edges(found: FoundInterval) -> tuple[float | None, float]:
    return found.earliest, found.latest


def _holds(found: FoundInterval, truth: tuple[float, float]) -> bool:
    began, ended = truth
    return (found.earliest is None or found.earliest <= ended) and began <= found.latest


def _shown(said: Said, name: str) -> str:
    value = getattr(said, name)
    return str(value) if isinstance(value, bool) else ", ".join(map(str, sorted(value))) or "none"
