"""What sinks are told of the quic experiment. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.quic import QuicObservation


class QuicPoints(Points[QuicObservation]):
    """The first answer."""

    times = ("rtt_ms",)
    tails = ("rtt_ms",)

    def fields(self, one: QuicObservation) -> Fields:
        """Return milliseconds from the first datagram to its answer."""
        return {"rtt_ms": one.rtt_ms}


POINTS: Final = QuicPoints()
