"""What a handshake is to both ends: rounds of packets with a mark of ours in them, of which a helper keeps nothing.

The mark stands where the protocol has random bytes (a session id, an index, a cookie), so that nobody but the helper
tells our handshake from anybody's; it follows from the helper's token, so that only he is answered who receives where
he sends from. Over TCP the connection itself has shown that, and the token is a constant (``OVER_TCP``). Whatever else
either end draws follows from the mark. Reading is strict: what is cut short, or bears another mark, is ``None``. Must
not live here: any one protocol, sockets, what an outcome means.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from balise_wire.experiments.vpn import ROUNDS, VpnProtocol, VpnShape

NONCE: Final = 4
MARK: Final = 8
"""Bytes of a mark: a nonce, and as many that follow from it and the token."""


OVER_TCP: Final = b"over tcp"
"""In the place of a token on a connection."""


class Read(NamedTuple):
    """What a helper reads of a packet."""

    number: int
    """Of the round."""
    mark: bytes


def drawn(mark: bytes, what: str, size: int) -> bytes:
    """Return bytes that follow from a mark: arbitrary, repeatable, no secret."""
    return hashlib.shake_128(b"vpn|" + what.encode() + b"|" + mark).digest(size)


class Handshake(ABC):
    """One protocol's handshake, or packets of its sizes that look like nothing; holds no state."""

    protocol: VpnProtocol
    shape: VpnShape = VpnShape.PROTOCOL

    @property
    def rounds(self) -> tuple[tuple[tuple[int, ...], int], ...]:
        """Of each round the bytes of what the probe sends, and of what answers the last of it."""
        return ROUNDS[self.protocol]

    @abstractmethod
    def ask(self, mark: bytes, number: int, heard: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return what a probe sends in a round.

        Args:
            mark: of the handshake.
            number: of the round, from 0.
            heard: what answered each round before.
        """

    @abstractmethod
    def accepts(self, mark: bytes, number: int, data: bytes) -> bool:
        """Tell whether a packet answers a round."""

    @abstractmethod
    def place(self, number: int) -> int:
        """Return where the mark stands in what is answered of a round."""

    @abstractmethod
    def is_mine(self, number: int, data: bytes) -> bool:
        """Tell whether a packet of the right length has the form of a round's."""

    @abstractmethod
    def answer(self, mark: bytes, number: int) -> bytes:
        """Return what a helper answers in a round."""

    def mark(self, token: bytes, seed: int) -> bytes:
        """Return the mark of a handshake that a probe begins."""
        nonce = hashlib.sha256(f"vpn|{self.protocol}|{self.shape}|{seed}".encode()).digest()[:NONCE]
        return nonce + self._proof(token, nonce)

    def read(self, data: bytes, tokens: Iterable[bytes]) -> Read | None:
        """Return the round and the mark of a packet that a helper is to answer; ``None`` where it is none of these.

        Args:
            data: as it came.
            tokens: those that hold for who sent it.
        """
        for number in range(len(self.rounds)):
            read = self.read_round(number, data, tokens)
            if read is not None:
                return read
        return None

    def read_round(self, number: int, data: bytes, tokens: Iterable[bytes]) -> Read | None:
        """Return the same where it is of that round."""
        if len(data) != self.rounds[number][0][-1] or not self.is_mine(number, data):
            return None
        mark = data[self.place(number) : self.place(number) + MARK]
        proved = any(mark[NONCE:] == self._proof(token, mark[:NONCE]) for token in tokens)
        return Read(number, mark) if proved else None

    def _proof(self, token: bytes, nonce: bytes) -> bytes:
        said = f"vpn|{self.protocol}|{self.shape}|".encode() + token + nonce
        return hashlib.sha256(said).digest()[: MARK - NONCE]


class Noise(Handshake):
    """Packets of a handshake's sizes that look like nothing.

    The first byte is 0x60 to 0x6F: no opcode of OpenVPN's (12 and 13 are none), no type of WireGuard's (1 to 4), and
    of no protocol that shares a port with media (RFC 7983 7, 80 to 127).
    """

    shape = VpnShape.RANDOM
    _FIRST: Final = 0x60

    def __init__(self, like: VpnProtocol) -> None:
        """Have the sizes of a protocol's handshake."""
        self.protocol = like

    def ask(self, mark: bytes, number: int, heard: Sequence[bytes]) -> tuple[bytes, ...]:  # noqa: ARG002 - follows nothing
        """Return as many packets of the same sizes."""
        sizes = self.rounds[number][0]
        return tuple(
            self._noise(mark if each == len(sizes) - 1 else drawn(mark, f"beside {number}", MARK), f"{number} up", size)
            for each, size in enumerate(sizes)
        )

    def accepts(self, mark: bytes, number: int, data: bytes) -> bool:
        """Tell whether it is what follows from the mark."""
        return data == self.answer(mark, number)

    def place(self, number: int) -> int:  # noqa: ARG002 - in each
        """Return where the mark stands: behind the first byte."""
        return 1

    def is_mine(self, number: int, data: bytes) -> bool:  # noqa: ARG002 - in each
        """Tell whether it begins as nothing does."""
        return data[0] & 0xF0 == self._FIRST

    def answer(self, mark: bytes, number: int) -> bytes:
        """Return noise of the answer's size, in which the mark does not show again."""
        return self._noise(drawn(mark, f"answer {number}", MARK), f"{number} down", self.rounds[number][1])

    def _noise(self, mark: bytes, what: str, size: int) -> bytes:
        filler = drawn(mark, what, size - MARK)
        return bytes([self._FIRST | filler[0] & 0x0F]) + mark + filler[1:]
