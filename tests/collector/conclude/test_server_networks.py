"""Where servers stand, by the operator's table: a move is seen, side by side is none, a doubtful address is apart."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.conclude.server_networks import ServerNetwork, ServerNetworks, server_address
from balise_wire.experiments.dns import DnsObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.measurement import Measurement, Network
from balise_wire.words import AddressSource, Arm, Design, Experiment, TargetRole

AMERICA, CHINA, CLOUD = ServerNetwork(30103, "US"), ServerNetwork(4134, "CN"), ServerNetwork(13335, "US")
TABLE = {"192.0.2.1": AMERICA, "192.0.2.2": AMERICA, "198.51.100.1": CHINA, "203.0.113.1": CLOUD}
DAY = 86_400.0


def run(address: str, day: float, source: AddressSource = AddressSource.PROVEN) -> Measurement:
    """Return one look at an address."""
    trials = (
        TcpObservation(arm=Arm.CONTROL, at=day * DAY, failure=None, address="192.0.2.99", port=443, syns=1),
        TcpObservation(arm=Arm.SUBJECT, at=day * DAY, failure=None, address=address, port=443, syns=2),
    )
    return Measurement(
        id="m", experiment=Experiment.TCP, design=Design.SENTINEL, target="zoom/web/zoom.us/4", service="zoom",
        role=TargetRole.WEB, host="zoom.us", started=day * DAY, ended=day * DAY, network=Network(country="CN", asn=1),
        catalogue="x", software="x", address_source=source, observations=trials,
    )  # fmt: skip


def seen(*runs: Measurement, country: str = "CN") -> list[tuple[ServerNetwork, bool, tuple[ServerNetwork, ...]]]:
    """Return what is told: network, whether it is the service's, what it was before."""
    networks = ServerNetworks(TABLE.get)
    for one in runs:
        networks.take(one, country, 0.0)
    return [(one.network, one.shown, one.moved_from) for one in networks.served()]


def test_a_move_is_seen() -> None:
    """S16: some of the servers are in China now, and the ones abroad are not used any more."""
    told = seen(run("192.0.2.1", 1), run("192.0.2.2", 2), run("198.51.100.1", 3), run("198.51.100.1", 4))
    assert told == [(AMERICA, True, ()), (CHINA, True, (AMERICA,))]


def test_side_by_side_is_no_move() -> None:
    """Content networks serve from several at once, and back again."""
    told = seen(run("192.0.2.1", 1), run("203.0.113.1", 2), run("192.0.2.2", 3))
    assert told == [(AMERICA, True, ()), (CLOUD, True, ())]


def test_what_was_not_shown_to_be_the_services_is_apart() -> None:
    """A forged answer leads to anybody's address: no server has moved there."""
    told = seen(run("192.0.2.1", 1), run("198.51.100.1", 2, AddressSource.UNPROVEN))
    assert told == [(CHINA, False, ()), (AMERICA, True, ())]


def test_an_address_that_the_table_has_not_is_unknown() -> None:
    """Neither an AS number nor a country is guessed."""
    assert seen(run("192.0.2.77", 1)) == [(ServerNetwork(0, ""), True, ())]


def test_runs_and_addresses_are_counted_by_where_they_were_asked_from() -> None:
    """The same name has other servers elsewhere."""
    networks = ServerNetworks(TABLE.get)
    networks.take(run("192.0.2.1", 1), "PK", 60.0)
    networks.take(run("192.0.2.2", 2), "PK", 60.0)
    networks.take(run("203.0.113.1", 2), "DE", 0.0)
    far, near = networks.served()
    assert (far.part.asked_from, far.network) == ("DE", CLOUD)
    assert (near.addresses, near.runs) == (("192.0.2.1", "192.0.2.2"), 2)
    assert (near.first, near.last) == (DAY - 60.0, 2 * DAY - 60.0)


@pytest.mark.parametrize("arm", [Arm.CONTROL, Arm.SUBJECT])
def test_names_alone_tell_no_server(arm: Arm) -> None:
    """A question for a name has no address of its own, and a control's is not the service's."""
    question = DnsObservation(arm=arm, at=0.0, failure=None, name="zoom.us")
    one = run("192.0.2.1", 1)
    assert server_address(one) == "192.0.2.1"
    assert server_address(msgspec.structs.replace(one, observations=(question,))) == ""
