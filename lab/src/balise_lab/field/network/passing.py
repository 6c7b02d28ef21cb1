"""Whether a packet to an endpoint passes, before anything was said on it: line, routes, boxes on addresses, server.

Lives here: the fate of one SYN (or of a packet of any protocol), round trips and hop counts. Must not live here: what
happens after a name was shown (answering.py), DNS (lookups.py).
"""

import functools
from random import Random
from typing import Final, NamedTuple

from balise_lab.field.network.acting import Acting, Now
from balise_lab.field.network.capture import Marks, marks
from balise_lab.field.network.draws import number
from balise_lab.field.network.hosts import Server
from balise_lab.field.network.places import round_trip_ms

NAT64: Final = "64:ff9b::"
PROHIBITED_V4, PROHIBITED_V6 = "3/13", "1/1"
_LEAST_HOPS, _HOPS = 7, 11


class Way(NamedTuple):
    """The way from a home to an address on a quiet day."""

    seconds: float
    """Round trip."""
    hops: int
    ttl: int
    """Of the server's packets where the probe hears them."""


class Fate(NamedTuple):
    """What becomes of a packet that does not reach a living port."""

    word: str
    """``silent``, ``rst`` (forged), ``refused`` (by the server's machine), ``icmp`` or ``no_route``."""
    after: float = 0.0
    """Seconds until the answer, where there is one."""
    look: Marks | None = None
    code: str = ""
    hop: str = ""
    ttl: int = 0


SILENT: Final = Fate("silent")
NO_ROUTE: Final = Fate("no_route")


def way(seen_country: str, access_ms: float, home_id: str, address: str, server: Server | None) -> Way:
    """Return the way to an address; a server of no country stands near everybody."""
    there = seen_country if server is None or not server.country else server.country
    spread = number("way", home_id, address)
    ms = access_ms + round_trip_ms(seen_country, there) + spread % 16
    hops = _LEAST_HOPS + (spread >> 8) % _HOPS
    return Way(ms / 1000.0, hops, (server.first_ttl if server else 64) - hops)


@functools.lru_cache(16_384)
def seen_address(address: str) -> str:
    """Return the IPv4 address that an address of a NAT64 stands for, else the address itself."""
    if not address.startswith(NAT64) or ("." not in address and ":" not in address[len(NAT64) :]):
        return address
    tail = address[len(NAT64) :]
    if "." in tail:
        return tail
    high, _, low = tail.partition(":")
    both = int(high or "0", 16) << 16 | int(low or "0", 16)
    return ".".join(str(both >> shift & 255) for shift in (24, 16, 8, 0))


def router(asn: int, *, v6: bool, place: str = "provider") -> str:
    """Return the address of a router: the home's own, the provider's, one at the border or before a server."""
    if place == "first":
        return "fe80::1" if v6 else "192.168.1.1"
    drawn = number("router", asn, place)
    return f"2600:3d00:{drawn % 0xFFFF:x}::1" if v6 else f"45.96.{drawn % 250}.{1 + (drawn >> 8) % 250}"


def refusal(effect: Acting, now: Now, v6: bool, default: str = "provider") -> Fate:
    """Return the ICMP error that an effect's router sends."""
    record = effect.effect
    place = record.act if record.act in {"first", "border"} else default
    code = record.code or (PROHIBITED_V6 if v6 else PROHIBITED_V4)
    access = now.seen.access_ms / 1000.0
    after = {"first": 0.001, "provider": access, "border": access + 0.008}[place]
    ttl = {"first": 64, "provider": 255 - 3, "border": 255 - 6}[place]
    return Fate("icmp", after, code=code, hop=router(now.seen.asn, v6=v6, place=place), ttl=ttl)


def by_line(now: Now, *, v6: bool) -> Fate | None:
    """Return what the home's own line does to a packet; ``None`` where it carries it."""
    line = now.line
    if line.no_route:
        return NO_ROUTE
    if line.dead:
        return SILENT
    if v6 and line.v6 != "ok":
        if line.v6 == "no_route":
            return NO_ROUTE
        if line.v6 == "prohibited":
            return Fate("icmp", 0.001, code=PROHIBITED_V6, hop=router(now.seen.asn, v6=True, place="first"), ttl=64)
        return SILENT
    return None


def by_effect(one: Acting, now: Now, chance: Random, there: Way, *, v6: bool) -> Fate | None:
    """Return what one effect on addresses does to a packet that it hits; ``None`` where it spares this one."""
    effect = one.effect
    if effect.share < 1.0 and chance.random() >= effect.share:
        return None
    match one.kind:
        case "ip.rst":
            look = marks(effect.marks, chance, there.ttl)
            look = look._replace(copies=effect.copies or 1, ttl=effect.ttl or look.ttl)
            return Fate("rst", now.seen.access_ms / 1000.0 + 0.003, look)
        case "ip.icmp":
            return refusal(one, now, v6)
        case "server.down" | "server.rate" if effect.act in {"refused", "reset"}:
            return Fate("refused", there.seconds, ttl=there.ttl)
        case "path.loss" if chance.random() >= 1.0 - (1.0 - effect.loss) ** 2:
            return None
        case "server.down" if effect.act == "unreachable":
            hop = router(now.seen.asn, v6=v6, place="far")
            return Fate("icmp", there.seconds + 3.0, code="1/3" if v6 else "3/1", hop=hop, ttl=there.ttl)
        case _ if effect.act == "icmp":
            return refusal(one, now, v6, "border" if one.kind == "border.cut" else "provider")
        case _:
            return SILENT
