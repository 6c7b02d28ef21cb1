"""The words of the dns experiment: each closed list whole."""

from __future__ import annotations

from balise_collector.experiments.dns.words import FAILURES, MECHANISMS, RESOLVERS
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Resolver


def test_everybody_who_can_be_asked_has_words() -> None:
    """A resolver without a word would break a page."""
    assert set(RESOLVERS) == set(Resolver)


def test_the_words_are_of_this_experiment_alone() -> None:
    """What two experiments can see has its words beside the pages' others."""
    assert set(MECHANISMS) == {one for one in Mechanism if one.startswith("dns.")}
    assert set(FAILURES) == {one for one in Failure if one.startswith("dns_")}
