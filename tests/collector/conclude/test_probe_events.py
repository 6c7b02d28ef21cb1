"""What probes tell is read: trouble is found among a thousand other words, and no word moves a cursor."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from balise_collector.conclude.probe_events import LOOP, TROUBLES, WATCHED, summed, troubles, untold
from balise_collector.journal import EventRow
from balise_collector.system.harmless import printable
from balise_collector.words.tables import EVENTS
from balise_wire.status import Event, EventKind

NOW = 1_589_733_000.0


class Book:
    """Events of one probe, as the journal gives them."""

    def __init__(self, *told: tuple[EventKind, float]) -> None:
        self.rows = [
            EventRow(no=no, received_at=NOW - ago, probe="k7m2q9xd", event=Event(kind=kind, at=NOW, detail=f"n{no}"))
            for no, (kind, ago) in enumerate(sorted(told, key=lambda one: -one[1]), 1)
        ]

    def read(self, _probe: str, most: int, kind: EventKind | None) -> Sequence[EventRow]:
        """Return the newest of a kind."""
        return [row for row in reversed(self.rows) if kind in {None, row.event.kind}][:most]


def test_every_kind_that_a_probe_can_tell_has_words() -> None:
    """A kind without a reader is what was wrong; UNKNOWN is a newer probe's."""
    assert set(EVENTS) == set(EventKind)


def test_a_trouble_is_found_behind_a_thousand_other_words() -> None:
    """Told once in the morning, and nothing but restarts since."""
    book = Book((EventKind.SPOOL_FULL, 50_000), *((EventKind.STARTED, n) for n in range(1000)))
    (found,) = troubles(book.read, "k7m2q9xd", NOW)
    assert (found.kind, found.times, found.at) == (EventKind.SPOOL_FULL, 1, NOW - 50_000)


def test_yesterday_is_no_trouble_and_ordinary_words_never_are() -> None:
    """What was a day ago is in the list below, and not on top."""
    kinds = set(EventKind) - TROUBLES - {EventKind.REBOOT}
    assert troubles(Book((EventKind.SPOOL_FULL, 90_000)).read, "k7m2q9xd", NOW) == ()
    assert troubles(Book(*((kind, 5) for kind in kinds for _ in range(9))).read, "k7m2q9xd", NOW) == ()
    assert set(WATCHED) == TROUBLES | {EventKind.REBOOT}
    assert troubles(untold, "k7m2q9xd", NOW) == ()


def test_a_board_that_starts_again_and_again_is_a_trouble() -> None:
    """One power cut is life; three within three hours are not."""
    once = Book(*((EventKind.REBOOT, 600.0 * n) for n in range(LOOP - 1)), (EventKind.REBOOT, 80_000))
    loop = Book(*((EventKind.REBOOT, 600.0 * n) for n in range(LOOP)))
    assert troubles(once.read, "k7m2q9xd", NOW) == ()
    (found,) = troubles(loop.read, "k7m2q9xd", NOW)
    assert (found.kind, found.times, found.detail) == (EventKind.REBOOT, LOOP, f"n{LOOP}")


def test_the_newest_of_each_kind_speaks_for_it() -> None:
    """With how often it was told, and the words of the last time."""
    book = Book((EventKind.HALTED, 30), (EventKind.LINK_UNUSABLE, 20), (EventKind.LINK_UNUSABLE, 10))
    link, halted = summed(book.rows, NOW - 100)
    assert (link.kind, link.times, link.at, link.detail) == (EventKind.LINK_UNUSABLE, 2, NOW - 10, "n3")
    assert (halted.kind, halted.times) == (EventKind.HALTED, 1)


@given(st.text(max_size=60))
def test_whatever_a_probe_says_can_be_shown(text: str) -> None:
    """No escape, no line break, no mark that turns a line around: one row of a table, one line of a terminal."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)
    assert all(after in {before, "\N{REPLACEMENT CHARACTER}"} for before, after in zip(text, shown, strict=True))
