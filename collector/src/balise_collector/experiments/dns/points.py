"""What sinks are told of the dns experiment. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.dns import DnsObservation


class DnsPoints(Points[DnsObservation]):
    """How many answers came, and when the first did."""

    times = ("dns_ms",)

    def fields(self, one: DnsObservation) -> Fields:
        """Return the number of answers, and milliseconds to the first."""
        return {"answers": len(one.answers), "dns_ms": one.answers[0].rtt_ms if one.answers else None}


POINTS: Final = DnsPoints()
