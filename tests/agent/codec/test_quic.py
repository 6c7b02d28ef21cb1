"""QUIC's first packets against the RFC's own example, and what a server may say to them."""

from __future__ import annotations

import pytest

from balise_agent.codec import quic
from tests.agent.quic_server import read_initial, server_initial, version_negotiation


@pytest.mark.parametrize(
    "name", ["a.example", "a-very-long-name-of-sixty-three-letters-in-one-label-is-allowed.example", None]
)
def test_the_name_is_in_the_packet(name: str | None) -> None:
    """What a box on the way reads in the packet is what was written (tests/lab reads it with other code)."""
    read = read_initial(quic.initial(name, 7, shape=1))
    assert read is not None
    assert read.name == name


def test_every_first_datagram_has_one_size() -> None:
    """Arms differ in what they say, and in nothing else that a box could look at."""
    sizes = {len(quic.initial("a.example", 1, shape=1)), len(quic.noise(1)), len(quic.version_probe(1))}
    assert sizes == {quic.SIZE}


def test_a_copy_is_another_packet() -> None:
    """A packet number is never used twice with one key (RFC 9000 12.3)."""
    assert quic.initial("a.example", 1, shape=1) != quic.initial("a.example", 1, shape=1, number=1)


def test_noise_is_no_quic() -> None:
    """No server reads a packet without the fixed bit, and none takes it for STUN, DTLS or RTP (RFC 9443)."""
    firsts = {quic.noise(seed)[0] for seed in range(50)}
    assert firsts <= set(range(4, 16))


def test_a_servers_words_are_told_apart() -> None:
    """A greeting, a refusal, a request to come back, a list of versions."""
    read = read_initial(quic.initial("a.example", 7, shape=1))
    assert read is not None
    assert quic.read_answer(server_initial(read), 7).word == "server_hello"
    assert quic.read_answer(server_initial(read, close=0x178), 7).word == "close:178"
    assert quic.read_answer(version_negotiation(quic.version_probe(9)), 9) == quic.QuicAnswer(
        "version_negotiation", ("00000001",)
    )
    ids = quic.connection_ids(7)
    retry = b"\xf0" + quic.VERSION_1 + bytes([8]) + ids.client + bytes([4]) + b"abcd" + bytes(40)
    assert quic.read_answer(retry, 7).word == "retry"


def test_what_was_not_made_for_this_packet_is_no_answer() -> None:
    """Keys and ids are this packet's alone: who did not see it cannot answer it."""
    read = read_initial(quic.initial("a.example", 7, shape=1))
    assert read is not None
    assert quic.read_answer(server_initial(read), 8) == quic.OTHER
    assert quic.read_answer(version_negotiation(quic.version_probe(9)), 8) == quic.OTHER


def test_hostile_bytes_are_another_thing_and_never_an_error() -> None:
    """Cut anywhere, or with any one byte changed, it is read as something or as nothing."""
    read = read_initial(quic.initial("a.example", 7, shape=1))
    assert read is not None
    whole = server_initial(read)
    for end in range(len(whole)):
        quic.read_answer(whole[:end], 7)
    for place in range(60):
        changed = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        assert quic.read_answer(changed, 7).word in {"other", "retry"}


def test_the_keys_are_those_of_the_rfc() -> None:
    """RFC 9001 A.1: the client's key, IV and header key for the connection id 8394c8f03e515708."""
    keys = quic._keys(bytes.fromhex("8394c8f03e515708"), "client in")
    assert keys.key.hex() == "1f369613dd76d5467730efcbe3b1a22d"
    assert keys.iv.hex() == "fa044b2f42a3fd3b46fb255c"
    assert keys.hp.hex() == "9f50449e04a0e810283a1e9933adedd2"
