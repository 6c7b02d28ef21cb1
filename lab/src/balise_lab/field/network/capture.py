"""The packets of one flow as a tap would have heard them: evidence, on the model's clock.

Lives here: records of packets sent and heard, forged ones too, and what of them is heard by a moment. Must not live
here: why a packet is sent.
"""

from operator import attrgetter
from random import Random
from typing import Final, NamedTuple

from balise_wire.evidence import Direction, Packet
from balise_wire.words import HopPlace

KEPT: Final = 10
"""Packets of evidence each way."""
SYN_OPTIONS: Final = "mss,sackok,ts,nop,ws"
OPTIONS: Final = "nop,nop,ts"
_NEXT_DOOR: Final = frozenset({64, 255})
"""TTLs of a router's packets that no other router stands before."""
_TIME: Final = attrgetter("t_us")


class Marks(NamedTuple):
    """How forged packets look where the probe hears them."""

    ttl: int
    ip_id: int
    df: bool
    flags: str
    copies: int
    window: int = 0
    skip: int = 0
    """By how much each copy's sequence number is ahead of the one before."""
    length: int = 0
    """Bytes of payload."""
    late: bool = False
    """It comes when the server's own packet would come, not earlier."""
    aside: bool = False
    """The true packets pass."""


def marks(kind: str, chance: Random, server_ttl: int) -> Marks:
    """Return how a box's packets look: the lab's boxes', the server's own, or those of detectors.md 2.3."""
    match kind:
        case "plain":
            return Marks(server_ttl, 0, True, "R", 1, late=True)
        case "gfw1":
            return Marks(chance.randint(55, 118), 0, False, "R", 1, aside=True)
        case "gfw2":
            return Marks(
                chance.randint(39, 238), chance.randint(1, 0xFFFF), True, "RA", 3, chance.randint(0, 9_000), aside=True
            )
        case "gfw3":
            return Marks(248, chance.randint(0x9916, 0x9933), False, "RA", 1, aside=True)
        case "henan":
            return Marks(58, 1, False, "RA", 1, length=10, aside=True)
        case _:
            return Marks(47 - 3, 0x4242, False, "RA", 3, 8191, skip=1460)


class Capture:
    """Packets of one flow, times in microseconds since it began; some may lie ahead of the clock."""

    __slots__ = ("_client_id", "_server_id", "packets", "ttl", "v6")

    def __init__(self, chance: Random, ttl: int, *, v6: bool) -> None:
        """Begin.

        Args:
            chance: for IP-IDs.
            ttl: of the server's packets as they are heard.
            v6: whether the flow is of IPv6, which has neither IP-ID nor DF.
        """
        self.packets: list[Packet] = []
        self.ttl = ttl
        self.v6 = v6
        self._client_id = 0 if v6 else chance.randint(1, 60_000)
        self._server_id = 0 if v6 else chance.randint(1, 60_000)

    def sent(
        self,
        seconds: float,
        flags: str,
        seq: int = 0,
        ack: int = 0,
        *,
        length: int = 0,
        sha256: str = "",
        window: int = 502,
    ) -> None:
        """Record a segment of the probe's kernel."""
        v6 = self.v6
        if not v6:
            self._client_id += 1
        self.packets.append(
            Packet(
                t_us=int(seconds * 1e6),
                direction=Direction.OUT,
                ttl=64,
                ip_id=self._client_id & 0xFFFF,
                df=not v6,
                flags=flags,
                seq=seq,
                ack=ack,
                window=window,
                options=SYN_OPTIONS if flags == "S" else OPTIONS,
                length=length,
                sha256=sha256,
            )
        )

    def heard(
        self,
        seconds: float,
        flags: str,
        seq: int = 0,
        ack: int = 0,
        *,
        length: int = 0,
        sha256: str = "",
        window: int = 509,
    ) -> None:
        """Record a segment of the server's."""
        bare = "R" in flags
        opening = flags == "SA"
        if not (self.v6 or bare or opening):
            self._server_id += 1
        self.packets.append(
            Packet(
                t_us=int(seconds * 1e6),
                direction=Direction.IN,
                ttl=self.ttl,
                ip_id=0 if bare or opening else self._server_id & 0xFFFF,
                df=not self.v6,
                flags=flags,
                seq=seq,
                ack=ack,
                window=0 if bare else window,
                options="" if bare else SYN_OPTIONS if opening else OPTIONS,
                length=length,
                sha256=sha256,
            )
        )

    def forged(
        self, seconds: float, look: Marks, flags: str, seq: int, ack: int, *, length: int = 0, sha256: str = ""
    ) -> None:
        """Record a segment that somebody made up in the server's name."""
        self.packets.append(
            Packet(
                t_us=int(seconds * 1e6),
                direction=Direction.IN,
                ttl=look.ttl,
                ip_id=0 if self.v6 else look.ip_id,
                df=look.df and not self.v6,
                flags=flags,
                seq=seq,
                ack=ack if "A" in flags else 0,
                window=look.window,
                length=length,
                sha256=sha256,
            )
        )

    def error(self, seconds: float, code: str, hop: str, ttl: int) -> None:
        """Record a router's ICMP error about the flow."""
        self.packets.append(icmp(seconds, code, hop, ttl))

    def until(self, seconds: float) -> tuple[Packet, ...]:
        """Return what was heard by a moment: at most ten packets each way."""
        limit = int(seconds * 1e6)
        packets = [packet for packet in self.packets if packet.t_us <= limit]
        packets.sort(key=_TIME)
        return first_ten(packets)


def icmp(seconds: float, code: str, hop: str, ttl: int) -> Packet:
    """Return a router's ICMP error."""
    place = HopPlace.FIRST if ttl in _NEXT_DOOR else HopPlace.LATER
    return Packet(
        t_us=int(seconds * 1e6), direction=Direction.IN, protocol="icmp", ttl=ttl, icmp=code, hop=hop, place=place
    )


def first_ten(packets: list[Packet]) -> tuple[Packet, ...]:
    """Return the first ten packets each way of a list in the order of time."""
    if len(packets) <= KEPT:
        return tuple(packets)
    left = [KEPT, KEPT]
    kept: list[Packet] = []
    for packet in packets:
        way = packet.direction is Direction.OUT
        if left[way]:
            left[way] -= 1
            kept.append(packet)
    return tuple(kept)
