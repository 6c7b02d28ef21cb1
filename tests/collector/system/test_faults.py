"""What could not be dealt with is set aside and told; a file that cannot be read now is nobody's row."""

from __future__ import annotations

import pytest

from balise_collector.system.errors import JournalError
from balise_collector.system.faults import HELD_MOST, Fault, Faults, words_of


def test_what_is_raised_becomes_a_fault_and_the_caller_goes_on() -> None:
    """With its place and row; it is handed over once."""
    faults = Faults()
    with faults.set_aside("judge", 7):
        raise KeyError("stun")
    assert faults.drain() == [Fault(place="judge", seq=7, error="KeyError: 'stun'")]
    assert faults.drain() == []


@pytest.mark.parametrize("error", [JournalError("disk"), KeyboardInterrupt(), SystemExit(1)])
def test_a_file_at_fault_and_the_end_pass_through(error: BaseException) -> None:
    """Their owner tries again, or the program ends: to set them aside would lose rows that are sound."""
    faults = Faults()
    with pytest.raises(type(error)), faults.set_aside("store"):
        raise error
    assert faults.drain() == []


def test_what_waits_is_bounded() -> None:
    """Beyond that they are counted only."""
    faults = Faults()
    for number in range(HELD_MOST + 3):
        faults.note("points", "no", number)
    assert (len(faults.drain()), faults.unheld) == (HELD_MOST, 3)


def test_an_exception_in_words_is_one_short_line() -> None:
    """It may quote what a stranger sent."""
    told = words_of(ValueError("a\nb\x1b[2J" + "x" * 5000))
    assert told.isprintable()
    assert len(told) <= 300
