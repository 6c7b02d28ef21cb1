"""What sinks are told of the tcp experiment. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.tcp import TcpObservation


class TcpPoints(Points[TcpObservation]):
    """The round trip."""

    times = ("rtt_ms",)
    tails = ("rtt_ms",)

    def fields(self, one: TcpObservation) -> Fields:
        """Return milliseconds from SYN to SYN-ACK."""
        return {"rtt_ms": one.rtt_ms}


POINTS: Final = TcpPoints()
