"""Where a request went, as its task is held against it."""

from __future__ import annotations

from balise_collector.experiments.http.intake import destination
from tests.testbed.cases import ADDRESS, HOST, Case


def test_a_request_shows_its_host(case: Case) -> None:
    """Host, address and port can contradict the target."""
    assert str(destination(case.page())) == f"{HOST!r} ({ADDRESS!r} port 80)"
