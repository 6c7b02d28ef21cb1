"""Where a hello went, as its task is held against it."""

from __future__ import annotations

from balise_collector.experiments.tls.intake import destination
from tests.testbed.cases import ADDRESS, HOST, Case


def test_a_hello_shows_its_name(case: Case) -> None:
    """Name, address and port can contradict the target; a hello without a name is of no target."""
    assert str(destination(case.hello())) == f"{HOST!r} ({ADDRESS!r} port 443)"
    assert destination(case.hello(sni=None)).name is None
