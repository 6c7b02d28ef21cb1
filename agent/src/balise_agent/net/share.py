"""How much one flow is expected to bring; what comes beyond is a flood, and not this probe's doing.

A resolver that answers one question with megabytes must not spend the day that the host allows us: then whoever can
flood could silence a probe. What is expected counts against the day; what exceeds it is told as evidence and counted
apart; beyond a bound nobody listens any more. Pure numbers. Must not live here: sockets, the day's account (usage.py).
"""

from typing import Final

DATAGRAMS: Final = 16_384
"""For one question: sent thrice, each time with the largest answer that EDNS asks for (1,232 bytes) and rivals."""
EXCHANGE: Final = 16_384
"""For an exchange of datagrams: QUIC's servers send three times what they got (RFC 9000 8.1), of three copies."""
PROBE: Final = 4_096
"""For one crafted packet: SYN-ACKs that are sent again, resets, ICMP errors with all that they may quote (RFC 4884)."""
CONNECTION: Final = 16_384
"""For a connection, beside what is asked of it: a server's first flight and acknowledgements."""
HANDSHAKE: Final = 16_384
"""More, for a whole TLS handshake: a chain of three certificates and OCSP is 4 to 8 KB."""
WINDOW: Final = 131_072
"""What the kernel's receive window lets an honest server send before it hears that nobody reads: no flood."""
LISTENED: Final = 65_536
"""Bytes beyond the expected ones for which a flow is still listened to."""


class Share:
    """What one flow has brought, against what it may."""

    __slots__ = ("arrived", "expected", "free", "left", "paid")

    def __init__(self, expected: int, free: int = 0) -> None:
        """Begin an account.

        Args:
            expected: bytes that count against the day.
            free: bytes beyond those that are no flood yet.
        """
        self.arrived = 0
        self.left = 0
        """Bytes that the capture saw leave, from the IP header on: also what the kernel sends by itself."""
        self.paid = 0
        """Bytes that were put on the day's account before they left."""
        self.expected = expected
        self.free = free

    @property
    def within(self) -> int:
        """Bytes that were to be expected."""
        return min(self.arrived, self.expected)

    @property
    def owed(self) -> int:
        """Bytes that left and nobody was asked about: headers, acknowledgements, resets, copies of the kernel's."""
        return max(0, self.left - self.paid)

    @property
    def excess(self) -> int:
        """Bytes beyond."""
        return self.arrived - self.within

    @property
    def flood(self) -> int:
        """Bytes beyond what even a careless server sends."""
        return max(0, self.excess - self.free)

    @property
    def full(self) -> bool:
        """Whether listening ends."""
        return self.flood > LISTENED
