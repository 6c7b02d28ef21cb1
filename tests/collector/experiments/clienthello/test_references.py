"""What references' trials of clienthello leave behind."""

from __future__ import annotations

from balise_collector.judge import Tally
from tests.collector.experiments.clienthello.trials import SILENCE, hello
from tests.testbed.cases import EARLIER, Case


def test_the_endpoint_is_remembered(case: Case) -> None:
    """A connection that stood says that the address lives, whatever became of the hello."""
    case.abroad(hello(failure=SILENCE))
    assert case.references.at_address(case.address, 443, EARLIER, EARLIER + 120).during == Tally(ok=3)
