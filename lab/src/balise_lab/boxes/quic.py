"""Blocking by the name in QUIC's first packet, which anybody on the way can decrypt (RFC 9001 5.2)."""

from collections.abc import Iterator
from functools import partial

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import UDP, Packet, Streams
from balise_lab.boxes.engine.flows import RESIDUAL, SHARE, of_match, queue_datagrams, strike_flows, touches
from balise_lab.boxes.engine.kind import Decision, Kind, Looks
from balise_lab.boxes.engine.placement import Placement
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.counterparts.quic import PORT
from balise_lab.quic_packets import read_initial

PASSES = Setting("passes", Unit.COUNT, 0, "datagrams of the client that pass before its flow dies (late onset)", 0, 100)


def _queued(placement: Placement) -> Iterator[tuple[str, ...]]:
    return queue_datagrams(placement, PORT)


def _decide(box: Box, seen: Packet, streams: Streams) -> Decision | None:
    if seen.protocol != UDP:
        return None
    read = read_initial(seen.payload)
    shows = read is not None and read.name is not None and of_match(box, read.name) and touches(box, seen)
    before = streams.named(seen, shows=shows)
    return None if before is None or before < PASSES.of(box) else Decision(strike=True)


KINDS = (
    Kind(
        word="quic.sni",
        means="the flow dies after an Initial packet of QUIC with the name",
        looks=Looks.NAMES,
        settings=(PASSES, RESIDUAL, SHARE),
        rules=partial(strike_flows, transport="udp"),
        queued=_queued,
        decide=_decide,
    ),
)
