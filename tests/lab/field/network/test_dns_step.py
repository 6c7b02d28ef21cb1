"""What a stub resolver does with silence, with several resolvers, and with what it learned."""

from balise_lab.field.network import Effect, Home, Resolver
from balise_wire.failures import Failure
from balise_wire.words import Way
from tests.lab.field.network.playing import Bed
from tests.lab.field.network.test_lookups import ask


def test_silence_takes_the_time_out_and_all_copies() -> None:
    """Two resolvers: three copies to the first and two to the second."""
    reply = ask(Bed([Effect(kind="resolver.down")]))
    assert (reply.questions, reply.answers, reply.failure) == (5, (), None)
    assert reply.elapsed_ms == 4000.0
    assert len(reply.packets) == 5


def test_the_second_resolver_is_asked_after_the_first() -> None:
    """Its answer is timed from its own first copy; the first one is counted as silent."""
    reply = ask(Bed([Effect(kind="resolver.down", which=1)]))
    assert (reply.questions, reply.silent_resolvers) == (4, 1)
    assert reply.answers[0].rtt_ms < 200.0
    assert reply.answers[0].server == 1


def test_a_port_that_is_closed_is_told() -> None:
    """An ICMP port unreachable ends the waiting for that server."""
    reply = ask(Bed([Effect(kind="resolver.down", act="refused")]))
    assert reply.failure is Failure.CONNECTION_REFUSED
    assert [packet.icmp for packet in reply.packets if packet.icmp] == ["3/3", "3/3"]


def test_who_refuses_edns_is_asked_plainly_from_then_on() -> None:
    """The habit is remembered, so that the next question costs one copy."""
    homes = (Home(id="p1", country="PK", asn=17557, resolvers=(Resolver(edns="drop"),)),)
    bed = Bed(homes=homes)
    assert ask(bed).questions == 3
    again = ask(bed)
    assert (again.questions, again.answers[0].way) == (1, Way.PLAIN)


def test_no_way_is_no_question() -> None:
    """Without a route nothing leaves."""
    reply = ask(Bed([Effect(kind="wifi", act="no_route")]))
    assert (reply.questions, reply.failure) == (0, Failure.NETWORK_UNREACHABLE)
