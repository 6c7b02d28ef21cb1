"""What a greeting can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import BYTES, DIGEST, Bounds, Destination, long, word
from balise_wire.experiments.tls import TlsObservation

BOUNDS: Final = Bounds(
    numbers={"bytes_received": BYTES, "not_after": (-1e12, 1e12), "not_before": (-1e12, 1e12)},
    texts={"issuer": long(1100), "sha256": DIGEST, "sni": word(300), "spki_sha256": DIGEST, "subject": long(1100)},
    items={"chain": 32},
)


def destination(trial: TlsObservation) -> Destination:
    """Return the name in the hello, and where it was said."""
    return Destination(name=trial.sni, named=True, address=trial.address, port=trial.port)
