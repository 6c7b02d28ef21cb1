"""What a trial of quic can hold, and where it went."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.experiments.quic.intake import destination
from balise_collector.intake.believable import unbelievable
from balise_wire.experiments.traits import Transport
from tests.collector.experiments.quic.trials import greeting, noise
from tests.testbed.cases import ADDRESS, HOST, Case


def test_the_name_is_held_against_the_task() -> None:
    """A probe cannot say that it measured what it was not asked for; random bytes name nothing."""
    assert destination(greeting())[:4] == (HOST, True, ADDRESS, 443)
    assert destination(greeting()).transport is Transport.UDP
    assert not destination(noise()).named


@pytest.mark.parametrize(
    "changes", [{"versions": ("x" * 8,)}, {"versions": ("00000001",) * 17}, {"icmp": "3/3 you"}, {"copies": -1}]
)
def test_what_cannot_be_is_not_believed(case: Case, changes: dict[str, object]) -> None:
    """Bounds of every field that a stranger could fill."""
    whole = case.measured(greeting())
    assert unbelievable(whole) == ""
    assert unbelievable(case.measured(msgspec.structs.replace(greeting(), **changes))) != ""
