"""What sinks are told of the throughput experiment. Pure. Must not live here: other names (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.throughput import ThroughputObservation


class ThroughputPoints(Points[ThroughputObservation]):
    """The connection, the rate and what the kernel counted."""

    times = ("connect_ms", "goodput_kbps")
    tails = ("connect_ms",)

    def fields(self, one: ThroughputObservation) -> Fields:
        """Return milliseconds to the connection, kbit/s, and the status."""
        return {"connect_ms": one.connect_ms, "goodput_kbps": one.goodput_kbps, "http_status": one.status}


POINTS: Final = ThroughputPoints()
