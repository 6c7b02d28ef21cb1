"""WireGuard's handshake: the initiation, its response, and the empty data packets by which both show that it stands.

The forms are those of the protocol (J. Donenfeld, NDSS 2017, 5.4): types, lengths, indices, counters, and sixteen zero
bytes where no cookie is under way. What they seal is random: nobody without the server's private key can tell, so that
no key is spent on it. Must not live here: sockets, the random shape.
"""

from collections.abc import Sequence
from typing import Final

from balise_agent.codec.vpn.handshake import MARK, Handshake, drawn
from balise_wire.experiments.vpn import VpnProtocol

_INITIATION, _RESPONSE, _DATA = b"\1\0\0\0", b"\2\0\0\0", b"\4\0\0\0"
_INDEX: Final = 4
"""Bytes of an index, and where the first one stands."""
_NO_COOKIE: Final = bytes(16)
_FIRST: Final = bytes(8)
"""The counter of the first data packet."""


class WireGuard(Handshake):
    """Initiation and response, then an empty data packet each way."""

    protocol = VpnProtocol.WIREGUARD

    def ask(self, mark: bytes, number: int, heard: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return the initiation, or the first data packet; the mark begins with our index."""
        if not number:
            return (_INITIATION + mark + drawn(mark, "initiation", 120) + _NO_COOKIE,)
        theirs = heard[0][_INDEX : 2 * _INDEX]
        return (_DATA + theirs + _FIRST + mark + drawn(mark, "data", 8),)

    def accepts(self, mark: bytes, number: int, data: bytes) -> bool:
        """Tell whether it is a response, or a data packet, to our index."""
        begins, at = (_RESPONSE, 2 * _INDEX) if not number else (_DATA, _INDEX)
        ours = data[at : at + _INDEX] == mark[:_INDEX]
        return len(data) == self.rounds[number][1] and data.startswith(begins) and ours

    def place(self, number: int) -> int:
        """Return where the mark stands: our index and the key behind it, or the seal of an empty packet."""
        return 4 if not number else 16

    def is_mine(self, number: int, data: bytes) -> bool:
        """Tell whether it has the type and the zeros of an initiation, or of a first data packet."""
        if not number:
            return data.startswith(_INITIATION) and data.endswith(_NO_COOKIE)
        return data.startswith(_DATA) and data[8:16] == _FIRST

    def answer(self, mark: bytes, number: int) -> bytes:
        """Return the response, or a data packet."""
        ours = mark[:_INDEX]
        if not number:
            return _RESPONSE + drawn(mark, "server", _INDEX) + ours + drawn(mark, "response", 64) + _NO_COOKIE
        return _DATA + ours + _FIRST + drawn(mark, "data back", 2 * MARK)
