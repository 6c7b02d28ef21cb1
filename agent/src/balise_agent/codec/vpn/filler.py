"""Payloads over TCP of a shape of their own: random from the first byte on, or exempt from a filter against such ones.

The mark ends what a round sends last; all other bytes follow from it. Must not live here: sockets, what a filter looks
at (exemptions.py).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from types import MappingProxyType
from typing import Final

from balise_agent.codec.vpn.exemptions import PRINTABLE, START, exempt_by, ones
from balise_agent.codec.vpn.handshake import MARK, NONCE, Handshake, drawn
from balise_wire.experiments.vpn import VpnProtocol, VpnShape

_MASK: Final = 0x15
"""Bits that may be set in a byte of few ones: three, so that it is no printable character either."""
_PRINTED: Final = frozenset({1, 2, 4})
_BEFORE, _BEHIND = 40, 64
"""Where a run of printable bytes begins and ends: 24 of them."""
_MARKED: Final = 5 * MARK
"""Set bits of a mark, at most, that stands among few ones."""


class Filler(Handshake):
    """Payloads of one shape, as many as a handshake's rounds have and as long.

    Of a fully encrypted protocol's own shape nothing is known but that every byte is random.
    """

    def __init__(self, like: VpnProtocol, shape: VpnShape) -> None:
        """Have the sizes of a protocol's handshake."""
        self.protocol, self.shape = like, shape

    def mark(self, token: bytes, seed: int) -> bytes:
        """Return the mark of a handshake that a probe begins: one that leaves the shape as it is."""
        for tried in count():
            said = f"vpn|{self.protocol}|{self.shape}|{seed}|{tried}".encode()
            nonce = hashlib.sha256(said).digest()[:NONCE]
            mark = nonce + self._proof(token, nonce)
            if ones(mark) <= _MARKED:
                return mark
        raise AssertionError("one of them is")

    def ask(self, mark: bytes, number: int, heard: Sequence[bytes]) -> tuple[bytes, ...]:  # noqa: ARG002 - follows nothing
        """Return as many payloads of the same sizes."""
        *before, last = self.rounds[number][0]
        beside = tuple(self._made(mark, f"{number} beside {each}", size) for each, size in enumerate(before))
        return (*beside, self._made(mark, f"{number} up", last - MARK, mark))

    def accepts(self, mark: bytes, number: int, data: bytes) -> bool:
        """Tell whether it is what follows from the mark."""
        return data == self.answer(mark, number)

    def place(self, number: int) -> int:
        """Return where the mark stands: at the end."""
        return self.rounds[number][0][-1] - MARK

    def is_mine(self, number: int, data: bytes) -> bool:  # noqa: ARG002 - in each
        """Tell whether it has the shape."""
        return _has(self.shape, data)

    def answer(self, mark: bytes, number: int) -> bytes:
        """Return a payload of the answer's size."""
        return self._made(mark, f"{number} down", self.rounds[number][1])

    def _made(self, mark: bytes, what: str, size: int, behind: bytes = b"") -> bytes:
        """Return the first of the payloads that follow from a mark which has the shape, with what ends it."""
        for tried in count():
            found = _MADE[self.shape](drawn(mark, f"{what} {tried}", size)) + behind
            if _has(self.shape, found):
                return found
        raise AssertionError("one of them has")


def _printable(drawn: bytes) -> bytes:
    return bytes(PRINTABLE[each % len(PRINTABLE)] for each in drawn)


def _half(drawn: bytes) -> bytes:
    """Return bytes of which three of five are printable, and the others as they are drawn."""
    return bytes(PRINTABLE[each % len(PRINTABLE)] if at % 5 in _PRINTED else each for at, each in enumerate(drawn))


_MADE: Final[Mapping[VpnShape, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        VpnShape.PROTOCOL: lambda drawn: drawn,
        VpnShape.FEW_ONES: lambda drawn: bytes(each & _MASK for each in drawn),
        VpnShape.PRINTABLE_START: lambda drawn: _printable(drawn[:START]) + drawn[START:],
        VpnShape.PRINTABLE_HALF: _half,
        VpnShape.PRINTABLE_RUN: lambda drawn: drawn[:_BEFORE] + _printable(drawn[_BEFORE:_BEHIND]) + drawn[_BEHIND:],
        VpnShape.TLS_START: lambda drawn: b"\x16\x03\x01" + drawn[3:],
    }
)
"""What makes a shape likely, of random bytes."""


def _has(shape: VpnShape, data: bytes) -> bool:
    """Tell whether a payload is of a shape for no other reason, and one of the protocol's for none."""
    return exempt_by(data) == (frozenset() if shape is VpnShape.PROTOCOL else {shape})
