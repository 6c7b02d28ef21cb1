"""What is told of clienthello's mechanisms."""

from __future__ import annotations

from balise_collector.experiments.clienthello.rules import RULES
from balise_collector.experiments.clienthello.words import MECHANISMS


def test_whatever_is_accused_has_words() -> None:
    """No page shows a bare word."""
    assert {rule.mechanism for rule in RULES if rule.mechanism is not None} == set(MECHANISMS)
