"""The opening of WhatsApp's chat, byte by byte, and that nothing else passes for its answer."""

from __future__ import annotations

import pytest

from balise_agent.codec import noise

KEY = bytes(32)


def frame(message: bytes) -> bytes:
    """Return a message with its length."""
    return len(message).to_bytes(3) + message


def server_hello(payload: int = 250) -> bytes:
    """Return the server's hello: an ephemeral key, an encrypted static one and a certificate."""
    fields = b"\x0a\x20" + KEY + b"\x12\x30" + bytes(48) + b"\x1a" + _varint(payload) + bytes(payload)
    return frame(b"\x1a" + _varint(len(fields)) + fields)


def _varint(size: int) -> bytes:
    return bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])


def test_it_is_a_header_and_a_frame_with_a_key() -> None:
    """``WA``, two versions, a length, and in the client's hello a key that changes with the seed."""
    said = noise.opening(7)
    assert said[:11] == b"WA\6\3" + b"\0\0\x24" + b"\x12\x22\x0a\x20"
    assert len(said) == 43
    assert noise.opening(7) == said
    assert noise.opening(8)[11:] != said[11:]


@pytest.mark.parametrize("payload", [10, 40, 250, 1_000])
def test_the_answer_is_known_from_its_first_bytes(payload: int) -> None:
    """Whatever its certificate's length."""
    assert noise.is_answer(server_hello(payload)[: noise.ANSWER])
    assert noise.is_answer(server_hello(payload))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        server_hello()[:7],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x03\0\2\2\x28\0",
        b"\x16\x03\x03\0\x7a\2\0\0",
        noise.opening(7),
        noise.opening(7)[4:],
        frame(b"\x1a\x22\x0a\x21" + bytes(33)),
        frame(b"\x1a\x02\x0a\x20" + KEY),
        b"\0\xff\xff" + server_hello()[3:],
        b"\0\0\x24\x1a\x80\x80\x80\x80",
        bytes(8),
    ],
)
def test_nothing_else_passes_for_it(data: bytes) -> None:
    """Neither what other servers say, nor our own words, nor a frame whose lengths contradict each other."""
    assert not noise.is_answer(data)
