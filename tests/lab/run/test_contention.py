"""The work beside a run is done again and again, is dated by the run's clock, and leaves nothing behind."""

import threading
from pathlib import Path

import pytest

from balise_lab.run.contention import watched
from tests.testbed.waiting import eventually


def test_work_is_done_until_the_run_is_over(tmp_path: Path) -> None:
    """Each piece has a moment of the run's clock and took real time; then the thread and its file are gone."""
    moments = iter(range(1_000_000))
    with watched(tmp_path, lambda: float(next(moments))) as work:
        eventually(lambda: len(work) >= 2, "the work")
    assert [one.moment for one in work[:2]] == [0.0, 1.0]
    assert all(one.took > 0.0 for one in work)
    assert not any(thread.name == "contention" for thread in threading.enumerate())
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_ends_it_too(tmp_path: Path) -> None:
    """What the caller raises goes on, and nothing is left."""
    with pytest.raises(RuntimeError, match="the run's"), watched(tmp_path, lambda: 0.0):
        raise RuntimeError("the run's")
    assert list(tmp_path.iterdir()) == []
