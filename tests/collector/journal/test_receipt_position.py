"""What a receipt may say: only what is committed, and every committed prefix in the end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.journal.receipt_position import BEYOND_MOST, RUNS_MOST, StreamPosition


@given(st.lists(st.integers(1, 60), max_size=80))
def test_through_and_beyond_name_exactly_what_was_noted(noted: list[int]) -> None:
    """Without losses, what the receipt names is the set of noted sequences, and ``through`` its contiguous part."""
    position = StreamPosition()
    for sequence in noted:
        position.note(sequence)
    named = set(range(1, position.through + 1)) | position.beyond
    assert named == set(noted)
    assert position.through + 1 not in position.beyond


@given(st.lists(st.integers(1, 40) | st.tuples(st.integers(0, 60)), max_size=60))
def test_a_claim_never_covers_what_was_not_received(steps: list[int | tuple[int]]) -> None:
    """Not even a sealed ``oldest`` moves the receipt beyond the highest committed sequence."""
    position = StreamPosition()
    noted: set[int] = set()
    for step in steps:
        if isinstance(step, tuple):
            position.holds_from(step[0])
        else:
            position.note(step)
            noted.add(step)
        assert position.through <= max(noted, default=0)
        assert position.beyond <= noted


def test_a_gap_that_the_probe_no_longer_holds_is_closed() -> None:
    """Rows that a full spool dropped never come: the receipt moves past them once something later is committed."""
    position = StreamPosition()
    position.holds_from(500)
    assert position.through == 0
    position.note(500)
    assert (position.through, position.beyond) == (500, set())


def test_what_is_beyond_stays_within_a_receipt() -> None:
    """A receipt names the sequences heard last; the ones before them are remembered, and covered in the end."""
    position = StreamPosition()
    most = BEYOND_MOST + 500
    for sequence in range(2, most):
        position.note(sequence)
    assert position.beyond == set(range(most - BEYOND_MOST, most))
    position.note(1)
    assert position.through == most - 1


@given(st.lists(st.integers(1, 50), max_size=120), st.integers(0, 50))
def test_a_position_goes_on_from_what_was_stored(noted: list[int], cut: int) -> None:
    """Written down and read again at any moment, it ends where one that was never written down ends."""
    straight, stored = StreamPosition(), StreamPosition()
    for number, sequence in enumerate(noted):
        if number == cut:
            stored = StreamPosition(stored.through, stored.heard(), stored.oldest, stored.runs)
        straight.note(sequence)
        stored.note(sequence)
    assert (stored.through, stored.runs, stored.beyond) == (straight.through, straight.runs, straight.beyond)


def test_a_position_of_an_earlier_version_is_taken_up() -> None:
    """Up to 1,000 sequences without their runs, in order."""
    position = StreamPosition(3, range(5, 1005))
    position.note(4)
    assert (position.through, position.runs) == (1004, [])


@pytest.mark.parametrize("lost", [1, 200, 5000])
def test_a_probe_that_lost_rows_and_cannot_say_so_is_served_all_the_same(lost: int) -> None:
    """Commit a430c09 says what it gave up in its plain state, where a broker can forge it, so it moves nothing.

    Everything that it still holds is delivered and forgotten all the same, with 32 batches on air as it has them, one
    lost connection in seven (what was on air is sent again), and a receipt that never names more than the wire allows.
    """
    chance = random.Random(lost)
    held = list(range(lost + 1, lost + 4001))
    position, sent = StreamPosition(), 0
    while held:
        for sequence in (on_air := held[:32]):
            position.note(sequence)
        sent += len(on_air)
        assert len(position.beyond) <= BEYOND_MOST
        assert position.through == 0
        if chance.random() > 1 / 7:
            named = position.beyond
            held = [sequence for sequence in held if sequence > position.through and sequence not in named]
        assert sent < 8000
    assert position.through == 0
    assert len(position.runs) == 1


def test_a_batch_that_was_held_back_for_long_closes_its_gap() -> None:
    """A broker that withholds one batch for 5,000 others costs one gap, and nothing stays open when it arrives."""
    position = StreamPosition()
    for sequence in [*range(1, 10), *range(11, 5000)]:
        position.note(sequence)
    assert position.through == 9
    position.note(10)
    assert (position.through, position.runs, position.beyond) == (4999, [], set())


@pytest.mark.slow
def test_a_hostile_stream_takes_bounded_memory() -> None:
    """Every second sequence, for ever: runs and names stay bounded, and what was heard last is named."""
    position = StreamPosition()
    for sequence in range(3, 100_000, 2):
        position.note(sequence)
    assert (len(position.runs), len(position.beyond)) == (RUNS_MOST, BEYOND_MOST)
    assert 99_999 in position.beyond
