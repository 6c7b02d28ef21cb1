"""The figures of delivery under their earlier name, until their askers have moved to profiles.py."""

from balise_wire.profiles import (
    AT_ONCE,
    BATCH,
    CONNECTION,
    CONNECTIONS,
    DAY,
    HEALTH,
    PACES,
    PING,
    RESULT,
    Pace,
)
from balise_wire.profiles import delivery_bytes as bytes_per_day

__all__ = [
    "AT_ONCE", "BATCH", "CONNECTION", "CONNECTIONS", "DAY", "HEALTH", "PACES", "PING", "RESULT", "Pace",
    "bytes_per_day",
]  # fmt: skip
