"""What sinks are told of the call experiment. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.call import CallObservation


class CallPoints(Points[CallObservation]):
    """The round trip of voice, and how much of a train came back."""

    times = ("rtt_ms",)
    tails = ("rtt_ms",)

    def fields(self, one: CallObservation) -> Fields:
        """Return milliseconds, and packets of a train."""
        return {
            "rtt_ms": one.rtt_ms,
            "jitter_ms": one.jitter_ms,
            "packets_sent": one.sent if one.returned is not None else None,
            "packets_back": sum(one.returned) if one.returned is not None else None,
        }


POINTS: Final = CallPoints()
