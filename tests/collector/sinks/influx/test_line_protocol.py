"""Line protocol, held beside influxdb-client's own Point, and at a tenth of its price."""

from __future__ import annotations

import warnings
from typing import Any

import influxdb_client.client.write.point as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.sinks.influx.line_protocol import line_of, lines_of
from balise_collector.sinks.influx.point import Point

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda text: not text.endswith("\\")
)
VALUES = st.one_of(
    st.text(max_size=20).filter(lambda text: "\x00" not in text),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=True, allow_infinity=True),
)


def theirs(point: Point) -> str:
    """What influxdb-client writes."""
    made: Any = reference.Point(point.measurement)  # type: ignore[no-untyped-call]
    made = made.time(point.time_ns)
    for name, tag in point.tags:
        made = made.tag(name, tag)
    for name, value in point.fields:
        made = made.field(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a measurement that starts with # is none of ours
        return str(made.to_line_protocol())


@pytest.mark.slow
@given(
    measurement=NAMES,
    tags=st.dictionaries(NAMES, NAMES, max_size=4),
    fields=st.dictionaries(NAMES, VALUES, min_size=1, max_size=4),
    time=st.integers(0, 2**62),
)
def test_every_point_reads_as_influxdb_clients_does(
    measurement: str, tags: dict[str, str], fields: dict[str, Any], time: int
) -> None:
    """Measurement, tags, fields, escapes and time are character for character those of the reference client."""
    point = Point(measurement, tuple(sorted(tags.items())), tuple(sorted(fields.items())), time)
    assert line_of(point) == theirs(point)


def test_a_value_cannot_swallow_what_follows_it() -> None:
    """A tag value that ends in a backslash would escape the comma behind it: the backslash goes."""
    assert line_of(Point("m", (("a", "x\\"), ("b", "y")), (("f", 1),), 5)) == "m,a=x,b=y f=1i 5"


def test_a_point_without_a_sayable_field_is_no_line() -> None:
    """Infinity has no spelling: a point of nothing else is left out."""
    assert lines_of([Point("m", (), (("f", float("inf")),), 5), Point("m", (), (("f", 2.5),), 6)]) == "m f=2.5 6\n"
