"""Blocking by the name in a ClientHello."""

from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.classify import server_name
from balise_lab.boxes.engine.flows import (
    FORGES,
    RESETS,
    RESIDUAL,
    SHARE,
    decide_flow,
    marks,
    queue_flows,
    resets,
    strike_flows,
)
from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import PORTS

KINDS = (
    Kind(
        word="sni.rst",
        means="resets after a ClientHello with the name",
        looks=Looks.NAMES,
        settings=(RESETS, *FORGES),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(server_name, resets),
    ),
    Kind(
        word="sni.fin",
        means="a forged end after a ClientHello with the name",
        looks=Looks.NAMES,
        settings=(RESETS, *FORGES),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(server_name, lambda box, seen: [forge.ending(seen, marks(box))]),
    ),
    Kind(
        word="sni.drop",
        means="the flow dies after a ClientHello with the name",
        looks=Looks.NAMES,
        settings=(RESIDUAL, PORTS, SHARE),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(server_name),
    ),
)
