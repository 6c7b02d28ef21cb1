"""The point: what time series are made of. A frozen type and nothing else."""

import msgspec


class Point(msgspec.Struct, frozen=True):
    """One point of a time series."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    """Sorted by name; few distinct values each."""
    fields: tuple[tuple[str, str | int | float], ...]
    """Sorted by name; truth is 0 or 1 (InfluxQL's sum() fails on a boolean)."""
    time_ns: int
    """UNIX nanoseconds."""
