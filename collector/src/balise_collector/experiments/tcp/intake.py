"""What a series of SYNs can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import COUNT, Bounds, Destination
from balise_wire.experiments.tcp import TcpObservation

BOUNDS: Final = Bounds(numbers={"icmp_errors": COUNT, "resets": COUNT, "synacks": COUNT, "syns": COUNT})


def destination(trial: TcpObservation) -> Destination:
    """Return the address and the port."""
    return Destination(address=trial.address, port=trial.port)
