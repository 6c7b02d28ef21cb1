"""Interception of TLS: a stranger answers in the server's name, under a root that nobody trusts."""

from collections.abc import Iterator

from balise_lab.boxes.engine.box import fits
from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import (
    COUNT_FIRED,
    COUNT_SEEN,
    STAND_IN_PORT,
    Placement,
    among,
    chain,
)
from balise_lab.services import web
from balise_lab.topology import DEFAULT_NAME


def _divert(placement: Placement) -> Iterator[str]:
    there = f"ip daddr {among(placement.targets())} tcp dport 443"
    own = f"{placement.place.address}:{STAND_IN_PORT + placement.slot}"
    scope = placement.scope
    lines = [f"{scope} {COUNT_SEEN}", f"{scope} {there} {COUNT_FIRED} dnat to {own}"]
    yield from chain("divert", "prerouting", -100, lines)


def _serve(placement: Placement) -> tuple[web.Site, ...]:
    """Every host of the lab: those it looks for under the stranger's root, the others as they are."""
    box = placement.box
    ends = placement.topology.match(box.match)
    patterns = (*box.match, *(end.host for end in ends)) if box.match else ("*",)

    def certificate(name: str) -> str:
        return "untrusted" if fits(name or DEFAULT_NAME, patterns) else "good"

    port = STAND_IN_PORT + placement.slot
    return web.standing_in(placement.topology, placement.place.address, port, certificate=certificate)


KINDS = (
    Kind(
        word="tls.mitm",
        means="an interceptor answers for the names with certificates of a root that nobody trusts",
        looks=Looks.ADDRESSES,
        rules=_divert,
        serve=_serve,
    ),
)
