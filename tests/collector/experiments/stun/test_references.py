"""What references' trials of stun leave behind."""

from __future__ import annotations

from balise_collector.judge import Tally
from balise_wire.experiments.traits import Transport
from tests.collector.experiments.stun.trials import binding, classic, elsewhere
from tests.testbed.cases import EARLIER, Case


def test_the_endpoint_of_udp_is_remembered_apart(case: Case) -> None:
    """What it answers over UDP says nothing of TCP."""
    case.abroad(binding())
    window = (EARLIER, EARLIER + 120)
    assert case.references.greeting_at(case.address, 3_478, *window, transport=Transport.UDP).during == Tally(ok=3)
    assert case.references.greeting_at(case.address, 3_478, *window).during == Tally()


def test_only_what_bears_the_mark_counts(case: Case) -> None:
    """A classic request, and another operator's server, say nothing of this call server."""
    case.abroad(classic(), elsewhere(1))
    window = (EARLIER, EARLIER + 120)
    assert case.references.greeting_at(case.address, 3_478, *window, transport=Transport.UDP).during == Tally()
