"""Throttling: flows with a name lose what is above a rate."""

from collections.abc import Iterator

from balise_lab.boxes.engine.classify import server_name
from balise_lab.boxes.engine.flows import FLOW, decide_flow, marked, queue_flows
from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import DROP, PORTS, Placement, chain
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.boxes.engine.shaping import KBIT

BURST = Setting("burst", Unit.COUNT, 16384, "bytes that pass at once before the rate holds", 1500, 1_000_000)
_REMEMBERED = 600  # real seconds


def _police(placement: Placement) -> Iterator[str]:
    """A policer: packets of marked flows above the rate are lost, the ClientHello is not (TSPU, IMC 2022)."""
    bytes_a_second = max(round(KBIT.of(placement.box) * 1000 / 8), 1)
    there = "ip saddr . tcp sport . ip daddr . tcp dport"
    back = "ip daddr . tcp dport . ip saddr . tcp sport"
    limit = f"limit rate over {bytes_a_second} bytes/second burst {BURST.of(placement.box)} bytes {DROP}"
    yield f"set slow {{ type {FLOW}; size 65535; flags dynamic,timeout; timeout {_REMEMBERED}s; }}"
    lines = [f"{marked(placement)} add @slow {{ {there} }}", f"{there} @slow {limit}", f"{back} @slow {limit}"]
    yield from chain("enforce", "prerouting", -140, lines)


KINDS = (
    Kind(
        word="rate.police",
        means="flows whose ClientHello has the name lose what is above a rate they share",
        looks=Looks.NAMES,
        settings=(KBIT, BURST, PORTS),
        rules=_police,
        queued=queue_flows(),
        decide=decide_flow(server_name),
    ),
)
