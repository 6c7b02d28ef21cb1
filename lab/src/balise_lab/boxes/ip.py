"""Blocking by address and port, whatever is said there."""

import zlib
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network

from balise_lab.boxes.engine.flows import SHARE
from balise_lab.boxes.engine.kind import Kind, Looks
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
    return lambda placement: addressed(placement, [(_shared(condition(placement), placement), action)])


def _shared(condition: str, placement: Placement) -> str:
    """Return a condition with the share of flows that the box touches; the same flow fares always the same."""
    share = round(SHARE.of(placement.box) * 100)
    if share >= 10_000:
        return condition
    flow = "jhash ip saddr . th sport . ip daddr . th dport"
    transport = "" if " tcp" in condition or " udp" in condition else TRANSPORT
    return f"{condition} {transport} {flow} mod 10000 seed {zlib.crc32(placement.box.id.encode())} < {share}"


def _kind(word: str, means: str, looks: Looks, condition: Callable[[Placement], str], action: str = "drop") -> Kind:
    ports = _WHICH if word == "port.drop" else PORTS
    rules = _rules(condition, action)
    return Kind(word=word, means=means, looks=looks, settings=(ports, SHARE), rules=rules)


def _around(placement: Placement) -> str:
    """Packets to the networks around the addresses: a whole prefix is led nowhere, siblings and neighbours with it."""
    length = LENGTH.of(placement.box)
    nets = dict.fromkeys(str(IPv4Network(f"{one.split('/')[0]}/{length}", strict=False)) for one in placement.targets())
    return f"ip daddr {among(tuple(nets))}"


def _hoster(placement: Placement) -> str:
    """Packets to everything that is hosted where the addresses are: in the lab one hoster has all services."""
    placement.targets()
    return f"ip daddr {among(placement.topology.namespace('hosting').routed)}"


def _freeze(placement: Placement) -> Iterator[str]:
    """After so many bytes from a server nothing of the connection comes any more, whatever name it carries."""
    scope = f"ip daddr {among(placement.sources)}" if placement.sources else ""
    there = f"ip saddr {among(placement.targets())} {scope} meta l4proto tcp"
    beyond = f"{there} ct reply bytes > {AFTER.of(placement.box)} {COUNT_FIRED} drop"
    yield from chain("enforce", "forward", 10, [f"{there} {COUNT_SEEN}", beyond])


KINDS = (
    Kind(
        word="ip.prefix",
        means="packets to the whole network around the addresses vanish",
        looks=Looks.ADDRESSES,
        settings=(LENGTH,),
        rules=_rules(_around, "drop"),
    ),
    Kind(
        word="ip.as",
        means="packets to all networks of the hoster of the addresses vanish",
        looks=Looks.ADDRESSES,
        rules=_rules(_hoster, "drop"),
    ),
    Kind(
        word="tcp.freeze",
        means="connections to the addresses freeze after some bytes from the server",
        looks=Looks.ADDRESSES,
        settings=(AFTER,),
        rules=_freeze,
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
        word="quic.drop",
        means="UDP to port 443 of the addresses vanishes",
        looks=Looks.ADDRESSES,
        rules=_rules(lambda placement: f"{placement.destination} udp dport 443", "drop"),
    ),
)
