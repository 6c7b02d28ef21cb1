"""What a receipt may say: only what is committed, and every committed prefix in the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from balise_collector.streams import BEYOND_MOST, StreamPosition


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
def test_an_unsigned_claim_never_covers_what_was_not_received(steps: list[int | tuple[int]]) -> None:
    """A forged ``oldest`` never moves the receipt beyond the highest committed sequence."""
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
    """At most 1,000 sequences above a gap are named; the rest is sent again and dropped by id."""
    position = StreamPosition()
    for sequence in range(2, BEYOND_MOST + 500):
        position.note(sequence)
    assert len(position.beyond) == BEYOND_MOST
    position.note(1)
    assert position.through == BEYOND_MOST + 1
