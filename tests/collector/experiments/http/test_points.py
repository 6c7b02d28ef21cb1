"""What sinks are told of a fetch."""

from __future__ import annotations

from balise_collector.experiments.http.points import POINTS
from tests.testbed.cases import Case


def test_status_and_rate_are_told(case: Case) -> None:
    """A page without a rate (below 4 KB) tells none."""
    assert POINTS.fields(case.page(302)) == {"connect_ms": 40.0, "goodput_kbps": None, "http_status": 302}
