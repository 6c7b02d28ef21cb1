"""What one series of trains shows."""

from __future__ import annotations

import pytest

from balise_collector.experiments.call.facts import Outcome, facts, outcome, vanished_up
from balise_collector.judge import Context
from tests.collector.experiments.call.trials import ports, series, train
from tests.testbed.cases import Case


@pytest.mark.parametrize(
    ("end", "word"),
    [
        ("ok", Outcome.PASSED),
        ("up", Outcome.CUT),
        ("down", Outcome.CUT),
        ("lossy", Outcome.LOSSY),
        ("no token", Outcome.NO_TOKEN),
        ("refused", Outcome.REFUSED),
        ("none", Outcome.NOT_SENT),
    ],
)
def test_ends_are_told_apart(end: str, word: Outcome) -> None:
    """By the last second of a train: the first packets may pass, and ordinary loss takes no nine of ten."""
    assert outcome(train(end=end)) is word


@pytest.mark.parametrize(
    ("returned", "word"),
    [
        ((25, 25, 25, 25, 3, 2), Outcome.CUT),
        ((25, 25, 25, 25, 3, 3), Outcome.LOSSY),
        ((0, 0, 0, 0, 25, 25), Outcome.PASSED),
        ((25, 25, 25, 25, 18, 17), Outcome.PASSED),
        ((25, 25, 25, 25, 17, 17), Outcome.LOSSY),
    ],
)
def test_the_bounds_are_those_of_the_document(returned: tuple[int, ...], word: Outcome) -> None:
    """A tenth of the last fifty, and seven tenths."""
    assert outcome(train(returned=returned)) is word


def test_a_train_that_did_not_leave_is_none() -> None:
    """This machine's own queue may have been full."""
    assert outcome(train(end="up", sent=80)) is Outcome.LOSSY


def test_where_it_vanished_is_known_from_the_report() -> None:
    """Three values: up, not up, not told."""
    assert [vanished_up(train(end=end)) for end in ("up", "down", "mute")] == [True, False, None]


def test_the_whole_series_is_read(case: Case) -> None:
    """Each direction by itself, and the helper's count."""
    found = facts(series(case, "up", up="up"), Context(probe="pk000001", references=case.references))
    assert found.all == (Outcome.CUT,) * 3
    assert (found.control, found.up, found.down) == (Outcome.PASSED, Outcome.CUT, Outcome.PASSED)
    assert (found.spread, found.lost_up, found.ports) == (True, True, None)
    looked = facts(case.measured(ports(443)), Context(probe="pk000001", references=case.references))
    assert (looked.ports, looked.control) == (1, None)
