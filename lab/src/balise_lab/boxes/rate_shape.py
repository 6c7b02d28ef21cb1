"""Shaping: flows with a name wait in a queue that is emptied at a rate; nothing of them is dropped but at its end."""

from collections.abc import Iterator

from balise_lab.boxes.engine.classify import server_name
from balise_lab.boxes.engine.flows import FLOW, decide_flow, marked, queue_flows
from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import PORTS, Placement, chain
from balise_lab.boxes.engine.shaping import KBIT, QUEUE, into_class, shaped, wait

_REMEMBERED = 600  # real seconds


def _shape(placement: Placement) -> Iterator[str]:
    """A shaper: packets of marked flows go into a class of their own where they leave the box."""
    there = "ip saddr . tcp sport . ip daddr . tcp dport"
    back = "ip daddr . tcp dport . ip saddr . tcp sport"
    yield f"set slow {{ type {FLOW}; size 65535; flags dynamic,timeout; timeout {_REMEMBERED}s; }}"
    yield from chain("remember", "prerouting", -140, [f"{marked(placement)} add @slow {{ {there} }}"])
    yield from chain("enforce", "forward", 0, [f"{way} @slow {into_class(placement)}" for way in (there, back)])


KINDS = (
    Kind(
        word="rate.shape",
        means="flows whose ClientHello has the name wait for a rate they share",
        looks=Looks.NAMES,
        settings=(KBIT, QUEUE, PORTS),
        rules=_shape,
        queued=queue_flows(),
        decide=decide_flow(server_name),
        shapes=shaped,
        waits=wait,
    ),
)
