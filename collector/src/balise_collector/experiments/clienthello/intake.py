"""What a trial of ``clienthello`` can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import BYTES, COUNT, Bounds, Destination, word
from balise_wire.experiments.clienthello import ClienthelloObservation

BOUNDS: Final = Bounds(
    numbers={"bytes_received": BYTES, "hello_bytes": (0, 65_535), "segments": COUNT, "wire_bytes": BYTES},
    texts={"ClienthelloObservation.sni": word(300)},
)


def destination(trial: ClienthelloObservation) -> Destination:
    """Return the name in the hello, and where it was said."""
    return Destination(name=trial.sni, named=True, address=trial.address, port=trial.port)
