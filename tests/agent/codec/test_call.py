"""What a probe and a helper say to each other over UDP, and that whatever is read costs only itself."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec import call
from balise_wire.experiments.call import PACKET, PACKETS, SHORT, WINDOWS, CallShape

TOKEN = b"tokentok"
VOICE, NOISE = CallShape.VOICE, CallShape.NOISE


def test_a_token_is_asked_for_and_given_in_one_length() -> None:
    """Nothing that a helper sends is longer than what it answers."""
    asked = call.hello(5)
    given_token = call.token_answer(asked, TOKEN)
    assert (call.asks_token(asked), len(asked), len(given_token)) == (True, SHORT, SHORT)
    assert call.read_token(given_token, 5) == TOKEN
    assert call.read_token(given_token, 6) is None
    assert call.read_token(asked, 5) is None


def test_a_token_is_of_an_address_and_a_time() -> None:
    """Who has it receives where he sends from."""
    tokens = {call.token_of(b"s", address, period) for address in ("192.0.2.1", "192.0.2.2") for period in (1, 2)}
    assert len(tokens) == 4
    assert call.token_of(b"s", "192.0.2.1", 1) != call.token_of(b"t", "192.0.2.1", 1)


@pytest.mark.parametrize("up", [VOICE, NOISE])
@pytest.mark.parametrize("down", [VOICE, NOISE])
def test_a_packet_and_its_answer_are_as_long(up: CallShape, down: CallShape) -> None:
    """Either shape each way, and every number comes back as it went."""
    for number in (0, 1, PACKETS - 1):
        data = call.packet(TOKEN, 9, number, up, down)
        sent = call.read_sent(data)
        assert sent is not None
        assert (sent.token, sent.number, sent.down, len(data)) == (TOKEN, number, down, PACKET)
        answer = call.back(sent, 77)
        assert (len(answer), call.read_back(answer, 9), call.read_back(answer, 8)) == (PACKET, number, None)
        assert call.read_back(data, 9) is None


def test_voice_is_a_stream_of_rtp() -> None:
    """Version 2, one payload type and source, numbers and ticks that grow by one packet (RFC 3550 5.1)."""
    train = [call.packet(TOKEN, 9, number, VOICE, NOISE) for number in range(PACKETS)]
    assert {(one[0], one[1], one[8:12]) for one in train} == {(0x80, 111, train[0][8:12])}
    numbers = [int.from_bytes(one[2:4]) for one in train]
    ticks = [int.from_bytes(one[4:8]) for one in train]
    assert {(b - a) & 0xFFFF for a, b in pairwise(numbers)} == {1}
    assert {(b - a) & 0xFFFFFFFF for a, b in pairwise(ticks)} == {960}


def test_noise_is_nothing_that_repeats() -> None:
    """No byte is the same in all packets, and the first one is nobody's (RFC 7983 7)."""
    train = [call.packet(TOKEN, 9, number, NOISE, NOISE) for number in range(PACKETS)]
    assert {one[0] & 0xF8 for one in train} == {8}
    assert all(len({one[place] for one in train}) > 5 for place in range(PACKET))
    assert TOKEN not in b"".join(train)


def test_a_report_tells_what_arrived() -> None:
    """Of the train that it asks for, in its own length."""
    asked = call.report(TOKEN, 9)
    assert call.read_report(asked) == (TOKEN, call.train_id(9))
    answer = call.counts_answer(asked, (25, 25, 3, 0, 0, 0))
    assert (len(answer), call.read_counts(answer, 9)) == (SHORT, (25, 25, 3, 0, 0, 0))
    assert call.read_counts(answer, 8) is None
    assert call.read_counts(call.counts_answer(asked, (99,) * WINDOWS), 9) is None


@given(st.binary(max_size=300))
def test_a_stranger_may_send_anything(data: bytes) -> None:
    """To either side: it is something, or nothing."""
    for whole in (data, data[:SHORT].ljust(SHORT, b"\1"), data[:PACKET].ljust(PACKET, b"\2")):
        call.read_token(whole, 1)
        call.read_counts(whole, 1)
        call.read_report(whole)
        sent = call.read_sent(whole)
        assert sent is None or sent.number < PACKETS
        assert call.read_back(whole, 1) is None
        assert call.asks_token(whole) is (len(whole) == SHORT and whole[0] == 4)
