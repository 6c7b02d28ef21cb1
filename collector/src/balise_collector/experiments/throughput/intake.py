"""What a trial of ``throughput`` can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import BYTES, COUNT, MS, Bounds, Destination, word
from balise_wire.experiments.throughput import ThroughputObservation

_KBPS: Final = (0.0, 1e8)

BOUNDS: Final = Bounds(
    numbers={
        "asked_bytes": BYTES,
        "moved_bytes": BYTES,
        "transfer_ms": MS,
        "ThroughputObservation.goodput_kbps": _KBPS,
        "train_kbps": _KBPS,
        "line_kbps": _KBPS,
        "bin_ms": (1.0, 1e6),
        "bins": BYTES,
        "segments": COUNT,
        "lost": COUNT,
        "ThroughputObservation.rtt_ms": MS,
        "ThroughputObservation.status": (100, 999),
    },
    texts={"ThroughputObservation.name": word(300), "ThroughputObservation.host": word(300)},
    items={"bins": 128},
)


def destination(trial: ThroughputObservation) -> Destination:
    """Return the name in the hello, and where it was said."""
    return Destination(name=trial.name, named=True, address=trial.address, port=trial.port)
