"""What one measurement of stun shows."""

from __future__ import annotations

import pytest

from balise_collector.experiments.stun.facts import Elsewhere, Outcome, facts, outcome
from balise_collector.judge import Context
from tests.collector.experiments.stun.trials import binding, series
from tests.testbed.cases import Case


@pytest.mark.parametrize(
    ("end", "word"),
    [
        ("ok", Outcome.ANSWERED),
        ("silent", Outcome.SILENT),
        ("unheard", Outcome.UNHEARD),
        ("broken", Outcome.OTHER),
        ("refused", Outcome.REFUSED),
    ],
)
def test_ends_are_told_apart(end: str, word: Outcome) -> None:
    """Nothing at all, nothing to what bears the mark, something else."""
    assert outcome(binding(end=end)) is word


def test_the_whole_series_is_read(case: Case) -> None:
    """Three failures, minutes apart, and every control; ports apart."""
    measured = series(case, "silent", tcp=True, here=("ok", "unheard"), there=("silent",))
    found = facts(measured, Context(probe="pk000001", references=case.references))
    assert found.all == (Outcome.SILENT,) * 3
    assert (found.spread, found.failed, found.shape, found.over_tcp) == (True, True, True, True)
    assert found.here == Elsewhere(asked=2, ok=1, unheard=1)
    assert found.there == Elsewhere(asked=1)


def test_what_was_not_asked_is_no_no(case: Case) -> None:
    """Three values: yes, no, not asked."""
    found = facts(series(case, "silent", shape=None), Context(probe="pk000001", references=case.references))
    assert (found.shape, found.over_tcp) == (None, None)
