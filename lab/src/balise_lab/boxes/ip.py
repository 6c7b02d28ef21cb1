"""Blocking by address and port, whatever is said there."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network

from balise_lab.boxes.engine.flows import SHARE
from balise_lab.boxes.engine.kind import Kind, Looks, Versions
from balise_lab.boxes.engine.placement import (
    COUNT_FIRED,
    COUNT_SEEN,
    PORTS,
    TRANSPORT,
    Placement,
    addressed,
    among,
    chain,
)
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.stun_packets import COOKIE

_WHICH: Setting[tuple[int, ...]] = Setting(PORTS.name, PORTS.unit, (), PORTS.means, required=True)

LENGTH = Setting("length", Unit.COUNT, 24, "bits of the network around each address", 8, 32)
AFTER = Setting("after", Unit.COUNT, 16_384, "bytes from the server after which nothing comes", 1, 100_000_000)


def _to_ports(placement: Placement) -> str:
    """Packets to the addresses: all of them, or TCP and UDP to the ports."""
    return f"{placement.destination} {TRANSPORT + ' ' + placement.ports if placement.ports else ''}"


def _udp(placement: Placement) -> str:
    ports = PORTS.of(placement.box)
    return f"{placement.destination} udp {'dport ' + among(ports) if ports else 'dport != 53'}"


def _rules(condition: Callable[[Placement], str], action: str) -> Callable[[Placement], Iterator[str]]:
    def rules(placement: Placement) -> Iterator[str]:
        said = action.replace("icmp ", "icmp " if placement.family == 4 else "icmpv6 ")
        return addressed(placement, [(shared(condition(placement), placement), said)])

    return rules


def shared(condition: str, placement: Placement) -> str:
    """Return a condition with the share of flows that the box touches; the same flow fares always the same."""
    share = round(SHARE.of(placement.box) * 100)
    if share >= 10_000:
        return condition
    flow = f"jhash {placement.ip} saddr . th sport . {placement.ip} daddr . th dport"
    transport = "" if " tcp" in condition or " udp" in condition else TRANSPORT
    return f"{condition} {transport} {flow} mod 10000 seed {zlib.crc32(placement.box.id.encode())} < {share}"


def _kind(word: str, means: str, looks: Looks, condition: Callable[[Placement], str], action: str = "drop") -> Kind:
    ports = _WHICH if word == "port.drop" else PORTS
    rules = _rules(condition, action)
    settings = (ports, SHARE)
    return Kind(word=word, means=means, looks=looks, settings=settings, rules=rules, versions=Versions.BOTH)


def _stun(placement: Placement) -> str:
    """Packets with STUN's magic cookie (RFC 8489 5): in the four bytes behind UDP's header and STUN's first four."""
    ports = PORTS.of(placement.box)
    there = f"udp dport {among(ports)}" if ports else "udp dport != 53"
    return f"{placement.destination} {there} @th,96,32 0x{COOKIE:x}"


def _version_1(placement: Placement) -> str:
    """Long headers of version 1 (RFC 9000 17.2): the header's form bit, and the four bytes behind its first one."""
    return f"{placement.destination} udp dport 443 @th,64,8 & 0x80 == 0x80 @th,72,32 0x1"


def _around(placement: Placement) -> str:
    """Packets to the networks around the addresses: a whole prefix is led nowhere, siblings and neighbours with it."""
    length = LENGTH.of(placement.box)
    # What a /24 holds over IPv4 is a /48 over IPv6.
    longer = length if placement.family == 4 else length + 24
    nets = (str(ip_network(f"{one.split('/')[0]}/{longer}", strict=False)) for one in placement.targets())
    return f"{placement.ip} daddr {among(tuple(dict.fromkeys(nets)))}"


def _hoster(placement: Placement) -> str:
    """Packets to everything that is hosted where the addresses are."""
    own = replace(placement, family=4).targets()
    return f"{placement.ip} daddr {among(placement.of_family(placement.topology.hosted_with(own)))}"


def _freeze(placement: Placement) -> Iterator[str]:
    """After so many bytes from a server nothing of the connection comes any more, whatever name it carries."""
    ip = placement.ip
    scope = f"{ip} daddr {among(placement.sources)}" if placement.sources else ""
    there = f"{ip} saddr {among(placement.targets())} {scope} meta l4proto tcp"
    beyond = f"{there} ct reply bytes > {AFTER.of(placement.box)} {COUNT_FIRED} drop"
    yield from chain("enforce", "forward", 10, [f"{there} {COUNT_SEEN}", beyond])


KINDS = (
    Kind(
        word="ip.prefix",
        means="packets to the whole network around the addresses vanish",
        looks=Looks.ADDRESSES,
        settings=(LENGTH,),
        rules=_rules(_around, "drop"),
        versions=Versions.BOTH,
    ),
    Kind(
        word="ip.as",
        means="packets to all networks of the hoster of the addresses vanish",
        looks=Looks.ADDRESSES,
        rules=_rules(_hoster, "drop"),
        versions=Versions.BOTH,
    ),
    Kind(
        word="tcp.freeze",
        means="connections to the addresses freeze after some bytes from the server",
        looks=Looks.ADDRESSES,
        settings=(AFTER,),
        rules=_freeze,
        versions=Versions.BOTH,
    ),
    _kind("ip.drop", "packets to the addresses vanish", Looks.ADDRESSES, _to_ports),
    _kind(
        "ip.rst",
        "connections to the addresses are reset",
        Looks.ADDRESSES,
        lambda placement: f"{placement.destination} meta l4proto tcp {placement.ports}",
        "reject with tcp reset",
    ),
    _kind(
        "ip.icmp",
        "a router says that the addresses are prohibited",
        Looks.ADDRESSES,
        _to_ports,
        "reject with icmp type admin-prohibited",
    ),
    _kind("port.drop", "packets to the ports vanish", Looks.ANYTHING, _to_ports),
    _kind("udp.drop", "UDP vanishes, DNS excepted", Looks.ANYTHING, _udp),
    Kind(
        word="udp.stun",
        means="packets with STUN's magic cookie vanish; other UDP to the same ports passes",
        looks=Looks.ANYTHING,
        settings=(PORTS,),
        rules=_rules(_stun, "drop"),
    ),
    Kind(
        word="quic.version",
        means="packets of QUIC version 1 vanish whatever they name; other UDP to port 443 passes",
        looks=Looks.ANYTHING,
        rules=_rules(_version_1, "drop"),
    ),
    Kind(
        word="quic.drop",
        means="UDP to port 443 of the addresses vanishes",
        looks=Looks.ADDRESSES,
        rules=_rules(lambda placement: f"{placement.destination} udp dport 443", "drop"),
    ),
)
