"""What may leave the probe: an allow-list. What is not named here stays at home.

Lives here: the rule for each field of each kind of observation, so that neither the household (own address, LAN,
router, resolver) nor a block page's note about its visitor gets into a message. Must not live here: what is worth
measuring.
"""

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from balise_agent.policy.limits import refuse_address, refuse_name
from balise_agent.policy.redaction import names_somebody, redacted, redacted_name
from balise_wire.evidence import Direction, Packet
from balise_wire.observations import (
    Certificate,
    DnsAnswer,
    DnsObservation,
    Hop,
    HttpObservation,
    LineObservation,
    Observation,
    PathObservation,
    TcpObservation,
    TlsObservation,
)

ALLOWED_HEADERS: Final = frozenset(
    {
        "content-length", "content-range", "content-type", "location", "server",
        "cf-chl-bypass", "cf-mitigated", "x-amzn-waf-action",  # tests for robots, which are no refusal of a country
    }
)  # fmt: skip
"""Headers that say who answered with what. Cookies, Via, X-Forwarded-For and the like name the visitor or his LAN."""
_PROTOCOLS: Final = frozenset({"", "h2", "http/1.0", "http/1.1", "other"})
"""What a server may answer to our offer (RFC 7301); anything else is its own text."""
MAX_TITLE: Final = 120
MAX_HEADER: Final = 200
MAX_HEADERS: Final = 16
MAX_PACKETS: Final = 10
"""A direction (detectors.md, common rule b)."""
MAX_ANSWERS: Final = 16
MAX_ADDRESSES: Final = 16
MAX_NAMES: Final = 8
MAX_CHAIN: Final = 8
MAX_SUBJECT: Final = 128
MAX_ISSUER: Final = 256
MAX_HOPS: Final = 64
_HOME: Final = 56

_HEX: Final = re.compile(r"[0-9a-f]{0,64}")
_WORD: Final = re.compile(r"[A-Za-z0-9_,./:+ -]{0,80}")


def without_query(location: str) -> str:
    """Return a redirect's scheme, host and path: credentials, query and fragment are where visitors are named."""
    plain = re.split(r"[?#;]", location, maxsplit=1)[0]
    scheme, separator, rest = plain.rpartition("//")
    return f"{scheme}{separator}{rest.rsplit('@', 1)[-1]}"


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


def scrub(observations: Sequence[Observation], allowed: Allowed) -> tuple[Observation, ...]:
    """Return the observations as they may leave.

    Raises:
        TypeError: an observation of a kind that has no rule here; nothing leaves by default.
    """
    return tuple(_scrub_one(observation, allowed) for observation in observations)


def _scrub_one(observation: Observation, allowed: Allowed) -> Observation:
    """Apply the rule of the observation's kind."""
    rule = _RULES.get(type(observation))
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


def _dns(observation: DnsObservation, allowed: Allowed) -> dict[str, Any]:
    """Answers to assigned names leave; an address of the household in them does not."""
    answers = tuple(_answer(answer, allowed) for answer in observation.answers[:MAX_ANSWERS])
    aside = tuple(_answer(answer, allowed) for answer in observation.set_aside[:MAX_ANSWERS])
    unchecked = observation.unchecked
    if unchecked is not None:
        unchecked = tuple(_answer(answer, allowed) for answer in unchecked[:MAX_ANSWERS])
    told = {address for answer in answers for address in answer.addresses}
    address = observation.tls_address
    whole = _tells_all(observation.answers, answers) and _tells_all(observation.set_aside, aside)
    return {
        "packets": observation.packets if whole else without_digests(observation.packets),
        "name": _name(observation.name),
        "answers": answers,
        "set_aside": aside,
        "unchecked": unchecked,
        "tls_address": address if address in told else "",
    }


def _answer(answer: DnsAnswer, allowed: Allowed) -> DnsAnswer:
    addresses = [a for a in answer.addresses[:MAX_ADDRESSES] if _is_address(a)]
    told = tuple(a for a in addresses if not _is_own(a, allowed.own))
    cnames = (redacted_name(name) for name in answer.cnames[:MAX_NAMES] if refuse_name(name) is None)
    return msgspec.structs.replace(
        answer,
        addresses=told,
        household=answer.household + len(addresses) - len(told),
        cnames=tuple(name for name in cnames if refuse_name(name) is None),
    )


def _tells_all(answers: Iterable[DnsAnswer], scrubbed: Iterable[DnsAnswer]) -> bool:
    """Tell whether nothing of the answers stays at home; else a digest of their packets would tell it."""
    return all(
        before.addresses == after.addresses and before.cnames == after.cnames and not after.household
        for before, after in zip(answers, scrubbed, strict=False)
    )


def _tcp(observation: TcpObservation, allowed: Allowed) -> dict[str, Any]:
    return {"address": _assigned(observation.address, allowed)}


def _tls(observation: TlsObservation, allowed: Allowed) -> dict[str, Any]:
    return {
        "address": _assigned(observation.address, allowed),
        "sni": None if observation.sni is None else _name(observation.sni),
        "record": _word(observation.record),
        "version": _word(observation.version),
        "alpn": observation.alpn if observation.alpn in _PROTOCOLS else "other",
        "chain": tuple(_certificate(certificate) for certificate in observation.chain[:MAX_CHAIN]),
        # What is no TLS came in clear: a block page, perhaps, which names its reader.
        "packets": without_digests(observation.packets) if observation.record == "other" else observation.packets,
    }


def _certificate(certificate: Certificate) -> Certificate:
    """Return a certificate's record without what names somebody.

    A router's own certificate, made out to its address, is in public indexes under its digest and that address.
    """
    own = names_somebody(certificate.subject) or names_somebody(certificate.issuer)
    return msgspec.structs.replace(
        certificate,
        sha256="" if own else _hex(certificate.sha256),
        spki_sha256="" if own else _hex(certificate.spki_sha256),
        subject=redacted(certificate.subject, MAX_SUBJECT),
        issuer=redacted(certificate.issuer, MAX_ISSUER),
    )


def _http(observation: HttpObservation, allowed: Allowed) -> dict[str, Any]:
    return {
        "address": _assigned(observation.address, allowed),
        "host": _name(observation.host),
        "body_sha256": _hex(observation.body_sha256),
        "body_redacted_sha256": _hex(observation.body_redacted_sha256),
        "title": redacted(observation.title, MAX_TITLE),
        "headers": tuple(
            (name, _header(name, value))
            for name, value in observation.headers[: MAX_HEADERS * 4]
            if name in ALLOWED_HEADERS
        )[:MAX_HEADERS],
    }


def _header(name: str, value: str) -> str:
    """Return a header's value as it may leave; lengths and ranges are numbers and nothing else."""
    if name in {"content-length", "content-range"}:
        return value if re.fullmatch(r"[0-9a-z */-]{1,60}", value) else ""
    return redacted(without_query(value) if name == "location" else value, MAX_HEADER)


def _path(observation: PathObservation, allowed: Allowed) -> dict[str, Any]:
    return {
        "address": _assigned(observation.address, allowed),
        "payload": _word(observation.payload),
        "hops": tuple(_hop(hop, allowed) for hop in observation.hops[:MAX_HOPS]),
    }


def _hop(hop: Hop, allowed: Allowed) -> Hop:
    return msgspec.structs.replace(hop, address=blurred(hop.address, allowed.laboratory), answer=_word(hop.answer))


def _line(observation: LineObservation, allowed: Allowed) -> dict[str, Any]:
    """Nothing in it names an address: times, shares and assigned control names."""
    del allowed
    return {"controls": tuple(msgspec.structs.replace(c, name=_name(c.name)) for c in observation.controls)}


_RULES: Final[dict[type[Any], Callable[[Any, Allowed], dict[str, Any]]]] = {
    DnsObservation: _dns,
    TcpObservation: _tcp,
    TlsObservation: _tls,
    HttpObservation: _http,
    PathObservation: _path,
    LineObservation: _line,
}


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
        protocol=_word(packet.protocol),
        flags=_word(packet.flags),
        options=_word(packet.options),
        sha256=_hex(packet.sha256)[:16],
        icmp=_word(packet.icmp),
        hop=blurred(packet.hop, allowed.laboratory),
    )


def _assigned(address: str, allowed: Allowed) -> str:
    """Return the address where it was assigned, else nothing."""
    return address if address in allowed.addresses else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_own(text: str, own: Collection[str]) -> bool:
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


def _name(text: str) -> str:
    return text if refuse_name(text) is None else ""


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else ""


def _hex(text: str) -> str:
    return text if _HEX.fullmatch(text) else ""
