"""What every handshake has in common: sizes, marks, and that whatever is read costs only itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec import call
from balise_agent.codec.vpn.handshake import MARK, Handshake, Noise, drawn
from balise_agent.codec.vpn.registry import HANDSHAKES
from balise_wire.experiments.call import PACKET, SHORT
from balise_wire.experiments.vpn import OVER_TCP, VpnProtocol

TOKEN = b"tokentok"
ALL = pytest.mark.parametrize("handshake", HANDSHAKES.values(), ids=lambda one: f"{one.protocol}-{one.shape}")


def gone_through(handshake: Handshake, seed: int = 5) -> list[tuple[tuple[bytes, ...], bytes]]:
    """Return what each end says in each round."""
    mark, heard, found = handshake.mark(TOKEN, seed), list[bytes](), []
    for number in range(len(handshake.rounds)):
        asked = handshake.ask(mark, number, heard)
        heard.append(handshake.answer(mark, number))
        found.append((asked, heard[-1]))
    return found


@ALL
def test_every_packet_has_the_size_that_is_told(handshake: Handshake) -> None:
    """What a run costs follows from these, and a control has the sizes of its subject."""
    told = [(tuple(map(len, asked)), len(answer)) for asked, answer in gone_through(handshake)]
    assert told == list(handshake.rounds)


@ALL
def test_either_end_reads_what_the_other_says(handshake: Handshake) -> None:
    """Of its own round, with the token alone, and of no other handshake."""
    mark = handshake.mark(TOKEN, 5)
    for number, (asked, answer) in enumerate(gone_through(handshake)):
        assert handshake.read(asked[-1], (b"other", TOKEN)) == (number, mark)
        assert handshake.read(asked[-1], (b"other",)) is None
        assert handshake.accepts(mark, number, answer)
        assert not handshake.accepts(mark, number, asked[-1])
        for other in HANDSHAKES.values():
            assert other is handshake or other.read(asked[-1], (TOKEN,)) is None


@ALL
def test_another_handshake_answers_nothing_of_this_one(handshake: Handshake) -> None:
    """Each has a mark of its own; what is late answers no later one."""
    other = handshake.mark(TOKEN, 6)
    assert other != handshake.mark(TOKEN, 5)
    for number, (_, answer) in enumerate(gone_through(handshake)):
        assert not handshake.accepts(other, number, answer)


@ALL
def test_a_helper_takes_no_packet_for_a_calls(handshake: Handshake) -> None:
    """Both are answered on the same ports."""
    sizes = {size for sent, _ in handshake.rounds for size in sent}
    assert not sizes & {PACKET, SHORT}
    assert handshake.read(call.hello(3), (TOKEN,)) is None


@pytest.mark.parametrize("protocol", sorted(set(VpnProtocol.known()) - OVER_TCP))
def test_noise_looks_like_nothing(protocol: VpnProtocol) -> None:
    """No opcode of OpenVPN's, no type of WireGuard's, nothing that repeats from one handshake to the next."""
    firsts = set()
    for seed in range(40):
        for asked, answer in gone_through(Noise(protocol), seed):
            for data in (*asked, answer):
                assert data[0] & 0xF0 == 0x60
                firsts.add(data[0])
    assert len(firsts) > 8
    (one, *_), (other, *_) = (gone_through(Noise(protocol), seed)[0][0] for seed in (1, 2))
    assert sum(a == b for a, b in zip(one, other, strict=True)) < len(one) / 4 + 2


def test_what_is_drawn_is_repeatable() -> None:
    """A copy of a packet is the packet."""
    assert drawn(b"m" * MARK, "x", 9) == drawn(b"m" * MARK, "x", 9) != drawn(b"n" * MARK, "x", 9)


@given(st.binary(max_size=400))
def test_a_stranger_may_send_anything(data: bytes) -> None:
    """To either end: it is nothing."""
    sizes = {sent[-1] for one in HANDSHAKES.values() for sent, _ in one.rounds}
    for whole in (data, *(data[:size].ljust(size, b"\1") for size in sizes)):
        for handshake in HANDSHAKES.values():
            assert handshake.read(whole, (TOKEN,)) is None
            for number in range(len(handshake.rounds)):
                handshake.accepts(b"markmark", number, whole)
