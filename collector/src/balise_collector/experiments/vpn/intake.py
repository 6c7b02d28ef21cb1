"""What a trial of ``vpn`` can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import MS, Bounds, Destination, shaped
from balise_wire.experiments.vpn import MOST_ROUNDS, VpnObservation, transport_of

_MOST_REPEATED: Final = 100

BOUNDS: Final = Bounds(
    numbers={
        "rounds": (0, MOST_ROUNDS),
        "answered": (0, MOST_ROUNDS),
        "repeated": (0, _MOST_REPEATED),
        "rtt_ms": MS,
    },
    texts={"VpnObservation.icmp": shaped(r"(\d{1,3}/\d{1,3})?", "no type and code")},
)


def destination(trial: VpnObservation) -> Destination:
    """Return nothing of the target's: it went to the operator's own server, whose address is told to nobody."""
    return Destination(name=None, address="", port=None, transport=transport_of(trial.protocol))
