"""What references' trials of throughput leave behind."""

from __future__ import annotations

from balise_collector.judge import Tally
from balise_wire.words import Arm
from tests.collector.experiments.throughput.trials import transfer
from tests.testbed.cases import EARLIER, Case


def test_the_endpoint_is_remembered(case: Case) -> None:
    """A connection that stood says that the address lives."""
    case.abroad(transfer(arm=Arm.SCRAMBLED), transfer())
    assert case.references.at_address(case.address, 443, EARLIER, EARLIER + 120).during == Tally(ok=3)
