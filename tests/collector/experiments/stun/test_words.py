"""The words of the stun experiment."""

from __future__ import annotations

from balise_collector.experiments.stun.words import FAILURES, MECHANISMS
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism


def test_the_words_are_of_this_experiment_alone() -> None:
    """What two experiments can see has its words beside the pages' others."""
    assert set(MECHANISMS) == {one for one in Mechanism if one.startswith("udp.")}
    assert set(FAILURES) == {one for one in Failure if one.startswith("stun_")}
