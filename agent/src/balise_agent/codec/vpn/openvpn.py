"""OpenVPN's handshake over UDP or TCP: the reset, the acknowledgement, and TLS inside its control packets.

As OpenVPN 2.6 writes it without ``tls-auth`` (doc/doxygen/doc_protocol_overview.h of its sources): opcode and key id in
the first byte, our session id, acknowledged packets and whose they are, a packet's number, a piece of TLS. Censors let
the resets pass and cut at the acknowledgement or later (the fifth to the eighth packet), so that three rounds are gone
through: eight packets, the last of which is an answer. Must not live here: sockets, the random shape.
"""

import struct
from collections.abc import Sequence
from typing import Final

from balise_agent.codec.vpn.handshake import MARK, Handshake, drawn
from balise_wire.experiments.vpn import VpnProtocol

_CONTROL: Final = 4
_ACK: Final = 5
_RESET_CLIENT: Final = 7
"""P_CONTROL_HARD_RESET_CLIENT_V2."""
_RESET_SERVER: Final = 8
_SESSION: Final = 8
"""Bytes of a session id."""
_LENGTH: Final = 2
"""Bytes of a packet's length before it, over TCP."""
_HANDSHAKE, _CHANGE, _DATA = 22, 20, 23
_CIPHERS: Final = (
    0x1302, 0x1303, 0x1301, 0xC02C, 0xC030, 0x009F, 0xCCA9, 0xCCA8, 0xCCAA, 0xC02B, 0xC02F, 0x009E, 0xC024, 0xC028,
    0x006B, 0xC023, 0xC027, 0x0067, 0xC00A, 0xC014, 0x0039, 0xC009, 0xC013, 0x0033, 0x00FF,
)  # fmt: skip
"""OpenSSL 3.0's own list, which OpenVPN leaves as it is, and the mark of safe renegotiation."""
_GROUPS: Final = (0x001D, 0x0017, 0x001E, 0x0019, 0x0018)
_SIGNATURES: Final = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080A, 0x080B, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
    0x0303, 0x0301, 0x0302, 0x0402, 0x0502, 0x0602,
)  # fmt: skip


class OpenVpn(Handshake):
    """Reset, hello, and what follows the server's hello; an acknowledgement goes ahead of each of the last two."""

    protocol = VpnProtocol.OPENVPN

    def ask(self, mark: bytes, number: int, heard: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return the reset, or the acknowledgement of the last answer and the next piece of TLS."""
        if not number:
            return (_packet(_RESET_CLIENT, mark, 0),)
        theirs = heard[0][1 : 1 + _SESSION]
        piece = hello(mark) if number == 1 else _record(_CHANGE, b"\1") + self._sealed(mark, number, up=True)
        return _ack(mark, number - 1, theirs), _packet(_CONTROL, mark, number, piece)

    def accepts(self, mark: bytes, number: int, data: bytes) -> bool:
        """Tell whether it is the server's reset, or the control packet of that number; what it acknowledges is ours."""
        opcode = _RESET_SERVER if not number else _CONTROL
        at = 1 + _SESSION
        if len(data) <= at or data[0] >> 3 != opcode or data[1:at] == mark or (not data[at] and not number):
            return False
        behind = at + 1 + (4 * data[at] + _SESSION if data[at] else 0)
        ours = not data[at] or data[behind - _SESSION : behind] == mark
        return ours and data[behind : behind + 4] == number.to_bytes(4)

    def place(self, number: int) -> int:  # noqa: ARG002 - in each
        """Return where our session id stands."""
        return 1

    def is_mine(self, number: int, data: bytes) -> bool:
        """Tell whether it is the reset, or the control packet of that number."""
        opcode = _RESET_CLIENT if not number else _CONTROL
        return data[0] >> 3 == opcode and data[1 + _SESSION : 6 + _SESSION] == struct.pack("!BI", 0, number)

    def answer(self, mark: bytes, number: int) -> bytes:
        """Return the server's reset, or its next control packet; each acknowledges what it answers."""
        ours = drawn(mark, "server", _SESSION)
        if not number:
            return _packet(_RESET_SERVER, ours, 0, acks=(0,), theirs=mark)
        piece = self._sealed(mark, number, up=False, before=_server_hello(mark) if number == 1 else b"")
        return _packet(_CONTROL, ours, number, piece, acks=(number,), theirs=mark)

    def _sealed(self, mark: bytes, number: int, *, up: bool, before: bytes = b"") -> bytes:
        """Return what stands before, and as much sealed data as fills the round's size."""
        sizes, back = self.rounds[number]
        head = 6 + _SESSION + (len(_record(_CHANGE, b"\1")) if up else 4 + _SESSION)
        size = (sizes[-1] if up else back) - head - len(before) - 5
        return before + _record(_DATA, drawn(mark, f"{number} {'up' if up else 'down'}", size))


class OpenVpnTcp(Handshake):
    """The same packets over a connection."""

    protocol = VpnProtocol.OPENVPN_TCP
    _packets: Final = OpenVpn()

    def ask(self, mark: bytes, number: int, heard: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return the packets of a round, each behind its length."""
        inside = [each[_LENGTH:] for each in heard]
        return tuple(_behind_length(one) for one in self._packets.ask(mark, number, inside))

    def accepts(self, mark: bytes, number: int, data: bytes) -> bool:
        """Tell whether it is one whole packet that answers the round."""
        return _is_whole(data) and self._packets.accepts(mark, number, data[_LENGTH:])

    def place(self, number: int) -> int:
        """Return where our session id stands."""
        return _LENGTH + self._packets.place(number)

    def is_mine(self, number: int, data: bytes) -> bool:
        """Tell whether it is one whole packet of the round's kind."""
        return _is_whole(data) and self._packets.is_mine(number, data[_LENGTH:])

    def answer(self, mark: bytes, number: int) -> bytes:
        """Return the server's packet behind its length."""
        return _behind_length(self._packets.answer(mark, number))


def _behind_length(packet: bytes) -> bytes:
    return len(packet).to_bytes(_LENGTH) + packet


def _is_whole(data: bytes) -> bool:
    return len(data) > _LENGTH and int.from_bytes(data[:_LENGTH]) == len(data) - _LENGTH


def hello(mark: bytes) -> bytes:
    """Return the record with the ClientHello, as OpenSSL 3.0 writes one without a name (RFC 8446 4.1.2)."""
    extensions = b"".join(
        (
            _extension(0x000B, b"\3\0\1\2"),
            _extension(0x000A, _vector(2, _u16(*_GROUPS))),
            _extension(0x0016),
            _extension(0x0017),
            _extension(0x000D, _vector(2, _u16(*_SIGNATURES))),
            _extension(0x002B, _vector(1, _u16(0x0304, 0x0303))),
            _extension(0x002D, b"\1\1"),
            _extension(0x0033, _vector(2, _u16(0x001D) + _vector(2, drawn(mark, "share", 32)))),
        )
    )
    body = b"\3\3" + drawn(mark, "random", 32) + _vector(1, drawn(mark, "session", 32))
    body += _vector(2, _u16(*_CIPHERS)) + b"\1\0" + _vector(2, extensions)
    return _record(_HANDSHAKE, b"\1" + len(body).to_bytes(3) + body, version=1)


def _server_hello(mark: bytes) -> bytes:
    """Return the records with the ServerHello and the change of keys (RFC 8446 4.1.3)."""
    share = _extension(0x002B, _u16(0x0304))
    share += _extension(0x0033, _u16(0x001D) + _vector(2, drawn(mark, "server share", 32)))
    body = b"\3\3" + drawn(mark, "server random", 32) + _vector(1, drawn(mark, "session", 32)) + _u16(_CIPHERS[0])
    body += b"\0" + _vector(2, share)
    return _record(_HANDSHAKE, b"\2" + len(body).to_bytes(3) + body) + _record(_CHANGE, b"\1")


def _packet(
    opcode: int, session: bytes, number: int, piece: bytes = b"", *, acks: tuple[int, ...] = (), theirs: bytes = b""
) -> bytes:
    """Return a packet of the control channel with a number of its own."""
    return _head(opcode, session, acks, theirs) + struct.pack("!I", number) + piece


def _ack(session: bytes, number: int, theirs: bytes) -> bytes:
    """Return a packet that acknowledges another and says nothing else."""
    return _head(_ACK, session, (number,), theirs)


def _head(opcode: int, session: bytes, acks: tuple[int, ...], theirs: bytes) -> bytes:
    found = bytes([opcode << 3]) + session[:MARK] + bytes([len(acks)])
    return found + b"".join(struct.pack("!I", each) for each in acks) + (theirs if acks else b"")


def _record(kind: int, content: bytes, *, version: int = 3) -> bytes:
    return bytes([kind, 3, version]) + _vector(2, content)


def _extension(kind: int, data: bytes = b"") -> bytes:
    return _u16(kind) + _vector(2, data)


def _vector(length: int, data: bytes) -> bytes:
    return len(data).to_bytes(length) + data


def _u16(*values: int) -> bytes:
    return b"".join(value.to_bytes(2) for value in values)
