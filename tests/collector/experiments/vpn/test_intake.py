"""What a trial of vpn can hold."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.experiments.vpn.intake import destination
from balise_collector.intake.believable import unbelievable
from balise_wire.experiments.traits import Transport
from tests.collector.experiments.vpn.trials import handshake
from tests.testbed.cases import Case


def test_nothing_of_it_is_the_targets() -> None:
    """It went to the operator's own server."""
    assert destination(handshake())[:4] == (None, False, "", None)
    assert destination(handshake()).transport is Transport.UDP


@pytest.mark.parametrize(
    "changes", [{"rounds": 9}, {"answered": -1}, {"answered": 9}, {"repeated": 101}, {"icmp": "3/3 you"}]
)
def test_what_cannot_be_is_not_believed(case: Case, changes: dict[str, object]) -> None:
    """More rounds than a handshake has, words in the place of a number."""
    assert unbelievable(case.measured(handshake())) == ""
    assert unbelievable(case.measured(msgspec.structs.replace(handshake(), **changes))) != ""
