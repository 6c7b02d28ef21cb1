"""Blocking by address and port, whatever is said there."""

import zlib
from collections.abc import Callable, Iterator

from balise_lab.boxes.engine.flows import SHARE
from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import PORTS, TRANSPORT, Placement, addressed, among
from balise_lab.boxes.engine.setting import Setting

_WHICH: Setting[tuple[int, ...]] = Setting(PORTS.name, PORTS.unit, (), PORTS.means, required=True)


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


KINDS = (
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
