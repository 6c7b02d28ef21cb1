"""VPN protocols as boxes of the lab see them; shares no code with what it judges. Pure.

Must not live here: what a box does about it.
"""

from collections.abc import Sequence
from typing import Final

_INITIATION: Final = 148
"""Bytes of WireGuard's initiation."""
_IKE_INIT: Final = bytes((33, 0x20, 34))
"""Behind the two SPIs: a suite follows, version 2.0, IKE_SA_INIT (RFC 7296 3.1)."""
_OPENVPN: Final = frozenset({4, 5, 7, 8})
"""Opcodes of OpenVPN's control channel: control, acknowledgement, and either end's reset."""
_VERBS: Final = frozenset({b"GET", b"PUT", b"POST", b"HEAD"})
_LENGTH: Final = 2
"""Bytes of a packet's length before it, over TCP."""
_LEAST: Final = 14
"""Bytes of the shortest packet."""


def is_wireguard(data: bytes) -> bool:
    """Tell whether a datagram looks like WireGuard's initiation."""
    return len(data) == _INITIATION and data[:4] == b"\1\0\0\0"


def is_ikev2(data: bytes) -> bool:
    """Tell whether a datagram looks like an IKE_SA_INIT of version 2."""
    return data[16:19] == _IKE_INIT


def is_openvpn(data: bytes) -> bool:
    """Tell whether a datagram looks like one of OpenVPN's control channel: its opcode, and the first key."""
    return len(data) >= _LEAST and data[0] >> 3 in _OPENVPN and not data[0] & 7


def openvpn_packets(stream: bytes) -> int | None:
    """Return how many whole packets of OpenVPN's control channel a stream begins with, each behind its length.

    ``None`` where it begins with anything else.
    """
    found = at = 0
    while len(stream) - at > _LENGTH:
        size = int.from_bytes(stream[at : at + _LENGTH])
        data = stream[at + _LENGTH : at + _LENGTH + size]
        if size < _LEAST or data[0] >> 3 not in _OPENVPN or data[0] & 7:
            return None
        if len(data) < size:
            break
        found, at = found + 1, at + _LENGTH + size
    return found


def is_openvpn_tcp(said: Sequence[bytes], passes: int) -> bool:
    """Tell whether a client has said more packets of OpenVPN's than are let pass, and nothing else."""
    return (openvpn_packets(b"".join(said)) or 0) > passes


def begins_encrypted(said: Sequence[bytes], passes: int) -> bool:
    """Tell whether a client's first payload is fully encrypted, and more payloads came than are let pass."""
    return len(said) > passes and is_fully_encrypted(said[0])


def is_fully_encrypted(payload: bytes) -> bool:
    """Tell whether a connection's first payload is none of those that China's filter let pass (Wu et al., 2023, 4)."""
    if not payload:
        return False
    share = sum(each.bit_count() for each in payload) / len(payload)
    printable = [0x20 <= each <= 0x7E for each in payload]
    run = longest = 0
    for each in printable:
        run = run + 1 if each else 0
        longest = max(longest, run)
    known = payload[0] in {0x16, 0x17} and payload[1:2] == b"\3" and payload[2:3] <= b"\x09"
    known = known or payload.split(b" ")[0] in _VERBS
    spared = known or share <= 3.4 or share >= 4.6 or longest > 20 or sum(printable) > len(printable) / 2
    return not spared and not (len(printable) >= 6 and all(printable[:6]))


KNOWN: Final = {"openvpn": is_openvpn, "wireguard": is_wireguard, "ikev2": is_ikev2}
"""Datagrams, by the word of the virtual field's effect."""
STREAMS: Final = {"openvpn_tcp": is_openvpn_tcp, "fully_encrypted": begins_encrypted}
"""Payloads of a client's on a connection so far, and how many packets pass; by the same word."""
