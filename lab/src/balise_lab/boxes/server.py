"""What happens at the servers: they are off, or their edge is, or they turn the country away. No interference."""

from collections.abc import Callable, Iterator
from typing import Any

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.kind import Kind, Looks, Stands, Versions
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
TITLE = Setting("title", Unit.TEXT, "Not here", "of the page that answers")
STATUS = Setting("status", Unit.COUNT, 451, "of the answer (RFC 9110 15, RFC 7725)", choices=(403, 451))
_ANY_STATUS = Setting("status", Unit.COUNT, 200, STATUS.means, 200, 599)
LOCATION = Setting("location", Unit.TEXT, "https://elsewhere.lab/", "where the redirect leads")


def _down(placement: Placement) -> Iterator[str]:
    return _dead(placement, placement.targets())


def _edge_down(placement: Placement) -> Iterator[str]:
    box = placement.box
    edges = [end for end in placement.topology.match(box.match) if end.country_addresses != end.addresses]
    literal = (one for one in box.addresses if (":" in one) == (placement.family == 6))
    regional = (*literal, *placement.of_family(address for end in edges for address in end.country_addresses))
    mend = "name a host or service of the scenario, one with an edge for edge.down, or give addresses"
    return _dead(placement, placement.some(regional, mend))


def _dead(placement: Placement, targets: tuple[str, ...]) -> Iterator[str]:
    there, ports = f"{placement.ip} daddr {among(targets)}", placement.ports
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


def _answers(answer: Callable[[Box], web.Answer]) -> Callable[[Placement], tuple[web.Site, ...]]:
    """Every host of the lab, under its own certificate: those it looks for answer so, the others are as they are."""

    def serve(placement: Placement) -> tuple[web.Site, ...]:
        said = answer(placement.box)
        return web.standing_in(
            placement.topology,
            placement.place.address,
            STAND_IN_PORT + placement.slot,
            plain_port=STAND_IN_PLAIN_PORT + placement.slot,
            answer=lambda name: said if placement.looks_for(name) else web.PAGE,
        )

    return serve


def _of_country(
    word: str, means: str, settings: tuple[Setting[Any], ...], answer: Callable[[Box], web.Answer], mechanism: str = ""
) -> Kind:
    """A kind by which servers answer the country otherwise than the rest of the world."""
    return Kind(
        word=word,
        means=means,
        looks=Looks.ADDRESSES,
        settings=settings,
        rules=_divert,
        censors=False,
        mechanism=mechanism,
        where="abroad",
        stands=Stands.HOSTING,
        of_country=True,
        serve=_answers(answer),
    )


KINDS = (
    Kind(
        word="server.down",
        means="the servers are off, for everyone",
        looks=Looks.ADDRESSES,
        settings=(MODE, PORTS),
        rules=_down,
        versions=Versions.BOTH,
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
        versions=Versions.BOTH,
        censors=False,
        where="abroad",
        stands=Stands.HOSTING,
        for_everyone=True,
        regional=True,
    ),
    _of_country(
        "server.denies",
        "the service itself turns the country away, under its own certificate",
        (STATUS,),
        lambda box: web.Answer(STATUS.of(box), "Not available", "This service is not available in your country."),
        mechanism="server.refuses",
    ),
    _of_country(
        "server.page",
        "the service itself shows the country another page, under its own certificate",
        (TITLE, _ANY_STATUS),
        lambda box: web.Answer(_ANY_STATUS.of(box), TITLE.of(box), "Please come back later."),
    ),
    _of_country(
        "server.redirect",
        "the service itself leads the country elsewhere, under its own certificate",
        (LOCATION,),
        lambda box: web.Answer(302, location=LOCATION.of(box)),
    ),
)
