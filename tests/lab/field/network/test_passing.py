"""Addresses: what drops, refuses or prohibits, and what of it a SYN sees."""

import pytest

from balise_agent.experiments.tcp.plan import PLAN as TCP
from balise_lab.field.network import Effect, Home, Host
from balise_lab.field.network.passing import seen_address
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, HopPlace
from tests.lab.field.network.playing import SERVICE, Bed

S = (SERVICE,)
SIX = (Home(id="p1", country="PK", asn=17557, v6=True),)


def trials(bed: Bed, family: int = 4) -> dict[Arm, TcpObservation]:
    """Return a paired run's trials by arm."""
    return {trial.arm: trial for trial in bed.play(TCP.paired(bed.task(family=family)), TcpObservation)}


@pytest.mark.parametrize(
    ("effect", "failure"),
    [
        (Effect(kind="ip.drop", hosts=S), Failure.GENERIC_TIMEOUT),
        (Effect(kind="ip.rst", hosts=S), Failure.CONNECTION_REFUSED),
        (Effect(kind="ip.icmp", hosts=S), Failure.ICMP_ADMIN_PROHIBITED),
        (Effect(kind="ip.icmp", hosts=S, code="3/1"), Failure.HOST_UNREACHABLE),
        (Effect(kind="ip.prefix", hosts=S), Failure.GENERIC_TIMEOUT),
        (Effect(kind="ip.as", hosts=S, act="icmp"), Failure.ICMP_ADMIN_PROHIBITED),
        (Effect(kind="port.drop", hosts=S, ports=(443,)), Failure.GENERIC_TIMEOUT),
        (Effect(kind="server.down", hosts=S), Failure.GENERIC_TIMEOUT),
        (Effect(kind="server.down", hosts=S, act="refused"), Failure.CONNECTION_REFUSED),
        (Effect(kind="server.down", hosts=S, act="unreachable"), Failure.HOST_UNREACHABLE),
    ],
    ids=lambda value: f"{value.kind} {value.act}{value.code}" if isinstance(value, Effect) else "",
)
def test_the_subject_alone_is_hit(effect: Effect, failure: Failure) -> None:
    """An effect on a host's addresses is seen by its SYNs and spares the control."""
    seen = trials(Bed([effect]))
    assert seen[Arm.SUBJECT].failure is failure
    assert seen[Arm.CONTROL].failure is None


@pytest.mark.parametrize(
    ("act", "place"), [("first", HopPlace.FIRST), ("", HopPlace.LATER), ("border", HopPlace.LATER)]
)
def test_who_prohibits_is_told_by_the_packet(act: str, place: HopPlace) -> None:
    """The home's own router and one behind it differ in the TTL of their messages."""
    trial = trials(Bed([Effect(kind="ip.icmp", hosts=S, act=act)]))[Arm.SUBJECT]
    assert {packet.place for packet in trial.packets if packet.icmp} == {place}


def test_a_prefix_takes_its_neighbours_along() -> None:
    """``ip.prefix`` covers the host's route, ``ip.as`` every route of its system; an address beside is spared."""
    hosts = [
        Host(name=SERVICE, addresses=("45.33.32.10",), asn=13414),
        Host(name="near.example.com", addresses=("45.33.32.77",), asn=64999),
        Host(name="far.example.com", addresses=("45.33.90.1",), asn=13414),
    ]

    def alive(effect: Effect, name: str) -> bool:
        bed = Bed([effect], hosts=hosts)
        (trial,) = bed.play(TCP.sentinel(bed.task(name)), TcpObservation)
        return trial.failure is None

    prefix, system = Effect(kind="ip.prefix", hosts=S), Effect(kind="ip.as", hosts=S)
    assert [alive(prefix, name) for name in (SERVICE, "near.example.com", "far.example.com")] == [False, False, True]
    assert [alive(system, name) for name in (SERVICE, "near.example.com", "far.example.com")] == [False, True, False]


def test_a_share_of_flows_is_a_share_of_source_ports() -> None:
    """Each SYN is a flow of its own to a box that acts on some."""
    bed = Bed([Effect(kind="ip.drop", hosts=S, share=0.5)])
    answered = sum(trials(bed)[Arm.SUBJECT].synacks for _ in range(20))
    assert 35 <= answered <= 85


@pytest.mark.parametrize(
    ("act", "failure"),
    [
        ("no_route", Failure.NETWORK_UNREACHABLE),
        ("prohibited", Failure.ICMP_ADMIN_PROHIBITED),
        ("blackhole", Failure.GENERIC_TIMEOUT),
    ],
)
def test_broken_ipv6_leaves_ipv4_alone(act: str, failure: Failure) -> None:
    """Each way in which a home's IPv6 breaks, and its IPv4 beside it."""
    bed = Bed([Effect(kind="v6.broken", act=act)], homes=SIX)
    (six,) = bed.play(TCP.sentinel(bed.task(family=6)), TcpObservation)
    (four,) = bed.play(TCP.sentinel(bed.task()), TcpObservation)
    assert six.failure is failure
    assert four.failure is None


def test_a_block_of_one_family_spares_the_other() -> None:
    """``family`` narrows an effect on a host to its IPv6 addresses."""
    bed = Bed([Effect(kind="ip.drop", hosts=S, family=6)], homes=SIX)
    (six,) = bed.play(TCP.sentinel(bed.task(family=6)), TcpObservation)
    (four,) = bed.play(TCP.sentinel(bed.task()), TcpObservation)
    assert (six.failure, four.failure) == (Failure.GENERIC_TIMEOUT, None)


def test_a_home_without_ipv6_has_no_route() -> None:
    """The ordinary home of today's models has IPv4 alone."""
    (six,) = Bed().play(TCP.sentinel(Bed().task(family=6)), TcpObservation)
    assert six.failure is Failure.NETWORK_UNREACHABLE


def test_a_nat64_leads_to_the_ipv4_server() -> None:
    """Both spellings of an address in 64:ff9b::/96 stand for the same server."""
    assert seen_address("64:ff9b::45.33.32.10") == seen_address("64:ff9b::2d21:200a") == "45.33.32.10"
    assert seen_address("2600:3c00::1") == "2600:3c00::1"


def test_a_tunnel_leads_past_the_provider() -> None:
    """Through a VPN on the router the line is the exit's: the provider's block does not act, the exit's would."""
    block = Effect(kind="ip.drop", hosts=S, countries=("PK",))
    bed = Bed([block, Effect(kind="vpn", probes=("p1",), country="NL")])
    (trial,) = bed.play(TCP.sentinel(bed.task()), TcpObservation)
    assert trial.failure is None
    assert bed.field.seen_as("p1") == ("NL", 9009)
    abroad = Bed([Effect(kind="ip.drop", hosts=S, countries=("NL",)), Effect(kind="vpn", probes=("p1",), country="NL")])
    (trial,) = abroad.play(TCP.sentinel(abroad.task()), TcpObservation)
    assert trial.failure is Failure.GENERIC_TIMEOUT
