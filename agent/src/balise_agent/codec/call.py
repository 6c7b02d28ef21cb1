"""What a probe and a helper say to each other over UDP: a token, trains in the shape of a voice call, and a count.

Lives here: the datagrams of both sides, written and read. Reading is strict: what is cut short or says another token is
``None``, never an exception. Nothing that a helper sends is longer than what it answers. Must not live here: sockets,
what a helper remembers (run/call_echo.py), what a train shows.
"""

import hashlib
import hmac
import struct
from typing import Final, NamedTuple

from balise_wire.experiments.call import PACKET, PACKETS, SHORT, WINDOW, WINDOWS, CallShape

NONCE: Final = 8
TOKEN: Final = 8
TRAIN: Final = 8
"""Bytes of a train's id."""
_HELLO, _TOKEN, _REPORT, _COUNTS = 4, 5, 6, 7
"""First bytes that no protocol which shares ports with media has (RFC 7983 7)."""
_NOISE: Final = 8
"""The first byte of a packet that looks like nothing is this or one of the seven above it, likewise."""
_VERSION_2: Final = 0x80
_OPUS: Final = 111
"""The dynamic payload type that browsers give to Opus."""
_CLOCK: Final = 960
"""Ticks of Opus' clock in 20 ms (RFC 7587 4.1)."""
_HEAD: Final = 12
"""Bytes of RTP's header (RFC 3550 5.1), or of as many random ones."""
_INSIDE: Final = struct.Struct(f"!{TOKEN}s{TRAIN}sBB")
_SHAPES: Final = (CallShape.NOISE, CallShape.VOICE)


class Sent(NamedTuple):
    """One packet of a train, as a helper reads it."""

    token: bytes
    train: bytes
    number: int
    down: CallShape
    """What the answer is to look like."""


# --- what a probe says ------------------------------------------------------------------------------------------------


def hello(seed: int) -> bytes:
    """Return what asks for a token."""
    return _short(_HELLO, _nonce(seed), b"", seed)


def read_token(data: bytes, seed: int) -> bytes | None:
    """Return the token that answers ``hello`` of the same seed."""
    inside = _inside(data, _TOKEN, _nonce(seed))
    return None if inside is None else inside[:TOKEN]


def train_id(seed: int) -> bytes:
    """Return the id of a train."""
    return _drawn("train", seed)[:TRAIN]


def packet(token: bytes, seed: int, number: int, up: CallShape, down: CallShape) -> bytes:
    """Return one packet of a train.

    Args:
        token: as the helper gave it.
        seed: of the train.
        number: of the packet, from 0.
        up: what it looks like.
        down: what the answer is to look like.
    """
    inside = _INSIDE.pack(token, train_id(seed), number, _SHAPES.index(down))
    return _shaped(up, inside, f"{seed}|up", number, PACKET)


def read_back(data: bytes, seed: int) -> int | None:
    """Return the number of the packet that a helper answers with this."""
    read = _unshaped(data)
    return read.number if read is not None and read.train == train_id(seed) and read.token == bytes(TOKEN) else None


def report(token: bytes, seed: int) -> bytes:
    """Return what asks how much of a train arrived."""
    return _short(_REPORT, _nonce(seed), token + train_id(seed), seed)


def read_counts(data: bytes, seed: int) -> tuple[int, ...] | None:
    """Return how many packets of each window arrived."""
    inside = _inside(data, _COUNTS, _nonce(seed))
    if inside is None or max(inside[:WINDOWS]) > WINDOW:
        return None
    return tuple(inside[:WINDOWS])


# --- what a helper says -----------------------------------------------------------------------------------------------


def asks_token(data: bytes) -> bool:
    """Whether it is what asks for a token."""
    return len(data) == SHORT and data[0] == _HELLO


def token_answer(data: bytes, token: bytes) -> bytes:
    """Return the answer to ``hello``, of the same length."""
    return _short(_TOKEN, data[1 : 1 + NONCE], token, int.from_bytes(data[1 : 1 + NONCE]))


def token_of(secret: bytes, address: str, period: int) -> bytes:
    """Return what an address is given in a period: it proves that who sends from there also receives there."""
    return hmac.digest(secret, f"{address}|{period}".encode(), "sha256")[:TOKEN]


def read_sent(data: bytes) -> Sent | None:
    """Return a packet of a train."""
    return _unshaped(data)


def back(one: Sent, draw: int) -> bytes:
    """Return the answer to a packet, of the same length; ``draw`` makes it another one for each helper."""
    inside = _INSIDE.pack(bytes(TOKEN), one.train, one.number, 0)
    return _shaped(one.down, inside, f"{draw}|{one.train.hex()}|down", one.number, PACKET)


def read_report(data: bytes) -> tuple[bytes, bytes] | None:
    """Return (token, id of the train) of what asks for a count."""
    if len(data) != SHORT or data[0] != _REPORT:
        return None
    inside = data[1 + NONCE :]
    return inside[:TOKEN], inside[TOKEN : TOKEN + TRAIN]


def counts_answer(data: bytes, counts: tuple[int, ...]) -> bytes:
    """Return the answer to ``report``, of the same length."""
    return _short(_COUNTS, data[1 : 1 + NONCE], bytes(counts), int.from_bytes(data[1 : 1 + NONCE]))


# --- bytes ------------------------------------------------------------------------------------------------------------


def _short(kind: int, nonce: bytes, inside: bytes, seed: int) -> bytes:
    head = bytes([kind]) + nonce + inside
    return head + _filler(f"{kind}|{seed}", SHORT - len(head))


def _inside(data: bytes, kind: int, nonce: bytes) -> bytes | None:
    if len(data) != SHORT or data[0] != kind or data[1 : 1 + NONCE] != nonce:
        return None
    return data[1 + NONCE :]


def _shaped(shape: CallShape, inside: bytes, draw: str, number: int, size: int) -> bytes:
    """Return a packet: a head that shows its shape, what is inside masked by the head, and random bytes."""
    drawn = _drawn(draw, 0)
    if shape is CallShape.VOICE:
        first, began = int.from_bytes(drawn[:2]), int.from_bytes(drawn[2:6])
        sequence, ticks = (first + number) & 0xFFFF, (began + number * _CLOCK) & 0xFFFFFFFF
        head = struct.pack("!BBHI4s", _VERSION_2, _OPUS, sequence, ticks, drawn[6:10])
    else:
        each = _drawn(draw, number + 1)
        head = bytes([_NOISE | each[0] & 7]) + each[1:_HEAD]
    return head + _masked(head, inside) + _filler(f"{draw}|{number}", size - _HEAD - len(inside))


def _unshaped(data: bytes) -> Sent | None:
    if len(data) != PACKET:
        return None
    token, train, number, down = _INSIDE.unpack(_masked(data[:_HEAD], data[_HEAD : _HEAD + _INSIDE.size]))
    return Sent(token, train, number, _SHAPES[down]) if number < PACKETS and down < len(_SHAPES) else None


def _masked(head: bytes, inside: bytes) -> bytes:
    """Return bytes that show no pattern over the packets of a train; it hides nothing from who knows how."""
    return bytes(a ^ b for a, b in zip(inside, hashlib.sha256(head).digest(), strict=False))


def _filler(draw: str, size: int) -> bytes:
    return hashlib.shake_128(f"call|{draw}".encode()).digest(size)


def _nonce(seed: int) -> bytes:
    return _drawn("nonce", seed)[:NONCE]


def _drawn(what: str, seed: int) -> bytes:
    return hashlib.sha256(f"call|{what}|{seed}".encode()).digest()
