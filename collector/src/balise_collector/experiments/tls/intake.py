"""What a greeting can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import BYTES, CERTIFICATE, COUNT, Bounds, Destination, word
from balise_wire.experiments.tls import TlsObservation

BOUNDS: Final = Bounds(
    numbers={
        **CERTIFICATE.numbers,
        "bytes_received": BYTES,
        "hello_bytes": (0, 65_535),
        "segments": COUNT,
        "wire_bytes": BYTES,
    },
    texts={**CERTIFICATE.texts, "sni": word(300)},
    items={"chain": 32},
)


def destination(trial: TlsObservation) -> Destination:
    """Return the name in the hello, and where it was said."""
    return Destination(name=trial.sni, named=True, address=trial.address, port=trial.port)
