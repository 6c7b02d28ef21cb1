"""Interception of TLS: a stranger answers in the server's name, under a root that nobody trusts."""

from collections.abc import Iterator

from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import (
    COUNT_FIRED,
    COUNT_SEEN,
    STAND_IN_PORT,
    Placement,
    among,
    chain,
)
from balise_lab.counterparts import web


def _divert(placement: Placement) -> Iterator[str]:
    there = f"ip daddr {among(placement.targets())} tcp dport 443"
    own = f"{placement.place.address}:{STAND_IN_PORT + placement.slot}"
    scope = placement.scope
    lines = [f"{scope} {COUNT_SEEN}", f"{scope} {there} {COUNT_FIRED} dnat to {own}"]
    yield from chain("divert", "prerouting", -100, lines)


def _serve(placement: Placement) -> tuple[web.Site, ...]:
    """Every host of the lab: those it looks for under the stranger's root, the others as they are."""
    return web.standing_in(
        placement.topology,
        placement.place.address,
        STAND_IN_PORT + placement.slot,
        certificate=lambda name: "untrusted" if placement.looks_for(name) else "good",
    )


KINDS = (
    Kind(
        word="tls.mitm",
        means="an interceptor answers for the names with certificates of a root that nobody trusts",
        looks=Looks.ADDRESSES,
        rules=_divert,
        serve=_serve,
    ),
)
