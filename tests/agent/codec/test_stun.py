"""STUN's messages: what we write, and that whatever is read costs only itself."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec import stun
from balise_agent.codec.stun import OTHER, StunAnswer

COOKIE = 0x2112A442
REQUEST = stun.binding(7)
# RFC 5769 2.2: a sample IPv4 response; its transaction id is that of the request in 2.1.
SAMPLE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b74657374207665637"
    "46f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
ASKED = b"\0\1\0\0" + SAMPLE[4:20]


def answered(request: bytes, *attributes: tuple[int, bytes], kind: int = 0x0101) -> bytes:
    """Return a whole message with attributes, each padded to four bytes (RFC 8489 14)."""
    body = b"".join(
        struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4) for number, value in attributes
    )
    return struct.pack("!HH", kind, len(body)) + request[4:20] + body


XOR = (0x0020, bytes(8))
PLAIN = (0x0001, bytes(8))


def test_a_request_is_a_header_alone() -> None:
    """Type, length, cookie, transaction id: 20 bytes, and the cookie only where it belongs (RFC 8489 5)."""
    assert (len(REQUEST), REQUEST[:4], int.from_bytes(REQUEST[4:8])) == (20, b"\0\1\0\0", COOKIE)
    classic = stun.classic(7)
    assert (len(classic), classic[:4]) == (20, b"\0\1\0\0")
    assert stun.COOKIE not in classic
    assert len({stun.binding(seed) for seed in range(50)} | {stun.classic(seed) for seed in range(50)}) == 100


def test_the_sample_of_the_rfc_is_read() -> None:
    """RFC 5769 2.2."""
    assert stun.read_answer(SAMPLE, ASKED) == StunAnswer("binding", "xor")


@pytest.mark.parametrize(
    ("attributes", "mapped"),
    [((XOR,), "xor"), ((PLAIN,), "plain"), ((XOR, PLAIN), "both"), ((), "none"), (((0x8020, bytes(8)),), "xor")],
)
def test_how_the_address_is_said(attributes: tuple[tuple[int, bytes], ...], mapped: str) -> None:
    """Never which it is: that is the home's own."""
    assert stun.read_answer(answered(REQUEST, *attributes), REQUEST) == StunAnswer("binding", mapped)


def test_an_error_is_an_answer() -> None:
    """A server that wants to know us first is one that answers (RFC 8489 14.8)."""
    refusal = answered(REQUEST, (0x0009, b"\0\0\4\1Unauthorized"), kind=0x0111)
    assert stun.read_answer(refusal, REQUEST) == StunAnswer("error:401")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        REQUEST,  # an echo of what we sent
        SAMPLE,  # another transaction
        answered(REQUEST, XOR)[:-1],
        answered(REQUEST, XOR) + b"\0",
        answered(REQUEST, kind=0x0111),  # an error without a code
        answered(REQUEST, (0x0009, b"\0\0\7\1"), kind=0x0111),
        answered(REQUEST, kind=0x0011),  # an indication
        answered(REQUEST)[:2] + b"\0\4" + answered(REQUEST)[4:] + b"\0\x20\0\x08",  # an attribute that is not there
        answered(REQUEST, *[(0x7000, b"")] * 40),
        answered(REQUEST, (0x7000, bytes(3_000))),
    ],
)
def test_what_does_not_fit_is_something_else(data: bytes) -> None:
    """No exception, and no answer."""
    assert stun.read_answer(data, REQUEST) == OTHER


@given(st.binary(max_size=4_000))
def test_a_stranger_may_send_anything(data: bytes) -> None:
    """Bytes of any kind and length behind our own transaction id end as a word."""
    for whole in (data, b"\1\1" + data[:2] + REQUEST[4:20] + data, b"\1\x11" + data[:2] + REQUEST[4:20] + data):
        assert stun.read_answer(whole, REQUEST).word.partition(":")[0] in {"binding", "error", "other"}


def test_every_cut_and_every_flipped_bit_is_read() -> None:
    """A true answer, damaged in each place."""
    whole = answered(REQUEST, XOR, (0x8022, b"coturn"), (0x8028, bytes(4)))
    assert stun.read_answer(whole, REQUEST).word == "binding"
    draw = random.Random(3)
    for at in range(len(whole)):
        assert stun.read_answer(whole[:at], REQUEST) == OTHER
        damaged = bytearray(whole)
        damaged[at] ^= 1 << draw.randrange(8)
        assert stun.read_answer(bytes(damaged), REQUEST).word in {"binding", "other"}
