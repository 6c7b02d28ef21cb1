"""Blocking by the Host of a request in clear."""

from typing import Any

from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.classify import host
from balise_lab.boxes.engine.flows import (
    FORGES,
    RESETS,
    RESIDUAL,
    SHARE,
    Forges,
    decide_flow,
    marks,
    queue_flows,
    resets,
    strike_flows,
)
from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import PORTS
from balise_lab.boxes.engine.setting import Setting, Unit

PORT = 80
TITLE = Setting("title", Unit.TEXT, "Blocked", "of the page that answers")
LOCATION = Setting("location", Unit.TEXT, "http://blocked.lab/", "where the redirect leads")


def _kind(word: str, means: str, settings: tuple[Setting[Any], ...], forges: Forges | None) -> Kind:
    return Kind(
        word=word,
        means=means,
        looks=Looks.NAMES,
        settings=settings,
        rules=strike_flows,
        queued=queue_flows((PORT,)),
        decide=decide_flow(host, forges),
    )


KINDS = (
    _kind(
        "http.blockpage",
        "a page of the provider answers in the place of the Host",
        (TITLE, *FORGES),
        lambda box, seen: [forge.ending(seen, marks(box), forge.page(TITLE.of(box)))],
    ),
    _kind(
        "http.redirect",
        "a forged redirect answers in the place of the Host",
        (LOCATION, *FORGES),
        lambda box, seen: [forge.ending(seen, marks(box), forge.redirect(LOCATION.of(box)))],
    ),
    _kind("http.rst", "resets after a request with the Host", (RESETS, *FORGES), resets),
    _kind("http.drop", "the flow dies after a request with the Host", (RESIDUAL, PORTS, SHARE), None),
)
