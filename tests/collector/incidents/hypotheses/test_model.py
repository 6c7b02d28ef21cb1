"""Effective numbers: what probes of one provider say, they say in part together."""

from __future__ import annotations

import pytest

from balise_collector.incidents.hypotheses.model import effective


def test_many_probes_of_one_provider_are_not_many_witnesses() -> None:
    """Ten of one provider weigh less than three of three, and never more than one over rho."""
    ten = effective({"64501": [1.0] * 10})
    three = effective({"64501": [1.0], "64502": [1.0], "64503": [1.0]})
    assert ten is not None
    assert three is not None
    assert ten.n == pytest.approx(10 / 3.7)
    assert three.n == pytest.approx(3.0)
    assert ten.n < three.n


def test_nobody_asked_is_no_count() -> None:
    """Zero of zero is unknown, not none."""
    assert effective({}) is None
    assert effective({"64501": []}) is None


def test_shares_are_added_as_they_are() -> None:
    """A probe that was ok in half of its bins is half."""
    found = effective({"64501": [0.5, 1.0]})
    assert found is not None
    assert found.ok / found.n == pytest.approx(0.75)
