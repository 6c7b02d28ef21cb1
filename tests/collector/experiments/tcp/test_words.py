"""The words of the tcp experiment."""

from __future__ import annotations

from balise_collector.experiments.tcp.words import MECHANISMS
from balise_wire.mechanisms import Mechanism


def test_the_words_are_of_this_experiment_alone() -> None:
    """What two experiments can see has its words beside the pages' others."""
    assert set(MECHANISMS) == {one for one in Mechanism if one.startswith(("ip.", "port."))}
