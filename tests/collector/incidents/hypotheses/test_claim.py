"""What an incident may be called follows the posterior: combinations that no hypothesis allows cannot be told."""

from __future__ import annotations

from balise_collector.incidents.hypotheses import Hypothesis, posterior
from balise_collector.incidents.hypotheses.claim import KINDS, PRIORS_OF_LINES, PRIORS_OF_SERVICES, kind_of, kinds
from balise_collector.incidents.model import IncidentKind
from tests.collector.incidents.hypotheses import labelled


def test_every_hypothesis_is_told_as_something() -> None:
    """And every one can be weighed, of lines or of services."""
    assert set(KINDS) == set(Hypothesis) == set(PRIORS_OF_LINES) | set(PRIORS_OF_SERVICES)


def test_a_kind_that_was_told_stays_until_it_is_unlikely() -> None:
    """An incident must not change its name with every result; what is ruled out is not told."""
    weighed = posterior(labelled.run(Hypothesis.BLOCK_ISP, 2), PRIORS_OF_SERVICES)
    assert kind_of(weighed, None, {}) is IncidentKind.INTERFERENCE
    assert kind_of(weighed, IncidentKind.SERVICE_FAULT, {}) is IncidentKind.INTERFERENCE
    assert kind_of(weighed, None, {IncidentKind.INTERFERENCE: False}) is not IncidentKind.INTERFERENCE


def test_masses_are_those_of_the_hypotheses() -> None:
    """One, in all."""
    found = kinds(posterior(labelled.run(Hypothesis.POWER, 2), PRIORS_OF_LINES))
    assert abs(sum(found.values()) - 1.0) < 1e-9
    assert found[IncidentKind.OWN_FAULT] > found[IncidentKind.OUTAGE]
