"""What boxes share that look for names: what they forge, what they leave alone, and that nothing breaks them."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.classify import ACK, RST
from balise_lab.boxes.engine.registry import KINDS
from tests.lab.boxes.packets import CLIENT, REQUEST, SERVER, decide, decided, query, request

NAMED = sorted(word for word, kind in KINDS.items() if kind.decide is not None)


def test_resets_carry_the_servers_numbers() -> None:
    """A forged RST is believed because its sequence number is the one the client expects next (RFC 5961 section 3)."""
    decision, forged = decided("http.rst", request(), resets=2)
    first, second, server = forged
    assert decision.strike
    assert (first.source, first.destination) == (SERVER, CLIENT)
    assert (first.sequence, first.acknowledgement, first.flags) == (5000, 1000 + len(REQUEST), RST | ACK)
    assert second.sequence == 5000 + 1460
    assert (server.source, server.destination, server.sequence) == (CLIENT, SERVER, 1000)


def test_marks_of_forged_packets_are_the_boxes() -> None:
    """TTL, IP-ID and window of what a box makes up are configuration: that is how the judge can tell."""
    decision, _ = decided("http.rst", request(), ttl=33, ip_id=0x1234, window=777, resets=1, toward_server=False)
    (raw,) = decision.forged
    assert (raw[8], raw[4:6].hex(), struct.unpack_from("!H", raw, 34)[0]) == (33, "1234", 777)


def test_checksums_of_forged_packets_are_right() -> None:
    """A packet with a wrong checksum would be dropped, and the box would look as if it had not fired."""
    decision, _ = decided("http.redirect", request())
    for raw in decision.forged:
        assert forge.checksum(raw[:20]) == 0
        pseudo = raw[12:20] + struct.pack("!BBH", 0, 6, len(raw) - 20)
        assert forge.checksum(pseudo + raw[20:]) == 0


def test_other_names_are_of_no_interest() -> None:
    """What does not match is left alone, whatever it is."""
    assert decide("http.rst", request(), "*.twimg.lab") is None
    assert decide("http.rst", request(b"\x16\x03\x01garbage"), "*.twimg.lab") is None
    assert decide("dns.inject", query(), "x.lab") is None


@given(st.binary(max_size=64), st.sampled_from(NAMED))
def test_no_packet_breaks_a_box(data: bytes, word: str) -> None:
    """A box that raised would be dead, and fail open."""
    decide(word, query(data), "*")
    decide(word, request(data or b"x"), "*")
