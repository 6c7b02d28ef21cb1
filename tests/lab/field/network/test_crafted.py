"""Crafted packets and the router."""

import pytest

from balise_agent.experiments.line.plan import PLAN as LINE
from balise_agent.experiments.steps import (
    AnswerKind,
    AskGateway,
    EchoProbe,
    Exchange,
    Exchanged,
    Failed,
    GatewayAsked,
    SynProbe,
)
from balise_agent.system.errors import LinkUnusable
from balise_lab.field.network import Effect, Home
from balise_wire.experiments.line import LineObservation
from balise_wire.failures import Failure
from tests.lab.field.network.playing import SERVICE, Bed


def exchange(bed: Bed, *packets: SynProbe | EchoProbe, enough: bool = True) -> Exchanged:
    """Send them and return what came."""
    reply = bed.reply(bed.accesses["p1"].session(), Exchange(packets=packets, window=3.0, enough=enough))
    assert isinstance(reply, Exchanged)
    return reply


def test_enough_ends_with_the_last_answer() -> None:
    """Where every packet was answered nobody waits for the window; otherwise for all of it."""
    bed = Bed()
    address = bed.world.addresses_of(SERVICE)[0]
    assert exchange(bed, SynProbe(address=address, port=443)).elapsed_ms < 400.0
    assert exchange(bed, SynProbe(address=address, port=443), enough=False).elapsed_ms == 3000.0
    assert exchange(bed, SynProbe(address=address, port=22)).answers[0].kind is AnswerKind.RST


def test_echoes_and_hops() -> None:
    """A server answers echoes; a packet whose TTL ends on the way is answered by a router there."""
    bed = Bed()
    address = bed.world.addresses_of(SERVICE)[0]
    assert exchange(bed, EchoProbe(address=address)).answers[0].kind is AnswerKind.ECHO
    first, third = (exchange(bed, SynProbe(address=address, port=443, ttl=ttl)).answers[0] for ttl in (1, 3))
    assert first.kind is third.kind is AnswerKind.ICMP
    assert first.packet.icmp == "11/0"
    assert first.packet.hop == "192.168.1.1" != third.packet.hop


@pytest.mark.parametrize(
    ("effects", "gateway", "ok"),
    [
        ((), "answers", True),
        ((), "mute", False),
        ((), "none", None),
        ((Effect(kind="gateway.mute"),), "answers", False),
        ((Effect(kind="wifi"),), "answers", False),
        ((Effect(kind="line.down"),), "answers", True),
    ],
)
def test_a_router_answers_or_not(effects: tuple[Effect, ...], gateway: str, ok: bool | None) -> None:
    """A dead line leaves the router alive; a mute router carries all the same."""
    bed = Bed(effects, homes=(Home(id="p1", country="PK", asn=17557, gateway=gateway),))
    reply = bed.reply(bed.accesses["p1"].session(), AskGateway(timeout=1.0))
    assert isinstance(reply, GatewayAsked)
    assert reply.ok is ok
    (line,) = bed.play(LINE.sentinel(bed.task()), LineObservation)
    alive = not effects or effects[0].kind == "gateway.mute"
    assert all((control.failure is None) is alive for control in line.controls)


def test_what_has_no_way_is_told_apart() -> None:
    """IPv6 in a home without it: the other packets are answered; where none leaves the step has failed."""
    bed = Bed()
    four, six = bed.world.addresses_of(SERVICE)
    both = exchange(bed, SynProbe(address=six, port=443), SynProbe(address=four, port=443))
    assert both.unsent == ((0, Failure.NETWORK_UNREACHABLE),)
    assert [answer.probe for answer in both.answers] == [1]
    assert both.elapsed_ms < 400.0
    step = Exchange(packets=(SynProbe(address=six, port=443),), window=3.0)
    alone = bed.reply(bed.accesses["p1"].session(), step)
    assert isinstance(alone, Failed)
    assert alone.failure is Failure.NETWORK_UNREACHABLE


def test_a_full_queue_is_our_own_failure() -> None:
    """``eagain`` raises what the agent's net layer raises, and is no answer of the network's."""
    bed = Bed([Effect(kind="eagain")])
    with pytest.raises(LinkUnusable):
        exchange(bed, SynProbe(address="45.33.32.10", port=443))
