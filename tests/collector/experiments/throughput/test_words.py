"""What people read of the ways in which a rate is held down."""

from __future__ import annotations

from balise_collector.experiments.throughput.rules import RULES
from balise_collector.experiments.throughput.words import MECHANISMS
from balise_collector.judge import VerdictState


def test_each_way_that_a_rule_tells_has_words() -> None:
    """And none has words that no rule tells."""
    told = {rule.mechanism for rule in RULES if rule.state is VerdictState.THROTTLED}
    assert set(MECHANISMS) == told
