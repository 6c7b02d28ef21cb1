"""A helper's handshakes: nobody is sent anything in another's name, and no more than was sent but for a reset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec import call
from balise_agent.codec.vpn.handshake import OVER_TCP
from balise_agent.codec.vpn.registry import HANDSHAKES, ON_CONNECTIONS, OVER_UDP
from balise_agent.run.call_echo import PERIOD, Source
from balise_agent.run.vpn_echo import PER_MINUTE, HelperEcho, VpnStream
from balise_wire.experiments.vpn import VpnProtocol, VpnShape

HOME = Source("192.0.2.7", "192.0.2.0/24")
STRANGER = Source("198.51.100.7", "198.51.100.0/24")


def token(echo: HelperEcho, source: Source = HOME, now: float = 0.0) -> bytes:
    """Return what a helper gives."""
    found = call.read_token(echo.answer(call.hello(1), source, now) or b"", 1)
    assert found is not None
    return found


def first(given_token: bytes, protocol: VpnProtocol = VpnProtocol.WIREGUARD, seed: int = 9) -> bytes:
    """Return the first packet of a handshake."""
    handshake = HANDSHAKES[protocol, VpnShape.PROTOCOL]
    return handshake.ask(handshake.mark(given_token, seed), 0, ())[-1]


def test_every_round_is_answered_and_nothing_is_kept() -> None:
    """By the mark alone: a copy is answered as the first one was, and an acknowledgement by nothing."""
    echo = HelperEcho(b"secret", vpn=True)
    mine = token(echo)
    for handshake in OVER_UDP:
        mark, heard = handshake.mark(mine, 9), list[bytes]()
        for number in range(len(handshake.rounds)):
            *before, last = handshake.ask(mark, number, heard)
            answer = echo.answer(last, HOME, 1.0)
            assert answer is not None
            assert handshake.accepts(mark, number, answer)
            assert echo.answer(last, HOME, 2.0) == answer
            assert [echo.answer(one, HOME, 1.0) for one in before] == [None] * len(before)
            assert len(answer) <= len(last) + (12 if len(last) == 14 else 0)
            heard.append(answer)


def test_nothing_is_answered_without_the_token_of_the_address() -> None:
    """Whoever sends in another's name has none for him: nobody can be reached through this server."""
    echo = HelperEcho(b"secret", vpn=True)
    mine = token(echo)
    for protocol in {one.protocol for one in OVER_UDP}:
        assert echo.answer(first(mine, protocol), HOME, 1.0) is not None
        assert echo.answer(first(mine, protocol), STRANGER, 1.0) is None
        assert echo.answer(first(bytes(8), protocol), HOME, 1.0) is None
        assert echo.answer(first(mine, protocol), HOME, 2 * PERIOD) is None


def test_a_helper_answers_handshakes_where_its_operator_says_so_alone() -> None:
    """Else it gives tokens and answers calls, as before."""
    echo = HelperEcho(b"secret")
    assert echo.answer(first(token(echo)), HOME, 1.0) is None


def test_a_prefix_has_its_share() -> None:
    """Another prefix has its own, and the next minute is a new one."""
    echo = HelperEcho(b"secret", vpn=True)
    mine = token(echo)
    answered = sum(echo.answer(first(mine, seed=n), HOME, 1.0) is not None for n in range(PER_MINUTE + 50))
    assert answered == PER_MINUTE
    assert echo.answer(first(token(echo, STRANGER)), STRANGER, 1.0) is not None
    assert echo.answer(first(mine), HOME, 62.0) is not None


@given(st.binary(max_size=400))
def test_a_stranger_hears_nothing_longer_than_what_he_sent(data: bytes) -> None:
    """Of any datagram whatever."""
    answer = HelperEcho(b"secret", vpn=True).answer(data, HOME, 0.0)
    assert answer is None or len(answer) <= len(data)


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_every_round_is_answered_on_a_connection(piece: int) -> None:
    """In whatever pieces it comes; then all is said."""
    for handshake in ON_CONNECTIONS:
        stream, mark, heard = VpnStream(), handshake.mark(OVER_TCP, 9), list[bytes]()
        for number in range(len(handshake.rounds)):
            sent, said = b"".join(handshake.ask(mark, number, heard)), b""
            assert not stream.is_over
            for at in range(0, len(sent), piece):
                found = stream.take(sent[at : at + piece])
                assert found is not None
                said += found
            assert handshake.accepts(mark, number, said)
            heard.append(said)
        assert stream.is_over
        assert stream.take(b"more") is None


@given(st.binary(min_size=1, max_size=600))
def test_a_strangers_connection_is_told_nothing(data: bytes) -> None:
    """Hung up on at once where it can be nothing of ours any more."""
    stream = VpnStream()
    assert stream.take(data) in {None, b""}
    assert stream.take(bytes(2_000)) is None


def test_another_handshakes_rounds_are_not_gone_on_with() -> None:
    """What was begun by one mark is not ended by another."""
    for handshake in ON_CONNECTIONS:
        stream, mark, other = VpnStream(), handshake.mark(OVER_TCP, 9), handshake.mark(OVER_TCP, 10)
        heard = stream.take(b"".join(handshake.ask(mark, 0, ())))
        assert heard
        assert stream.take(b"".join(handshake.ask(other, 1, (heard,)))) is None
