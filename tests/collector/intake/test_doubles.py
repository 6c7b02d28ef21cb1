"""Two boards under one id are noticed; one board with an ordinary life is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from balise_collector.intake.doubles import Doubles
from balise_wire.envelope import Envelope
from tests.collector.field_probe import FieldProbe


@pytest.fixture
def spoken(probe: FieldProbe, epoch: float) -> Callable[..., list[str]]:
    """Return what is noticed of messages, one a minute, each (stream, session) or (stream, session, sequence, id)."""

    def play(*messages: tuple[Any, ...], every: float = 60.0) -> list[str]:
        doubles = Doubles()
        found = []
        for number, (stream, session, *rest) in enumerate(messages):
            sequence, id = rest or (0, f"{number:032x}")
            envelope: Envelope = probe.envelope(b"[]", stream=stream, session=session, sequence=sequence, id=id)
            found.append(doubles.hear(envelope, epoch + every * number))
        return [text for text in found if text]

    return play


def test_streams_that_take_turns_are_two_boards(spoken: Callable[..., list[str]]) -> None:
    """A cloned card, or a replaced board that is still plugged in: each returns after the other."""
    (told,) = spoken(("one", 1), ("two", 5), ("one", 2), ("two", 6))
    assert "take turns" in told
    assert spoken(("one", 9), ("two", 5), ("one", 10), ("two", 6), ("one", 11))


def test_a_board_that_was_reinstalled_does_not_return(spoken: Callable[..., list[str]]) -> None:
    """One change, or many that never go back, are the life of one board."""
    assert not spoken(("one", 1), ("two", 2), ("two", 3))
    assert not spoken(*((f"s{number}", number) for number in range(1, 40)))


def test_a_disk_that_refuses_stands_streams_in_memory_beside_the_old_one(spoken: Callable[..., list[str]]) -> None:
    """Each of these is new, and only the spool returns."""
    assert not spoken(("disk", 1), ("ram1", 2), ("disk", 3), ("ram2", 4), ("disk", 5), ("ram3", 6), ("disk", 7))


def test_what_a_broker_repeats_is_no_second_board(spoken: Callable[..., list[str]]) -> None:
    """An old message of an old session says nothing of now."""
    assert not spoken(("one", 1), ("two", 5), ("one", 1), ("two", 5), ("one", 1), ("two", 5))


def test_changes_of_long_ago_are_not_of_now(spoken: Callable[..., list[str]]) -> None:
    """Within a day; a card that is put in once a week is a test bench."""
    assert not spoken(("one", 1), ("two", 5), ("one", 2), ("two", 6), every=50_000.0)


def test_a_place_that_is_filled_twice_is_a_copy(spoken: Callable[..., list[str]]) -> None:
    """Copies of one spool count alike; the same batch again is a repeat."""
    assert spoken(("one", 1, 7, "a" * 32), ("one", 2, 7, "b" * 32))
    assert not spoken(("one", 1, 7, "a" * 32), ("one", 2, 7, "a" * 32), ("one", 2, 8, "b" * 32))


def test_the_memory_of_doubles_is_bounded(probe: FieldProbe, epoch: float) -> None:
    """Streams and places of one id that are invented push each other out."""
    doubles = Doubles()
    for number in range(3000):
        doubles.hear(probe.envelope(b"[]", stream=f"s{number}", session=number), epoch)
    (voice,) = doubles._voices.values()
    assert (len(voice.sessions), len(voice.places), len(voice.turns)) == (16, 64, 32)
