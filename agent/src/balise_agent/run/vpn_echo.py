"""What a helper does with handshakes of VPN protocols: it answers each packet that bears a mark, and keeps nothing.

Safe in the open: only marks that follow from a token of the very address are answered (call_echo.py), so that nobody is
sent anything in another's name. An answer is no longer than the packet that it answers, but for the twelve bytes by
which OpenVPN's reset is longer than the client's, to who has shown that he receives. How much one prefix may have a
minute is bounded, and no tunnel ever stands: there are no keys. Over TCP nobody can speak in another's name, and a
connection is hung up on as soon as what it says is no handshake of a probe's. Must not live here: the packets' bytes
(codec/vpn), sockets.
"""

from collections.abc import Sequence
from typing import Final

from balise_agent.codec.vpn.handshake import OVER_TCP, Handshake
from balise_agent.codec.vpn.registry import ON_CONNECTIONS, OVER_UDP
from balise_agent.run.call_echo import CallEcho, Shares, Source

PER_MINUTE: Final = 600
"""Packets of handshakes a minute that are answered to one prefix: about a hundred handshakes."""


class VpnEcho:
    """Answers packets of handshakes, one at a time."""

    def __init__(self) -> None:
        """Answer everybody within his share."""
        self._packets = Shares(PER_MINUTE)

    def answer(self, data: bytes, tokens: Sequence[bytes], source: Source, now: float) -> bytes | None:
        """Return what goes back; ``None``: nothing does.

        Args:
            data: as it came.
            tokens: those that hold for who sent it.
            source: from whom.
            now: seconds of a clock that only goes forward.
        """
        for handshake in OVER_UDP:
            read = handshake.read(data, tokens)
            if read is not None:
                admitted = self._packets.admits(source.prefix, now)
                return handshake.answer(read.mark, read.number) if admitted else None
        return None


class VpnStream:
    """One connection's handshake, as far as its bytes have come."""

    def __init__(self) -> None:
        """Have heard nothing."""
        self._held = b""
        self._handshakes = ON_CONNECTIONS
        self._mark = b""
        self._number = 0

    def take(self, data: bytes) -> bytes | None:
        """Return what goes back for what came, perhaps nothing yet; ``None``: hang up, it is no probe, or all is said.

        Args:
            data: as it came, in whatever pieces.
        """
        self._held += data
        said = b""
        while (handshake := self._read()) is not None:
            said += handshake.answer(self._mark, self._number)
            self._number += 1
            if self._number == len(handshake.rounds):
                self._handshakes = ()
        return said if said or self._handshakes else None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to be answered."""
        return not self._handshakes

    def _read(self) -> Handshake | None:
        """Return whose round is complete, and take it; what cannot become one any more is looked at no longer."""
        waiting = []
        for handshake in self._handshakes:
            sizes = handshake.rounds[self._number][0]
            whole = self._held[: sum(sizes)]
            if len(whole) < sum(sizes):
                waiting.append(handshake)
                continue
            read = handshake.read_round(self._number, whole[-sizes[-1] :], (OVER_TCP,))
            if read is not None and read.mark == (self._mark or read.mark):
                self._held, self._mark, self._handshakes = self._held[len(whole) :], read.mark, (handshake,)
                return handshake
        self._handshakes = tuple(waiting)
        return None


class HelperEcho:
    """What a helper's ports of UDP answer: trains of calls, and handshakes of VPNs where the operator says so."""

    def __init__(self, secret: bytes, *, vpn: bool = False) -> None:
        """Answer with tokens that follow from ``secret``, which no one else knows."""
        self._call = CallEcho(secret)
        self._vpn = VpnEcho() if vpn else None

    def answer(self, data: bytes, source: Source, now: float) -> bytes | None:
        """Return what goes back; ``None``: nothing does. Arguments as of ``CallEcho.answer``."""
        answer = self._call.answer(data, source, now)
        if answer is not None or self._vpn is None:
            return answer
        return self._vpn.answer(data, self._call.tokens(source, now), source, now)
