"""What one measurement of quic shows."""

from __future__ import annotations

import pytest

from balise_collector.experiments.quic.facts import Outcome, facts, outcome
from balise_collector.judge import Context
from balise_wire.failures import Failure
from tests.collector.experiments.quic.trials import greeting, series
from tests.testbed.cases import Case


@pytest.mark.parametrize(
    ("end", "word"),
    [
        ("ok", Outcome.ANSWERED),
        ("silent", Outcome.SILENT),
        ("unheard", Outcome.UNHEARD),
        ("late", Outcome.LATE),
        ("refused", Outcome.REFUSED),
    ],
)
def test_ends_are_told_apart(end: str, word: Outcome) -> None:
    """Nothing at all, nothing to the greeting, nothing any more."""
    assert outcome(greeting(end=end)) is word


def test_what_is_no_quic_is_neither() -> None:
    """Somebody answers in the server's place."""
    assert outcome(greeting(end="silent", failure=Failure.QUIC_MALFORMED)) is Outcome.OTHER


def test_the_whole_series_is_read(case: Case) -> None:
    """Three failures, minutes apart, and every control."""
    context = Context(probe="pk000001", references=case.references)
    found = facts(series(case, "silent", others=(True, False)), context)
    assert found.all == (Outcome.SILENT,) * 3
    assert (found.spread, found.failed, found.control, found.after) == (True, True, Outcome.ANSWERED, Outcome.ANSWERED)
    assert (found.noise_lives, found.over_tcp, found.elsewhere, found.elsewhere_ok) == (True, True, 2, 1)


def test_what_was_not_asked_is_not_known(case: Case) -> None:
    """A third value, which no rule takes for a failure."""
    context = Context(probe="pk000001", references=case.references)
    found = facts(case.measured(greeting(end="silent")), context)
    assert (found.noise_lives, found.over_tcp, found.after, found.control) == (None, None, None, None)
    assert not found.all_dead
