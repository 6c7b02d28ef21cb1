"""The words of the call experiment."""

from __future__ import annotations

from balise_collector.experiments.call.words import MECHANISMS
from balise_wire.mechanisms import Mechanism


def test_every_direction_has_words() -> None:
    """What people read in an incident."""
    assert set(MECHANISMS) == {one for one in Mechanism if one.startswith("call.")}
    assert len(set(MECHANISMS.values())) == len(MECHANISMS)
