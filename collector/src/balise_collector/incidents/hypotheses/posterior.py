"""From counts to probabilities, and to what made them: softmax(log prior + sum over groups of log p(k | n, H)). Pure.

Must not live here: the table (table.py), or what follows from an answer (claim.py).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from balise_collector.incidents.hypotheses.model import Count, Evidence, Group, Hypothesis
from balise_collector.incidents.hypotheses.table import PRIORS, ROWS, UNKNOWN, Shape

FLOOR: Final = -8.0
"""Least nats that one group may speak against a hypothesis: no group is so sure of itself that it settles all alone."""


class Contribution(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one group said of the first hypothesis against the second."""

    group: Group
    ok: float
    n: float
    """Effective numbers: probes of one provider say in part the same."""
    nats: float
    """log p(group | first) - log p(group | second); above 0 it speaks for the first."""


class Posterior(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How likely each hypothesis is, the likeliest first, and why the first before the second."""

    ranked: tuple[tuple[Hypothesis, float], ...]
    contributions: tuple[Contribution, ...] = ()
    """The strongest first."""

    @property
    def best(self) -> Hypothesis:
        """The likeliest."""
        return self.ranked[0][0]

    def mass(self, some: Iterable[Hypothesis]) -> float:
        """Return how likely it is that one of several is the case."""
        wanted = set(some)
        return sum(p for one, p in self.ranked if one in wanted)


def log_likelihood(count: Count, shape: Shape) -> float:
    """Return log BetaBinomial(k; n, a, b) in nats, without the coefficient that all shapes share."""
    a, b = shape
    return _log_beta(count.ok + a, count.n - count.ok + b) - _log_beta(a, b)


def posterior(evidence: Evidence, priors: Mapping[Hypothesis, float] = PRIORS) -> Posterior:
    """Weigh every hypothesis.

    Args:
        evidence: what each group that was asked saw.
        priors: of those that come into question; only ratios count.
    """
    said = {group: _said_by(group, count) for group, count in evidence.items()}
    sums = {one: math.log(prior) + sum(each[one] for each in said.values()) for one, prior in priors.items()}
    most = max(sums.values())
    total = sum(math.exp(value - most) for value in sums.values())
    ranked = sorted(((one, math.exp(value - most) / total) for one, value in sums.items()), key=lambda each: -each[1])
    return Posterior(ranked=tuple(ranked), contributions=_explained(evidence, said, ranked))


def _explained(
    evidence: Evidence,
    said: Mapping[Group, Mapping[Hypothesis, float]],
    ranked: list[tuple[Hypothesis, float]],
) -> tuple[Contribution, ...]:
    """Return what each group had to say of the first against the second."""
    (first, _), (second, _), *_ = (*ranked, *ranked[:1])
    found = [
        Contribution(
            group=group,
            ok=round(count.ok, 2),
            n=round(count.n, 2),
            nats=round(said[group][first] - said[group][second], 2),
        )
        for group, count in evidence.items()
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.nats), one.group)))


def _said_by(group: Group, count: Count) -> dict[Hypothesis, float]:
    """Return what a group says of every hypothesis, in nats against knowing nothing of it."""
    blank = log_likelihood(count, UNKNOWN)
    known: dict[Shape, float] = {UNKNOWN: 0.0}
    found: dict[Hypothesis, float] = {}
    for hypothesis, row in ROWS.items():
        held = row.get(group, UNKNOWN)
        shapes = (held,) if isinstance(held, Shape) else held
        for shape in shapes:
            if shape not in known:
                known[shape] = log_likelihood(count, shape) - blank
        mean = sum(math.exp(known[shape]) for shape in shapes) / len(shapes)
        found[hypothesis] = max(FLOOR, math.log(mean)) if mean > 0.0 else FLOOR
    return found


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
