"""What a question of DNS can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import CERTIFICATE, COUNT, Bounds, Destination, address, long, route, word
from balise_wire.experiments.dns import DnsObservation

BOUNDS: Final = Bounds(
    numbers={
        **CERTIFICATE.numbers,
        "household": COUNT,
        "questions": COUNT,
        "records": (-1, 65_535),
        "rcode": (0, 4095),
        "rr_ttl": (-1, 2**32 - 1),
        "server": (-1, 255),
        "silent_resolvers": COUNT,
    },
    texts={
        **CERTIFICATE.texts,
        "cnames": long(1100),
        "name": word(300),
        "nat64": route,
        "qtype": word(20),
        "tls_address": address,
    },
    items={"addresses": 64, "answers": 64, "cnames": 64, "nat64": 8, "set_aside": 64, "unchecked": 64},
)


def destination(trial: DnsObservation) -> Destination:
    """Return the name that was asked for; the resolver is the line's, not the target's."""
    return Destination(name=trial.name, named=True)
