"""What a trial of stun can hold."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.experiments.stun.intake import destination
from balise_collector.intake.believable import unbelievable
from balise_wire.experiments.traits import Transport
from tests.collector.experiments.stun.trials import binding, over_tcp
from tests.testbed.cases import ADDRESS, Case


def test_the_endpoint_is_held_against_the_task() -> None:
    """A probe cannot say that it measured what it was not asked for; no packet names anything."""
    assert destination(binding())[:4] == (None, False, ADDRESS, 3_478)
    assert (destination(binding()).transport, destination(over_tcp()).transport) == (Transport.UDP, Transport.TCP)


@pytest.mark.parametrize(
    "changes", [{"icmp": "3/3 you"}, {"copies": -1}, {"mapped": "x" * 81}, {"answer": "a\nb"}, {"name": "x" * 301}]
)
def test_what_cannot_be_is_not_believed(case: Case, changes: dict[str, object]) -> None:
    """Bounds of every field that a stranger could fill."""
    assert unbelievable(case.measured(binding())) == ""
    assert unbelievable(case.measured(msgspec.structs.replace(binding(), **changes))) != ""
