"""The words of the vpn experiment."""

from __future__ import annotations

from balise_collector.experiments.vpn.words import MECHANISMS
from balise_wire.mechanisms import Mechanism


def test_every_protocol_has_words() -> None:
    """What people read in an incident."""
    assert set(MECHANISMS) == {one for one in Mechanism if one.startswith("vpn.")}
    assert len(set(MECHANISMS.values())) == len(MECHANISMS)
