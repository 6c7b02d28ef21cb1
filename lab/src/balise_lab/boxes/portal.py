"""A captive portal: until somebody pays or logs in, every page in clear is the portal's, and nothing else passes.

An ordinary fault, in hotels and on prepaid lines. Must not live here: the block page of a censor (http.py).
"""

from collections.abc import Iterator

from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import (
    COUNT_FIRED,
    COUNT_SEEN,
    STAND_IN_PLAIN_PORT,
    STAND_IN_PORT,
    Placement,
    among,
    chain,
)
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.counterparts import web
from balise_lab.world.topology import UPLINK

TITLE = Setting("title", Unit.TEXT, "Welcome: please log in", "of the page that answers")


def _divert(placement: Placement) -> Iterator[str]:
    """Pages in clear are the portal's own, whatever is asked; TLS ends before it begins; names are resolved."""
    clients = f"ip saddr {among(placement.sources)}" if placement.sources else f'iifname != "{UPLINK}"'
    own = f"{placement.place.address}:{STAND_IN_PLAIN_PORT + placement.slot}"
    page = f"{clients} tcp dport 80 {COUNT_FIRED} dnat to {own}"
    yield from chain("divert", "prerouting", -100, [f"{clients} {COUNT_SEEN}", page])
    yield from chain("close", "forward", 0, [f"{clients} tcp dport 443 {COUNT_FIRED} reject with tcp reset"])


def _serve(placement: Placement) -> tuple[web.Site, ...]:
    port, plain = STAND_IN_PORT + placement.slot, STAND_IN_PLAIN_PORT + placement.slot
    return (web.Site("", placement.place.address, port, TITLE.of(placement.box), 2048, "good", True, plain_port=plain),)


KINDS = (
    Kind(
        word="portal",
        means="a captive portal answers every page in clear and resets TLS (`where:` a provider or a probe)",
        looks=Looks.NOTHING,
        settings=(TITLE,),
        rules=_divert,
        censors=False,
        serve=_serve,
    ),
)
