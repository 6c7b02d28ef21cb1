"""The hypotheses: a confusion matrix over labelled runs of each, and what the explanation says."""

from __future__ import annotations

import math
import sys
from collections import Counter
from typing import Final

import pytest

from balise_collector.incidents.hypotheses import Count, Group, Hypothesis, posterior
from balise_collector.incidents.hypotheses.table import PRIORS, ROWS
from tests.collector.incidents.hypotheses import labelled

RUNS: Final = 60
LEAST: Final = 0.95


def confusion(runs: int = RUNS, first: int = 0) -> dict[Hypothesis, Counter[Hypothesis]]:
    """Return what was said of labelled runs, by what was the case."""
    return {
        truth: Counter(posterior(labelled.run(truth, seed)).best for seed in range(first, first + runs))
        for truth in Hypothesis
    }


def _others(truth: Hypothesis, said: Counter[Hypothesis]) -> str:
    """Say what was said instead."""
    return ", ".join(f"{one} {n}" for one, n in said.most_common() if one is not truth)


@pytest.mark.slow
def test_every_hypothesis_is_told_from_all_others() -> None:
    """Of the labelled runs of each hypothesis at least 95 of 100 are told right; the table is printed."""
    found = confusion()
    right = sum(said[truth] for truth, said in found.items()) / sum(said.total() for said in found.values())
    rows = [f"{truth:20} {said[truth] / said.total():.2f}  {_others(truth, said)}" for truth, said in found.items()]
    sys.stdout.write("\n".join(["", *rows, f"all                  {right:.3f}", ""]))
    assert {truth: said for truth, said in found.items() if said[truth] < LEAST * said.total()} == {}


def test_every_hypothesis_has_a_row_and_a_prior() -> None:
    """One that is missing could never be told."""
    assert set(ROWS) == set(PRIORS) == set(Hypothesis)


def test_what_was_not_asked_says_nothing() -> None:
    """Without any evidence the priors stand, and a group of nobody changes nothing."""
    bare = posterior({})
    total = sum(PRIORS.values())
    assert dict(bare.ranked) == pytest.approx({one: prior / total for one, prior in PRIORS.items()})
    assert bare.contributions == ()
    assert posterior({Group.REFERENCES: Count(0.0, 0.0)}).ranked == bare.ranked


def test_the_explanation_adds_up_to_the_odds() -> None:
    """The groups' nats are the reason: together with the priors they make the first against the second."""
    found = posterior(labelled.run(Hypothesis.BLOCK_ISP, 1))
    (first, p), (second, q) = found.ranked[:2]
    said = sum(one.nats for one in found.contributions)
    assert said + math.log(PRIORS[first] / PRIORS[second]) == pytest.approx(math.log(p / q), abs=0.1)
    assert abs(found.contributions[0].nats) >= abs(found.contributions[-1].nats)


def test_a_block_everywhere_without_proof_may_be_the_services_front() -> None:
    """Every provider fails by name, references are well: what no neutral address was asked is not settled."""
    evidence: dict[Group, Count] = {
        group: count for group, count in labelled.run(Hypothesis.SERVER_FRONT, 3).items() if group is not Group.SWAP
    }
    found = posterior(evidence)
    assert dict(found.ranked)[Hypothesis.SERVER_FRONT] > 0.02
    assert found.mass({Hypothesis.BLOCK_NATIONAL, Hypothesis.BLOCK_MULTI_ISP, Hypothesis.BLOCK_ISP}) < 0.95
