"""The guard in front of a time series database: what may become a tag value. Thinks only; it counts what it has seen.

Every distinct combination of tags is a series that such a database keeps in memory for ever: a probe that went mad, or
a tag that somebody adds without thinking, must not fill it. A value that is refused becomes ``other``; the journal has
the true one. Must not live here: which tags there are (points.py).
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from balise_collector.sinks.influx.point import Point

OTHER: Final = "other"
VALUES_MOST: Final = 5_000
"""Distinct values of one tag."""
SERIES_MOST: Final = 200_000
"""Distinct series in all: what an InfluxDB on a small machine carries."""
OPAQUE: Final = frozenset({"probe"})
"""Tags whose values are ids of ours: as many as the operator approved."""
_HASH: Final = re.compile(r"[0-9a-fA-F]{16,}")
_NAME: Final = re.compile(r"[\w-]+(\.[\w-]+)+")


class Guard:
    """Remembers the tag values and series of one sink, and refuses what would be too many."""

    def __init__(
        self,
        known: Mapping[str, frozenset[str]],
        *,
        values_most: int = VALUES_MOST,
        series_most: int = SERIES_MOST,
    ) -> None:
        """Prepare; ``known`` lists, for some tags, the only values there are (the catalogue's services)."""
        self._known = known
        self._values_most = values_most
        self._series_most = series_most
        self._verdicts: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._series: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        self._told: set[str] = set()
        self._untold: list[str] = []

    def admit(self, point: Point) -> Point:
        """Return the point with every refused tag value replaced."""
        tags = tuple((name, self._value(name, value)) for name, value in point.tags)
        series = (point.measurement, tags)
        if series not in self._series:
            if len(self._series) >= self._series_most:
                self._tell(f"more than {self._series_most} series: new ones are written as tag value {OTHER!r}")
                tags = tuple((name, OTHER) for name, _ in tags)
            else:
                self._series.add(series)
        return point if tags == point.tags else Point(point.measurement, tags, point.fields, point.time_ns)

    def complaints(self) -> list[str]:
        """Return what was refused since the last call, each reason once."""
        untold, self._untold = self._untold, []
        return untold

    def _value(self, name: str, value: str) -> str:
        held = self._verdicts.get((name, value))
        if held is not None:
            return held
        reason = self._refusal(name, value)
        if reason:
            self._tell(f"tag {name}: {reason}: written as {OTHER!r}")
            return OTHER
        self._counts[name] = self._counts.get(name, 0) + 1
        self._verdicts[name, value] = value
        return value

    def _refusal(self, name: str, value: str) -> str:
        """Say why a value may not be a tag; empty when it may."""
        known = self._known.get(name)
        if known is not None and value not in known:
            return "a value that the catalogue does not have"
        if name not in OPAQUE and _HASH.fullmatch(value):
            return "a value that looks like a hash or an id"
        if known is None and (_NAME.fullmatch(value) or _is_address(value)):
            return "a value that looks like a host name or an address"
        if self._counts.get(name, 0) >= self._values_most:
            return f"more than {self._values_most} distinct values"
        return ""

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._untold.append(text)


def _is_address(value: str) -> bool:
    if ":" not in value and "." not in value:
        return False  # a bare number is no address here: AS numbers are
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
