"""Lies about names: what each box answers, and what it lets pass."""

import struct

import pytest

from balise_lab.boxes.engine import classify
from balise_lab.boxes.engine.classify import ACK, FIN, PSH, RST, Packet
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


@pytest.mark.parametrize(("word", "code"), [("dns.nxdomain", 3), ("dns.refused", 5)])
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
