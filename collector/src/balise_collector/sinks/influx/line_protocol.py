"""InfluxDB's line protocol: one point to one line. Pure.

Escaping as the specification has it (docs.influxdata.com, "Line protocol": special characters) and as influxdb-client's
Point does it, which the tests hold beside this; that Point costs 20 us, this 2. Escaped tag values are remembered,
because there are few. Must not live here: what the names are (points.py).
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from balise_collector.sinks.influx.point import Point

_MEASUREMENT: Final = str.maketrans({",": r"\,", " ": r"\ ", "\n": r"\n", "\t": r"\t", "\r": r"\r"})
_KEY: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n", "\t": r"\t", "\r": r"\r"})
_STRING: Final = str.maketrans({'"': r"\"", "\\": r"\\"})


@lru_cache(maxsize=65_536)
def _tag(name: str, value: str) -> str:
    """Return ``,name=value`` escaped; empty for an empty value.

    A value cannot end in a backslash: it would escape the comma behind it, and the protocol has no way to say it.
    """
    escaped = value.rstrip("\\").translate(_KEY)
    return f",{name.translate(_KEY)}={escaped}" if escaped and name else ""


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    return name.translate(_KEY)


@lru_cache(maxsize=256)
def _name(measurement: str) -> str:
    return measurement.translate(_MEASUREMENT)


def _field(name: str, value: str | float) -> str:
    """Return ``name=value``; empty for a float that is no number, which the protocol cannot say."""
    if isinstance(value, str):
        return f'{_key(name)}="{value.translate(_STRING)}"'
    if isinstance(value, int):
        return f"{_key(name)}={int(value)}i"
    if not math.isfinite(value):
        return ""
    text = repr(value)
    return f"{_key(name)}={text.removesuffix('.0')}"


def line_of(point: Point) -> str:
    """Return the point's line without its line break; empty where no field can be said."""
    fields = ",".join(text for text in (_field(name, value) for name, value in point.fields) if text)
    if not fields:
        return ""
    tags = "".join([_tag(name, value) for name, value in point.tags])
    return f"{_name(point.measurement)}{tags} {fields} {point.time_ns}"


def lines_of(points: Iterable[Point]) -> str:
    """Return the points' lines, each with its line break."""
    return "".join(f"{line}\n" for line in map(line_of, points) if line)
