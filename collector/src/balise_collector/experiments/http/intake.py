"""What a GET can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import BYTES, CERTIFICATE, DIGEST, MS, Bounds, Destination, long, word
from balise_wire.experiments.http import HttpObservation

BOUNDS: Final = Bounds(
    numbers={
        **CERTIFICATE.numbers,
        "asked_bytes": BYTES,
        "body_bytes": BYTES,
        "goodput_kbps": (0, 1e12),
        "idle_ms": MS,
        "retry_after": BYTES,
        "status": (0, 999),
        "whole_bytes": BYTES,
        "wire_bytes": BYTES,
    },
    texts={
        **CERTIFICATE.texts,
        "body_redacted_sha256": DIGEST,
        "body_sha256": DIGEST,
        "headers": long(1100),
        "path": word(2100),
        "redirect_site": word(300),
        "title": long(1100),
    },
    items={"headers": 64},
)


def destination(trial: HttpObservation) -> Destination:
    """Return the Host, and where it was asked for."""
    return Destination(name=trial.host, named=True, address=trial.address, port=trial.port)
