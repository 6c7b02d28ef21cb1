"""From a posterior to what an incident may be called: its kind, and how likely that is. Pure.

The kind is that of the largest mass of hypotheses, so that no combination can be told that none of them allows. Must
not live here: grades and locality (incidents/), words.
"""

from collections.abc import Mapping
from typing import Final

from balise_collector.incidents.hypotheses.model import Hypothesis
from balise_collector.incidents.hypotheses.posterior import Posterior
from balise_collector.incidents.hypotheses.table import PRIORS
from balise_collector.incidents.model import IncidentKind

KINDS: Final[Mapping[Hypothesis, IncidentKind]] = {
    Hypothesis.OK: IncidentKind.OWN_FAULT,
    Hypothesis.PROBE_FAULT: IncidentKind.OWN_FAULT,
    Hypothesis.HOME_FILTER: IncidentKind.OWN_FAULT,
    Hypothesis.LAN: IncidentKind.OWN_FAULT,
    Hypothesis.BOARD: IncidentKind.OWN_FAULT,
    Hypothesis.POWER: IncidentKind.OWN_FAULT,
    Hypothesis.FAMILY_FAULT: IncidentKind.OWN_FAULT,
    Hypothesis.INSTRUMENT_FAULT: IncidentKind.OWN_FAULT,
    Hypothesis.ISP_OUTAGE: IncidentKind.OUTAGE,
    Hypothesis.DISTRICT_OUTAGE: IncidentKind.OUTAGE,
    Hypothesis.COUNTRY_OUTAGE: IncidentKind.OUTAGE,
    Hypothesis.SHUTDOWN: IncidentKind.OUTAGE,
    Hypothesis.SERVICE_FAULT: IncidentKind.SERVICE_FAULT,
    Hypothesis.EDGE_FAULT: IncidentKind.EDGE_FAULT,
    Hypothesis.SERVER_GEO: IncidentKind.SERVER_SIDE,
    Hypothesis.SERVER_FRONT: IncidentKind.SERVER_SIDE,
    Hypothesis.BLOCK_ISP: IncidentKind.INTERFERENCE,
    Hypothesis.BLOCK_MULTI_ISP: IncidentKind.INTERFERENCE,
    Hypothesis.BLOCK_NATIONAL: IncidentKind.INTERFERENCE,
    Hypothesis.THROTTLE: IncidentKind.INTERFERENCE,
    Hypothesis.PROTOCOL_BLOCK: IncidentKind.INTERFERENCE,
    Hypothesis.PORT_BLOCK: IncidentKind.INTERFERENCE,
    Hypothesis.PREFIX_BLOCK: IncidentKind.INTERFERENCE,
    Hypothesis.WHITE_LIST: IncidentKind.INTERFERENCE,
    Hypothesis.FAMILY_BLOCK: IncidentKind.INTERFERENCE,
}
"""Under which kind each hypothesis is told."""
_OF_LINES: Final = frozenset(
    {
        Hypothesis.OK, Hypothesis.PROBE_FAULT, Hypothesis.LAN, Hypothesis.BOARD, Hypothesis.POWER,
        Hypothesis.ISP_OUTAGE, Hypothesis.DISTRICT_OUTAGE, Hypothesis.COUNTRY_OUTAGE, Hypothesis.SHUTDOWN,
        Hypothesis.PORT_BLOCK, Hypothesis.FAMILY_FAULT,
    }
)  # fmt: skip
"""What can be the matter with lines; what a list permits is seen by services, and a line on none of it is cut."""
_SILENT: Final = frozenset(
    {Hypothesis.BOARD, Hypothesis.POWER, Hypothesis.DISTRICT_OUTAGE, Hypothesis.ISP_OUTAGE, Hypothesis.COUNTRY_OUTAGE}
)
"""What leaves no word of a service: only lines tell of it."""
PRIORS_OF_LINES: Final = {one: prior for one, prior in PRIORS.items() if one in _OF_LINES}
PRIORS_OF_SERVICES: Final = {one: prior for one, prior in PRIORS.items() if one not in _SILENT} | {
    Hypothesis.SHUTDOWN: 0.1
}
"""A cut of the border is told by lines; a service tells of it seldom, and last."""
_KEPT: Final = 0.35
"""Mass at which a kind that was told stays: an incident must not change its name with every result."""


def kinds(weighed: Posterior) -> dict[IncidentKind, float]:
    """Return how likely each kind is."""
    found: dict[IncidentKind, float] = dict.fromkeys(IncidentKind, 0.0)
    for hypothesis, probability in weighed.ranked:
        found[KINDS[hypothesis]] += probability
    return found


def kind_of(weighed: Posterior, previous: IncidentKind | None, possible: Mapping[IncidentKind, bool]) -> IncidentKind:
    """Return under which kind to tell it.

    Args:
        weighed: the posterior.
        previous: the kind that was told before, where there was one.
        possible: kinds that something else rules out are false.
    """
    masses = {kind: p for kind, p in kinds(weighed).items() if possible.get(kind, True)}
    if previous is not None and masses.get(previous, 0.0) >= _KEPT:
        return previous
    return max(masses, key=lambda kind: (masses[kind], kind))
