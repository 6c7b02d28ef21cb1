"""What references' trains leave behind."""

from __future__ import annotations

from balise_wire.experiments.traits import Transport
from tests.collector.experiments.call.trials import train
from tests.testbed.cases import EARLIER, Case


def test_no_endpoint_is_remembered(case: Case) -> None:
    """The server's address is in no measurement; the target is remembered as of every experiment."""
    case.abroad(train())
    window = (EARLIER, EARLIER + 120)
    assert case.references.greeting_at("", 3_478, *window, transport=Transport.UDP).during.ok == 0
