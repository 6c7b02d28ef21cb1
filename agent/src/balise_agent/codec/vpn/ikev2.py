"""IKEv2's first two exchanges: IKE_SA_INIT and IKE_AUTH (RFC 7296 1.2), without NAT traversal.

The initiator offers one suite (AES-CBC-256, HMAC-SHA2-256-128, PRF-HMAC-SHA2-256, the 2048-bit group of RFC 3526) and
no NAT detection, so that both exchanges stay on one port. Key shares and what is sealed are random. Must not live here:
sockets, the random shape.
"""

import struct
from collections.abc import Sequence
from typing import Final

from balise_agent.codec.vpn.handshake import MARK, Handshake, drawn
from balise_wire.experiments.vpn import VpnProtocol

_SA, _KE, _NONCE, _SEALED = 33, 34, 40, 46
_IDI, _IDR = 35, 36
_INIT, _AUTH = 34, 35
_VERSION: Final = 0x20
_INITIATOR, _RESPONSE = 0x08, 0x20
_SPI: Final = 8
_HEAD: Final = 28
_TRANSFORMS: Final = (
    struct.pack("!BBHBBHHH", 3, 0, 12, 1, 0, 12, 0x800E, 256),  # ENCR_AES_CBC, 256 bits
    struct.pack("!BBHBBH", 3, 0, 8, 2, 0, 5),  # PRF_HMAC_SHA2_256
    struct.pack("!BBHBBH", 3, 0, 8, 3, 0, 12),  # AUTH_HMAC_SHA2_256_128
    struct.pack("!BBHBBH", 0, 0, 8, 4, 0, 14),  # 2048-bit MODP
)
_GROUP: Final = 14
_SHARE: Final = 256


class IkeV2(Handshake):
    """IKE_SA_INIT, then IKE_AUTH."""

    protocol = VpnProtocol.IKEV2

    def ask(self, mark: bytes, number: int, heard: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return the request of an exchange; the mark is our SPI."""
        if not number:
            inside = _offer(mark, "up", self.rounds[0][0][0])
            return (_message(mark, bytes(_SPI), _SA, _INIT, _INITIATOR, 0, inside),)
        theirs = heard[0][_SPI : 2 * _SPI]
        inside = _sealed(_IDI, drawn(mark, "auth", self.rounds[1][0][0] - _HEAD - 4))
        return (_message(mark, theirs, _SEALED, _AUTH, _INITIATOR, 1, inside),)

    def accepts(self, mark: bytes, number: int, data: bytes) -> bool:
        """Tell whether it is the response of the exchange, to our SPI."""
        if len(data) < _HEAD or data[:_SPI] != mark:
            return False
        _, version, exchange, flags, message, length = struct.unpack("!BBBBII", data[2 * _SPI : _HEAD])
        kind = (_INIT, _AUTH)[number]
        return (version, exchange, message, length) == (_VERSION, kind, number, len(data)) and bool(flags & _RESPONSE)

    def place(self, number: int) -> int:  # noqa: ARG002 - in each
        """Return where our SPI stands."""
        return 0

    def is_mine(self, number: int, data: bytes) -> bool:
        """Tell whether it is the request of the exchange."""
        said = struct.pack(
            "!BBBBII", (_SA, _SEALED)[number], _VERSION, (_INIT, _AUTH)[number], _INITIATOR, number, len(data)
        )
        return data[2 * _SPI : _HEAD] == said

    def answer(self, mark: bytes, number: int) -> bytes:
        """Return the response of an exchange."""
        ours, size = drawn(mark, "server", _SPI), self.rounds[number][1]
        if not number:
            return _message(mark, ours, _SA, _INIT, _RESPONSE, 0, _offer(mark, "down", size))
        inside = _sealed(_IDR, drawn(mark, "auth back", size - _HEAD - 4))
        return _message(mark, ours, _SEALED, _AUTH, _RESPONSE, 1, inside)


def _message(mark: bytes, theirs: bytes, first: int, exchange: int, flags: int, number: int, inside: bytes) -> bytes:
    """Return a message with its header (3.1)."""
    head = struct.pack("!BBBBII", first, _VERSION, exchange, flags, number, _HEAD + len(inside))
    return mark[:MARK] + theirs + head + inside


def _offer(mark: bytes, way: str, size: int) -> bytes:
    """Return suite, key share and a nonce that fills the message's size (3.3, 3.4, 3.9)."""
    inner = b"".join(_TRANSFORMS)
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(inner), 1, 1, 0, len(_TRANSFORMS)) + inner
    # A share below the group's prime, whatever was drawn: its first byte is not 0xFF.
    share = bytes([1 + drawn(mark, f"first {way}", 1)[0] % 0xFE]) + drawn(mark, f"share {way}", _SHARE - 1)
    payloads = _payload(_KE, proposal) + _payload(_NONCE, struct.pack("!HH", _GROUP, 0) + share)
    return payloads + _payload(0, drawn(mark, f"nonce {way}", size - _HEAD - len(payloads) - 4))


def _sealed(first: int, data: bytes) -> bytes:
    """Return the payload that holds all others, sealed (3.14)."""
    return _payload(first, data)


def _payload(following: int, data: bytes) -> bytes:
    return struct.pack("!BBH", following, 0, 4 + len(data)) + data
