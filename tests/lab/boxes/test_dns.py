"""Lies about names: what each box answers, and what it lets pass."""

import struct

import pytest

from balise_lab.boxes.engine import classify
from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import ACK, FIN, PSH, RST, Packet
from balise_lab.boxes.engine.rules import rules
from balise_lab.errors import ConfigError
from balise_lab.world.layout import AccessNetwork, Layout
from balise_lab.world.topology import build
from tests.lab.boxes.packets import CLIENT, QUERY, SERVER, decide, decided, parsed, query


def test_injection_sends_one_packet_an_address_and_lets_the_query_pass() -> None:
    """The true answer follows the forged ones: that is by what injection is told from replacement."""
    decision, forged = decided("dns.inject", query(), answer=("203.0.113.1", "203.0.113.2"))
    assert not decision.strike
    assert [each.payload[-4:] for each in forged] == [bytes([203, 0, 113, 1]), bytes([203, 0, 113, 2])]
    assert all(each.payload[:2] == QUERY[:2] and each.source_port == 53 for each in forged)


@pytest.mark.parametrize(("word", "inline", "strikes"), [("dns.inject", True, True), ("dns.bogus", False, False)])
def test_inline_says_whether_the_true_answer_follows(word: str, inline: bool, strikes: bool) -> None:
    """With ``inline: no`` a box forges without dropping the true packets, and the other way round."""
    decision, forged = decided(word, query(), inline=inline)
    assert (decision.strike, len(forged)) == (strikes, 1)


@pytest.mark.parametrize(("word", "code"), [("dns.servfail", 2), ("dns.nxdomain", 3), ("dns.refused", 5)])
def test_a_denial_comes_in_the_place_of_the_answer(word: str, code: int) -> None:
    """The query is dropped, and the answer is a response code (RFC 1035 section 4.1.1)."""
    decision, (answer,) = decided(word, query())
    assert decision.strike
    assert answer.payload[3] & 15 == code


def test_silence_is_no_answer_at_all() -> None:
    """The query vanishes."""
    assert decided("dns.silent", query()) == (decide("dns.silent", query(), "*"), [])


def test_over_tcp_the_answer_ends_the_connection() -> None:
    """What stands in for a resolver answers a query over TCP with its length before it, and resets the server."""
    framed = len(QUERY).to_bytes(2) + QUERY
    seen = Packet(CLIENT, SERVER, classify.TCP, 40000, 53, 1000, 5000, PSH | ACK, framed)
    decision, (answer, reset) = decided("dns.nxdomain", seen)
    assert decision.strike
    assert answer.flags == FIN | ACK | PSH
    assert int.from_bytes(answer.payload[:2]) == len(answer.payload) - 2
    assert (reset.destination, reset.flags) == (SERVER, RST | ACK)


def test_an_ipv6_question_gets_no_ipv4_address() -> None:
    """A forged answer to AAAA is empty rather than malformed."""
    decision = decide("dns.inject", query(QUERY[:-4] + struct.pack("!HH", 28, 1)), "twitter.lab")
    assert decision is not None
    (raw,) = decision.forged
    assert struct.unpack_from("!H", parsed(raw).payload, 6)[0] == 0


def test_broken_signatures_fail_whoever_checks_them() -> None:
    """A question with CD set is answered as ever (RFC 4035 section 3.2.2); SERVFAIL is the resolver's own packet."""
    decision, (answer,) = decided("dnssec.broken", query())
    assert decision.strike
    assert answer.payload[3] & 15 == 2
    assert (decision.forged[0][8], decision.forged[0][4:6]) == (64, b"\0\0")
    unchecked = QUERY[:3] + bytes([QUERY[3] | 0x10]) + QUERY[4:]
    assert decide("dnssec.broken", query(unchecked), "twitter.lab") is None


def test_a_resolver_that_fails_fails_for_every_name() -> None:
    """SERVFAIL, whatever is asked."""
    decision = decide("resolver.servfail", query())
    assert decision is not None
    (raw,) = decision.forged
    assert parsed(raw).payload[3] & 15 == 2


def test_one_of_several_resolvers_may_lie() -> None:
    """With ``which`` a box looks at questions to that resolver alone; a number that the provider has not is refused."""
    topology = build(Layout("PK", {"asn64501": AccessNetwork(64501, 1, resolvers=2)}))
    second = topology.namespace("asn64501").resolvers[1]
    box = Box("b", "dns.nxdomain", where="asn64501", match=("twitter.lab",), settings={"which": 2})
    queued = rules(box, topology, 0).queued
    assert queued
    assert all(line[line.index("-d") + 1] == second for line in queued)
    with pytest.raises(ConfigError, match="isp-64501 has 2 resolvers"):
        rules(Box("b", "resolver.servfail", where="asn64501", settings={"which": 3}), topology, 0)
