"""Where SYNs went, as their task is held against them."""

from __future__ import annotations

from balise_collector.experiments.tcp.intake import destination
from tests.testbed.cases import ADDRESS, Case


def test_syns_show_no_name(case: Case) -> None:
    """Address and port can contradict the target."""
    went = destination(case.syns(2))
    assert (went.named, went.address, went.port) == (False, ADDRESS, 443)
    assert str(went) == f"{ADDRESS!r} port 443"
