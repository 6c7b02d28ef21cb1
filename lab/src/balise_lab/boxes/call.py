"""Cutting calls: packets in the shape of a voice stream vanish, in one direction or in both."""

from collections.abc import Callable, Iterator
from functools import partial

from balise_lab.boxes.engine.datagram_rules import drop_datagrams
from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import PORTS, Placement
from balise_lab.boxes.quic import PASSES
from balise_lab.rtp_packets import LONGEST, SHORTEST

_HEADER = 8
"""Bytes of UDP's header, which its length counts as well (RFC 768)."""
VOICE = (
    f"meta l4proto udp udp length {SHORTEST + _HEADER}-{LONGEST + _HEADER} "
    "@th,64,8 & 0xc0 == 0x80 @th,72,8 & 0x60 == 0x60"
)
"""RTP of version 2 with a dynamic payload type (RFC 3550 5.1, RFC 3551 6), of the length that voice has."""


def _rules(directions: tuple[str, ...], placement: Placement) -> Iterator[str]:
    passes = PASSES.of(placement.box)
    sides = {"up": "original", "down": "reply"}
    looks = [(way, VOICE, f"ct {sides[way]} packets > {passes}" if passes else "") for way in directions]
    return drop_datagrams(placement, looks)


def _kind(word: str, means: str, *directions: str) -> Kind:
    rules: Callable[[Placement], Iterator[str]] = partial(_rules, directions)
    return Kind(word=word, means=means, looks=Looks.ANYTHING, settings=(PASSES, PORTS), rules=rules)


KINDS = (
    _kind(
        "call.media_cut", "packets in the shape of a voice call (RTP) vanish both ways; other UDP passes", "up", "down"
    ),
    _kind("call.media_cut_up", "the same, those that homes send alone", "up"),
    _kind("call.media_cut_down", "the same, those that come to homes alone", "down"),
)
