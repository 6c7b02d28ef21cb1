"""How sure we say that we are, and how often we are right: the probabilities behind the grades, on labelled runs."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Final

import pytest

from balise_collector.incidents.grade import LEAST
from balise_collector.incidents.hypotheses import Group, Hypothesis, posterior
from balise_collector.incidents.hypotheses.claim import KINDS, PRIORS_OF_LINES, PRIORS_OF_SERVICES, kind_of, kinds
from balise_collector.incidents.model import IncidentKind
from tests.collector.incidents.hypotheses import labelled

RUNS: Final = 40
MOST: Final = 0.03
BINS: Final = 10
LINES: Final = frozenset(one for one in PRIORS_OF_LINES if one not in {Hypothesis.OK, Hypothesis.PORT_BLOCK})
DROPPED: Final = (
    frozenset[Group](),
    frozenset({Group.REFERENCES, Group.ADDRESS}),
    frozenset({Group.OTHERS}),
    frozenset({Group.SWAP, Group.NEIGHBOUR, Group.TUNNEL}),
    frozenset({Group.SERVICES, Group.FOREIGN, Group.DOMESTIC, Group.GATEWAY}),
)
"""What was not asked: the field seldom asks everything."""


def outcomes(runs: int, first: int = 0) -> list[tuple[float, bool, IncidentKind]]:
    """Return (what we say its kind's probability is, whether that kind is right, the kind) of labelled runs."""
    found = []
    for truth in Hypothesis:
        for seed in range(first, first + runs):
            seen = labelled.run(truth, seed)
            without = DROPPED[seed % len(DROPPED)]
            evidence = {group: count for group, count in seen.items() if group not in without}
            weighed = posterior(evidence, PRIORS_OF_LINES if truth in LINES else PRIORS_OF_SERVICES)
            kind = kind_of(weighed, None, {})
            found.append((kinds(weighed)[kind], kind is KINDS[truth], kind))
    return found


def error(said: list[tuple[float, bool, IncidentKind]]) -> float:
    """Return the expected calibration error over ten equal bins of probability (Naeini et al. 2015)."""
    bins: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
    for p, right, _ in said:
        bins[min(BINS - 1, int(p * BINS))].append((p, right))
    gaps = (abs(sum(p for p, _ in one) - sum(right for _, right in one)) for one in bins.values())
    return sum(gaps) / len(said)


@pytest.mark.slow
def test_the_probabilities_behind_the_grades_are_what_they_say() -> None:
    """The expected calibration error is at most .03, and each grade is right as often as it asks for."""
    said = outcomes(RUNS)
    rows = [f"expected calibration error {error(said):.3f} over {len(said)} labelled runs"]
    told = [(p, right) for p, right, kind in said if kind is not IncidentKind.OWN_FAULT]
    for grade, least in LEAST.items():
        at = [right for p, right in told if p >= least]
        rows.append(f"grade {grade}, from {least:.2f}: right {sum(at) / len(at):.3f} of {len(at)}")
        assert sum(at) >= least * len(at)
    sys.stdout.write("\n".join(["", *rows, ""]))
    assert error(said) <= MOST
