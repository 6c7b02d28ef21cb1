"""The words of the line experiment."""

from __future__ import annotations

from balise_collector.experiments.line.words import MECHANISMS
from balise_wire.mechanisms import Mechanism


def test_the_words_are_of_this_experiment_alone() -> None:
    """What two experiments can see has its words beside the pages' others."""
    assert set(MECHANISMS) == {Mechanism.SHUTDOWN_ISP}
