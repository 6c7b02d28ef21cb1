"""What sinks are told of throughput."""

from __future__ import annotations

from balise_collector.experiments.throughput.points import POINTS
from tests.collector.experiments.throughput.trials import transfer


def test_the_rate_has_the_name_that_all_experiments_use() -> None:
    """Kilobits a second."""
    assert POINTS.fields(transfer(130.0)) == {"connect_ms": 40.0, "goodput_kbps": 130.0, "http_status": 206}
