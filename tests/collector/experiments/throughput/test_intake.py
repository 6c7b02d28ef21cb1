"""What a trial of throughput can hold, and where it went."""

from __future__ import annotations

from balise_collector.experiments.throughput.intake import destination
from tests.collector.experiments.throughput.trials import transfer
from tests.testbed.cases import ADDRESS, HOST


def test_the_name_is_held_against_the_task() -> None:
    """A probe cannot say that it measured what it was not asked for."""
    assert destination(transfer())[:4] == (HOST, True, ADDRESS, 443)
