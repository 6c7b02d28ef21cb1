"""What a trial of ``call`` can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import MS, Bounds, Destination, shaped
from balise_wire.experiments.call import PACKETS, PORTS, TRAITS, WINDOWS, CallObservation

BOUNDS: Final = Bounds(
    numbers={
        "sent": (0, PACKETS),
        "rtt_ms": MS,
        "jitter_ms": MS,
    },
    texts={"CallObservation.icmp": shaped(r"(\d{1,3}/\d{1,3})?", "no type and code")},
    items={"arrived": WINDOWS, "returned": WINDOWS, "ports": len(PORTS)},
)


def destination(_trial: CallObservation) -> Destination:
    """Return nothing of the target's: it went to the operator's own server, whose address is told to nobody."""
    return Destination(name=None, address="", port=None, transport=TRAITS.transport)
