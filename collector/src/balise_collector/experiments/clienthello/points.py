"""What sinks are told of clienthello. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import Fields, Points
from balise_wire.experiments.clienthello import ClienthelloObservation


class ClienthelloPoints(Points[ClienthelloObservation]):
    """The connection and the answer to the hello."""

    times = ("connect_ms", "handshake_ms")
    tails = ("connect_ms", "handshake_ms")

    def fields(self, one: ClienthelloObservation) -> Fields:
        """Return milliseconds to the connection and, where nothing failed, from it to the answer."""
        fields: Fields = {"connect_ms": one.connect_ms}
        if one.failure is None and one.connect_ms is not None:
            fields["handshake_ms"] = max(0.0, one.elapsed_ms - one.connect_ms)
        return fields


POINTS: Final = ClienthelloPoints()
