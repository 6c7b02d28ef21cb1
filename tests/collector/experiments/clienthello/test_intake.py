"""What a trial of clienthello can hold, and where it went."""

from __future__ import annotations

from balise_collector.experiments.clienthello.intake import BOUNDS, destination
from tests.collector.experiments.clienthello.trials import hello
from tests.testbed.cases import ADDRESS, HOST


def test_the_name_is_held_against_the_task() -> None:
    """A probe cannot say that it measured what it was not asked for."""
    assert destination(hello())[:4] == (HOST, True, ADDRESS, 443)


def test_every_number_has_a_bound() -> None:
    """Nothing may be as large as it likes."""
    assert set(BOUNDS.numbers) == {"bytes_received", "hello_bytes", "segments", "wire_bytes"}
