"""What sinks are told of the http experiment. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.http import HttpObservation


class HttpPoints(Points[HttpObservation]):
    """The connection, the status and the rate."""

    times = ("connect_ms", "goodput_kbps")
    tails = ("connect_ms",)

    def fields(self, one: HttpObservation) -> Fields:
        """Return milliseconds to the connection, kbit/s of the body, and the status."""
        return {"connect_ms": one.connect_ms, "goodput_kbps": one.goodput_kbps, "http_status": one.status}


POINTS: Final = HttpPoints()
