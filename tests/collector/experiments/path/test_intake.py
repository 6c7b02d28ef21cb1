"""What a path can hold."""

from __future__ import annotations

import pytest

from balise_collector.experiments.path.intake import BOUNDS, destination
from balise_wire.experiments.path import PathObservation
from balise_wire.words import Arm
from tests.testbed.cases import NOW


@pytest.mark.parametrize(("hop", "believed"), [("192.0.2.0/24", True), ("private", True), ("", True), ("home", False)])
def test_a_hop_is_a_prefix_or_the_word_for_what_is_inside_the_home(hop: str, believed: bool) -> None:
    """That is what the scrubber leaves of a router."""
    assert (BOUNDS.texts["Hop.address"](hop) == "") is believed


def test_a_path_leads_to_the_targets_address() -> None:
    """On which port depends on how the name is shown."""
    one = PathObservation(arm=Arm.SUBJECT, at=NOW, address="192.0.2.1", port=443)
    assert (destination(one).address, destination(one).port) == ("192.0.2.1", None)
