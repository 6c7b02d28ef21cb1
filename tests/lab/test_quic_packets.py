"""Two readers and writers of QUIC's first packets that share no code: the probe's and the laboratory's."""

from __future__ import annotations

import pytest

from balise_agent.codec import quic
from balise_lab.quic_packets import long_header, read_initial, server_initial, version_negotiation


@pytest.mark.parametrize(
    "name", ["a.example", "a-very-long-name-of-sixty-three-letters-in-one-label-is-allowed.example", None]
)
def test_a_box_finds_the_name(name: str | None) -> None:
    """What a box on the way reads in the probe's packet is what was written."""
    read = read_initial(quic.initial(name, 7, shape=1, number=2))
    assert read is not None
    assert read.name == name


def test_the_probe_reads_a_modelled_server() -> None:
    """A greeting, a refusal, a list of versions; each for its own packet alone."""
    read = read_initial(quic.initial("a.example", 7, shape=1))
    assert read is not None
    assert quic.read_answer(server_initial(read), 7).word == "server_hello"
    assert quic.read_answer(server_initial(read, close=0x178), 7).word == "close:178"
    assert quic.read_answer(server_initial(read), 8) == quic.OTHER
    assert quic.read_answer(version_negotiation(quic.version_probe(9)), 9).versions == ("00000001",)


def test_what_is_no_initial_shows_no_name() -> None:
    """Random bytes, another version, a changed byte: a box lets pass what it cannot read."""
    whole = quic.initial("a.example", 7, shape=1)
    assert read_initial(quic.noise(1)) is None
    assert read_initial(quic.version_probe(1)) is None
    assert read_initial(whole[:-1] + bytes([whole[-1] ^ 1])) is None
    assert all(read_initial(whole[:end]) is None for end in range(0, 1200, 7))
    assert long_header(b"") is None
