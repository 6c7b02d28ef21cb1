"""What references' trials of quic leave behind."""

from __future__ import annotations

from balise_collector.judge import Tally
from balise_wire.experiments.traits import Transport
from tests.collector.experiments.quic.trials import greeting
from tests.testbed.cases import EARLIER, Case


def test_the_endpoint_of_udp_is_remembered_apart(case: Case) -> None:
    """What it answers over UDP says nothing of TCP, and the other way round."""
    case.abroad(greeting())
    window = (EARLIER, EARLIER + 120)
    seen = case.references.greeting_at(case.address, 443, *window, transport=Transport.UDP)
    assert seen.during == Tally(ok=3)
    assert case.references.greeting_at(case.address, 443, *window).during == Tally()
    assert case.references.at_address(case.address, 443, *window).during == Tally()
