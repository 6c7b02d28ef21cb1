"""The lab answers quic: where, and by which program."""

from __future__ import annotations

from balise_lab.counterparts.quic import COUNTERPART, addresses, servers
from balise_wire.words import Experiment
from tests.lab.boxes.packets import TOPOLOGY


def test_somebody_answers() -> None:
    """A scenario may measure by it; none does that does not say so."""
    assert COUNTERPART.experiments == (Experiment.QUIC,)
    assert not COUNTERPART.usual


def test_services_and_controls_abroad_speak_it() -> None:
    """Every address of a service, regional ones too, and the controls that tell a dead line."""
    found = addresses(TOPOLOGY)
    twitter = TOPOLOGY.endpoints[0]
    assert {*twitter.addresses, *twitter.country_addresses} <= set(found)
    assert any(one.address in found for one in TOPOLOGY.controls if one.scope == "international")
    assert not any(one.address in found for one in TOPOLOGY.controls if one.scope == "domestic")


def test_one_program_serves_all() -> None:
    """Beside the web server."""
    (server,) = servers(TOPOLOGY)
    assert server.place == "hosting"
