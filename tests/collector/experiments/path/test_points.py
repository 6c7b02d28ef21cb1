"""Sinks are told nothing of a path."""

from __future__ import annotations

from balise_collector.experiments.path.points import POINTS
from balise_wire.experiments.path import Hop, PathObservation
from balise_wire.words import Arm


def test_no_hop_is_sent_to_a_sink() -> None:
    """Hops lie before the border, and find the probe."""
    one = PathObservation(arm=Arm.SUBJECT, at=0.0, address="192.0.2.1", port=443, hops=(Hop(ttl=1),))
    assert POINTS.fields(one) == {}
