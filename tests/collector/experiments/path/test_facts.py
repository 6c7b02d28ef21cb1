"""A path shows no more than every measurement does."""

from __future__ import annotations

from balise_collector.experiments.path.facts import facts
from balise_collector.judge import Context
from tests.testbed.cases import Case


def test_a_path_neither_fails_nor_passes(case: Case) -> None:
    """Its subject is the way, and no name or address."""
    found = facts(case.measured(case.hello(end="rst")), Context(probe="pk000001"))
    assert (found.failed, found.passed) == (False, False)
