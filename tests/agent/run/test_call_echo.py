"""A helper's datagrams: nobody is sent more than was sent in his name, and nothing in the name of another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec import call
from balise_agent.run.call_echo import MOST_TRAINS, PER_MINUTE, PERIOD, TOKENS_PER_MINUTE, CallEcho, Source
from balise_wire.experiments.call import PACKETS, WINDOW, CallShape

HOME = Source("192.0.2.7", "192.0.2.0/24")
STRANGER = Source("198.51.100.7", "198.51.100.0/24")
NOISE = CallShape.NOISE


def token(echo: CallEcho, source: Source = HOME, now: float = 0.0) -> bytes:
    """Return what a helper gives."""
    answer = echo.answer(call.hello(1), source, now)
    found = call.read_token(answer or b"", 1)
    assert found is not None
    return found


def packet(given_token: bytes, number: int, train: int = 9) -> bytes:
    """Return one packet of a train."""
    return call.packet(given_token, train, number, NOISE, NOISE)


def counts(echo: CallEcho, given_token: bytes, source: Source = HOME, now: float = 1.0) -> tuple[int, ...] | None:
    """Return what a helper says that it got."""
    answer = echo.answer(call.report(given_token, 9), source, now)
    return None if answer is None else call.read_counts(answer, 9)


def test_a_train_is_answered_packet_by_packet_and_counted() -> None:
    """Each once: what is sent again brings no more."""
    echo = CallEcho(b"secret")
    mine = token(echo)
    for number in range(30):
        answer = echo.answer(packet(mine, number), HOME, 1.0)
        assert call.read_back(answer or b"", 9) == number
        assert echo.answer(packet(mine, number), HOME, 1.0) is None
    assert counts(echo, mine) == (WINDOW, 30 - WINDOW, 0, 0, 0, 0)


def test_nothing_is_answered_without_the_token_of_the_address() -> None:
    """Whoever sends in another's name has none for him: nobody can be flooded by this server."""
    echo = CallEcho(b"secret")
    mine = token(echo)
    assert echo.answer(packet(mine, 0), STRANGER, 1.0) is None
    assert echo.answer(packet(bytes(8), 0), HOME, 1.0) is None
    assert counts(echo, mine, STRANGER) is None
    assert counts(CallEcho(b"other"), mine) is None


def test_a_token_ends() -> None:
    """It holds for the period that it was given in, and the next."""
    echo = CallEcho(b"secret")
    mine = token(echo, now=PERIOD - 1)
    assert echo.answer(packet(mine, 0), HOME, PERIOD + 1) is not None
    assert echo.answer(packet(mine, 1), HOME, 2 * PERIOD) is None


def test_a_prefix_has_its_share() -> None:
    """Of packets and of tokens; another prefix has its own, and the next minute is a new one."""
    echo = CallEcho(b"secret")
    mine = token(echo)
    answered = sum(
        echo.answer(packet(mine, number % PACKETS, train=number // PACKETS), HOME, 1.0) is not None
        for number in range(PER_MINUTE + 100)
    )
    assert answered == PER_MINUTE
    assert echo.answer(packet(token(echo, STRANGER), 0), STRANGER, 1.0) is not None
    assert echo.answer(packet(mine, 0, train=99), HOME, 62.0) is not None
    fresh = CallEcho(b"secret")
    given_tokens = [fresh.answer(call.hello(n), HOME, 0.0) for n in range(TOKENS_PER_MINUTE + 5)]
    assert sum(one is not None for one in given_tokens) == TOKENS_PER_MINUTE


def test_what_is_remembered_is_bounded() -> None:
    """The trains that were heard of longest ago are forgotten."""
    echo = CallEcho(b"secret")
    sources = [Source(f"192.0.{n >> 8}.{n & 255}", f"p{n}") for n in range(MOST_TRAINS + 1)]
    for source in sources:
        echo.answer(packet(token(echo, source), 0), source, 1.0)
    assert counts(echo, token(echo, sources[0]), sources[0]) == (0,) * 6
    assert counts(echo, token(echo, sources[-1]), sources[-1]) == (1, 0, 0, 0, 0, 0)


@given(st.binary(max_size=300))
def test_no_answer_is_longer_than_what_it_answers(data: bytes) -> None:
    """Of any datagram whatever."""
    for whole in (data, b"\4" + data[:63].ljust(63, b"\0"), b"\6" + data[:63].ljust(63, b"\0")):
        answer = CallEcho(b"secret").answer(whole, HOME, 0.0)
        assert answer is None or len(answer) <= len(whole)
