"""What sinks are told of the vpn experiment. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.vpn import VpnObservation


class VpnPoints(Points[VpnObservation]):
    """The round trip of a handshake's first packet, and how far it got."""

    times = ("rtt_ms",)
    tails = ("rtt_ms",)

    def fields(self, one: VpnObservation) -> Fields:
        """Return milliseconds, and rounds."""
        return {
            "rtt_ms": one.rtt_ms,
            "rounds": one.rounds or None,
            "rounds_answered": one.answered if one.rounds else None,
        }


POINTS: Final = VpnPoints()
