"""The lab answers stun: where, and by which program."""

from __future__ import annotations

from balise_lab.counterparts.stun import COUNTERPART, OTHER_PORT, PORT, addresses, port_of, servers, strangers
from balise_wire.words import Experiment
from tests.lab.boxes.packets import TOPOLOGY


def test_somebody_answers() -> None:
    """A scenario may measure by it; none does that does not say so."""
    assert COUNTERPART.experiments == (Experiment.STUN,)
    assert not COUNTERPART.usual


def test_services_and_other_operators_speak_it() -> None:
    """Every address of a service, and the controls that tell a dead line."""
    found = addresses(TOPOLOGY)
    twitter = TOPOLOGY.endpoints[0]
    assert {*twitter.addresses, *twitter.country_addresses} <= set(found)
    assert {one.address for one in strangers(TOPOLOGY)} <= set(found)
    assert not any(one.address in found for one in TOPOLOGY.controls if one.scope == "domestic")


def test_two_ports_are_told_apart() -> None:
    """Two servers on the port that is measured, one on another."""
    ports = [port_of(TOPOLOGY, one) for one in strangers(TOPOLOGY)]
    assert sorted(ports) == [PORT, PORT, OTHER_PORT]


def test_one_program_serves_all() -> None:
    """Beside the web server."""
    (server,) = servers(TOPOLOGY)
    assert server.place == "hosting"
