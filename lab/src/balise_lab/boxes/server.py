"""What happens at the servers: they are off, or their edge is, or they turn the country away. No interference."""

from collections.abc import Iterator

from balise_lab.boxes.engine.kind import Kind, Looks, Stands
from balise_lab.boxes.engine.placement import (
    COUNT_FIRED,
    COUNT_SEEN,
    PORTS,
    STAND_IN_PLAIN_PORT,
    STAND_IN_PORT,
    TRANSPORT,
    Placement,
    addressed,
    among,
    chain,
)
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.counterparts import web

MODE = Setting("mode", Unit.WORD, "drop", "whether packets vanish or are refused", choices=("drop", "refuse"))
STATUS = Setting("status", Unit.COUNT, 451, "of the refusal (RFC 9110 15.5.4, RFC 7725)", choices=(403, 451))


def _down(placement: Placement) -> Iterator[str]:
    return _dead(placement, placement.targets())


def _edge_down(placement: Placement) -> Iterator[str]:
    box = placement.box
    edges = [end for end in placement.topology.match(box.match) if end.country_addresses != end.addresses]
    regional = (*box.addresses, *(address for end in edges for address in end.country_addresses))
    mend = "name a host or service of the scenario, one with an edge for edge.down, or give addresses"
    return _dead(placement, placement.some(regional, mend))


def _dead(placement: Placement, targets: tuple[str, ...]) -> Iterator[str]:
    there, ports = f"ip daddr {among(targets)}", placement.ports
    if MODE.of(placement.box) == "drop":
        return addressed(placement, [(f"{there} {TRANSPORT + ' ' + ports if ports else ''}", "drop")])
    tcp, udp = (f"{there} meta l4proto {name} {ports}" for name in ("tcp", "udp"))
    return addressed(placement, [(tcp, "reject with tcp reset"), (udp, "reject")])


def _divert(placement: Placement) -> Iterator[str]:
    """What the country sends to the servers reaches one that refuses it; the rest of the world reaches them."""
    topology, address = placement.topology, placement.place.address
    clients = placement.sources or topology.prefixes(tuple(topology.layout.isps))
    there = f"ip saddr {among(clients)} ip daddr {among(placement.targets())}"
    lines = [f"{placement.scope} {COUNT_SEEN}"]
    for port, own in ((80, STAND_IN_PLAIN_PORT), (443, STAND_IN_PORT)):
        lines.append(f"{there} tcp dport {port} {COUNT_FIRED} dnat to {address}:{own + placement.slot}")
    yield from chain("divert", "prerouting", -100, lines)


def _refusals(placement: Placement) -> tuple[web.Site, ...]:
    """Every host of the lab, under its own certificate: those it looks for refuse, the others are as they are."""
    status = STATUS.of(placement.box)
    return web.standing_in(
        placement.topology,
        placement.place.address,
        STAND_IN_PORT + placement.slot,
        plain_port=STAND_IN_PLAIN_PORT + placement.slot,
        status=lambda name: status if placement.looks_for(name) else web.OK,
    )


KINDS = (
    Kind(
        word="server.down",
        means="the servers are off, for everyone",
        looks=Looks.ADDRESSES,
        settings=(MODE, PORTS),
        rules=_down,
        censors=False,
        where="abroad",
        stands=Stands.HOSTING,
        for_everyone=True,
    ),
    Kind(
        word="edge.down",
        means="the addresses that serve the country are dead, for everyone who asks them",
        looks=Looks.ADDRESSES,
        settings=(MODE, PORTS),
        rules=_edge_down,
        censors=False,
        where="abroad",
        stands=Stands.HOSTING,
        for_everyone=True,
        regional=True,
    ),
    Kind(
        word="server.denies",
        means="the service itself turns the country away, under its own certificate",
        looks=Looks.ADDRESSES,
        settings=(STATUS,),
        rules=_divert,
        censors=False,
        mechanism="server.refuses",
        where="abroad",
        stands=Stands.HOSTING,
        serve=_refusals,
    ),
)
