"""What sinks are told of the stun experiment. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.stun import StunObservation


class StunPoints(Points[StunObservation]):
    """The first answer."""

    times = ("rtt_ms",)
    tails = ("rtt_ms",)

    def fields(self, one: StunObservation) -> Fields:
        """Return milliseconds from the first request to its answer."""
        return {"rtt_ms": one.rtt_ms}


POINTS: Final = StunPoints()
