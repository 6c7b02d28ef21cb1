"""What may leave the probe: an allow-list. What no rule lets through stays at home.

Lives here: the engine, what all kinds of observation have in common (packets), and the words that rules are made of, so
that neither the household (own address, LAN, router, resolver) nor a block page's note about its visitor gets into a
message. Must not live here: the rule of one kind of observation (experiments/<x>/outcome.py), or what is worth
measuring.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from balise_agent.policy.limits import refuse_address, refuse_name
from balise_agent.policy.redaction import names_somebody, redacted
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tls import Certificate
from balise_wire.observations import Observation

MAX_SUBJECT: Final = 128
MAX_ISSUER: Final = 256
MAX_PACKETS: Final = 10
"""A direction (detectors.md, common rule b)."""
_HOME: Final = 56
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))

_HEX: Final = re.compile(r"[0-9a-f]{0,64}")
_WORD: Final = re.compile(r"[A-Za-z0-9_,./:+ -]{0,80}")


@lru_cache(maxsize=1024)
def blurred(address: str, laboratory: tuple[str, ...] = ()) -> str:
    """Return a hop's prefix: /24 or /48; a word for what is inside the home, empty for what is no address."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0].split("/", 1)[0])
    except ValueError:
        return ""
    if refuse_address(str(parsed), laboratory) is not None:
        return "private"
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """What a measurement may name because it was assigned, and what it may never name."""

    addresses: frozenset[str] = frozenset()
    """Addresses of targets, siblings, controls, public resolvers, silent addresses."""
    laboratory: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    """Addresses and prefixes of this machine and its LAN."""


Rule = Callable[[Any, Allowed], dict[str, Any]]
"""Returns the fields of an observation that may not leave as they are, as they may leave."""


def scrub(
    observations: Sequence[Observation], allowed: Allowed, rules: Mapping[type[Any], Rule]
) -> tuple[Observation, ...]:
    """Return the observations as they may leave.

    Args:
        observations: of one measurement.
        allowed: what it may name.
        rules: by the kind of observation (``experiments.SCRUB_RULES``).

    Raises:
        TypeError: an observation of a kind that has no rule; nothing leaves by default.
    """
    return tuple(_scrub_one(observation, allowed, rules) for observation in observations)


def _scrub_one(observation: Observation, allowed: Allowed, rules: Mapping[type[Any], Rule]) -> Observation:
    """Apply the rule of the observation's kind."""
    rule = rules.get(type(observation))
    if rule is None:
        raise TypeError(f"no scrub rule for {type(observation).__name__}: add one before it may leave")
    changes = rule(observation, allowed)
    changes["packets"] = _packets(changes.get("packets", observation.packets), allowed)
    scrubbed: Observation = msgspec.structs.replace(observation, **changes)
    return scrubbed


def without_digests(packets: Sequence[Packet]) -> tuple[Packet, ...]:
    """Return packets without the digests of what came in: of a payload that names its reader they are a way to him."""
    return tuple(
        packet if packet.direction is Direction.OUT else msgspec.structs.replace(packet, sha256="")
        for packet in packets
    )


def _packets(packets: Sequence[Packet], allowed: Allowed) -> tuple[Packet, ...]:
    """Return at most ten packets each direction, routers blurred to their prefix."""
    kept: list[Packet] = []
    counts = dict.fromkeys(Direction, 0)
    for packet in packets:
        counts[packet.direction] += 1
        if counts[packet.direction] <= MAX_PACKETS:
            kept.append(_packet(packet, allowed))
    return tuple(kept)


def _packet(packet: Packet, allowed: Allowed) -> Packet:
    return msgspec.structs.replace(
        packet,
        protocol=word(packet.protocol),
        flags=word(packet.flags),
        options=word(packet.options),
        sha256=hex_digits(packet.sha256)[:16],
        icmp=word(packet.icmp),
        hop=blurred(packet.hop, allowed.laboratory),
    )


def certificate(seen: Certificate) -> Certificate:
    """Return a certificate's record without what names somebody.

    A router's own certificate, made out to its address, is in public indexes under its digest and that address.
    """
    own = names_somebody(seen.subject) or names_somebody(seen.issuer)
    return msgspec.structs.replace(
        seen,
        sha256="" if own else hex_digits(seen.sha256),
        spki_sha256="" if own else hex_digits(seen.spki_sha256),
        subject=redacted(seen.subject, MAX_SUBJECT),
        issuer=redacted(seen.issuer, MAX_ISSUER),
    )


def prefix(text: str, allowed: Allowed) -> str:
    """Return a network's prefix as wide as a site at least; NAT64's own ones (RFC 6052, RFC 8215) are everybody's."""
    return text if is_prefix_of_nat64(text) else blurred(text, allowed.laboratory)


def is_prefix_of_nat64(text: str) -> bool:
    """Tell whether a text is a prefix inside the two that are set apart for NAT64."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return False
    return isinstance(network, ipaddress.IPv6Network) and any(network.subnet_of(one) for one in _NAT64)


def assigned(address: str, allowed: Allowed) -> str:
    """Return the address where it was assigned, else nothing."""
    return address if address in allowed.addresses else ""


def is_address(text: str) -> bool:
    """Tell whether a text is an address, of no interface in particular."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


@lru_cache(maxsize=1024)
def is_own(text: str, own: tuple[str, ...]) -> bool:
    """Tell whether an address belongs to this machine, its LAN or its site, or holds one that does."""
    networks = [_site(ipaddress.ip_network(prefix, strict=False)) for prefix in own]
    return any(address in network for address in _held(ipaddress.ip_address(text)) for network in networks)


def _site(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return what a provider hands to a home: of IPv6 a /56 (RFC 6177), of which this machine sees one /64."""
    if isinstance(network, ipaddress.IPv6Network) and network.is_global and network.prefixlen > _HOME:
        return network.supernet(new_prefix=_HOME)
    return network


def _held(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Yield an address and the IPv4 addresses inside it: mapped, compatible, 6to4, Teredo, NAT64 (RFC 6052)."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        yield from (one for one in (address.ipv4_mapped, address.sixtofour) if one is not None)
        yield from address.teredo or ()
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def name(text: str) -> str:
    """Return a host name; empty where it is none."""
    return text if refuse_name(text) is None else ""


def word(text: str) -> str:
    """Return a short word of ours; empty where it is anything else."""
    return text if _WORD.fullmatch(text) else ""


def hex_digits(text: str) -> str:
    """Return a digest; empty where it is none."""
    return text if _HEX.fullmatch(text) else ""
