"""Slots: anywhere in their interval, for ever the same, and rarer for what costs more."""

from __future__ import annotations

import itertools

import pytest

from balise_agent.measure.slots import Slots, Turn
from balise_wire.words import Experiment

KEY = ("s/web/a.example/4", 4, Experiment.TLS, "")


def test_the_same_secret_explains_every_time() -> None:
    """What was done when can be told afterwards from the secret alone; another device is elsewhere."""
    mine, again, other = Slots(b"a", 300), Slots(b"a", 300), Slots(b"b", 300)
    assert [mine.planned_at(KEY, n) for n in range(9)] == [again.planned_at(KEY, n) for n in range(9)]
    assert mine.planned_at(KEY, 1) != other.planned_at(KEY, 1)
    assert all(300 * n <= mine.planned_at(KEY, n) < 300 * (n + 1) for n in range(100))


def test_the_next_slot_is_still_to_come_and_has_a_turn() -> None:
    """Nothing is planned in the past, and every n-th slot is one for n targets at different times."""
    slots = Slots(b"a", 300)
    slot, planned = slots.following(KEY, Turn("g"), after=-1, now=10_000.0, every=4)
    assert planned > 10_000.0
    assert slots.has_turn(Turn("g"), slot, 4)
    turns = [n for n in range(100) if slots.has_turn(Turn("g"), n, 4)]
    assert len(turns) == 25
    assert all(slots.has_turn(Turn("g"), n, 1) for n in range(9))


@pytest.mark.parametrize("of", [2, 3, 4, 6])
def test_a_group_is_asked_at_even_times(of: int) -> None:
    """Those of a service take turns: each is asked rarely, and one of them in all slots that the whole group has."""
    slots = Slots(b"a", 300)
    turns = [n for n in range(48) for place in range(of) if slots.has_turn(Turn("g", place, of), n, 12)]
    gaps = [b - a for a, b in itertools.pairwise(turns)]
    assert len(turns) == of * 4
    assert max(gaps) <= 12 // of + 1
