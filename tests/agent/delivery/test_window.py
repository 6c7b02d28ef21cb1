"""The window: bounded, oldest first, sent again in patience, and emptied by receipts of its stream alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from balise_agent.delivery.window import RECEIPT_SECONDS, WINDOW, Window
from balise_wire.status import Receipt
from tests.agent.conftest import fill

if TYPE_CHECKING:
    from balise_agent.delivery.spool.spool import Spool


def send(window: Window, now: float) -> list[int]:
    """Send what may go, and return its sequences."""
    rows = window.next_rows()
    for row in rows:
        window.sent(row, now)
    return [row.sequence for row in rows]


@pytest.fixture
def window(spool: Spool) -> Window:
    """Return the window of a spool with more than fits it."""
    fill(spool, WINDOW + 3)
    return Window(spool)


def test_no_more_than_the_window_is_on_air(window: Window) -> None:
    """What is receipted makes room, and nothing else does."""
    assert send(window, 1.0) == list(range(1, WINDOW + 1))
    assert send(window, 2.0) == []
    receipt = Receipt(stream=window.stream, through=2, beyond=(5,))
    assert window.receipted(receipt)
    assert send(window, 3.0) == [WINDOW + 1, WINDOW + 2, WINDOW + 3]
    assert not window.empty


def test_an_overdue_receipt_begins_again_with_twice_the_patience(window: Window) -> None:
    """Until a receipt comes, which brings the first patience back."""
    send(window, 0.0)
    assert window.overdue(RECEIPT_SECONDS - 0.1) == 0
    assert window.overdue(RECEIPT_SECONDS) == WINDOW
    assert send(window, RECEIPT_SECONDS)[0] == 1
    assert window.overdue(2 * RECEIPT_SECONDS) == 0
    assert window.receipt_seconds == 2 * RECEIPT_SECONDS
    window.receipted(Receipt(stream=window.stream, through=1))
    assert window.receipt_seconds == RECEIPT_SECONDS


def test_a_receipt_of_another_stream_covers_nothing(window: Window) -> None:
    """Its numbers are another spool's."""
    send(window, 1.0)
    foreign = Receipt(stream="another", through=99)
    assert not window.receipted(foreign)
    assert window.sent_before(foreign) is None
    assert window.sent_before(Receipt(stream=window.stream, through=1)) == 1.0


def test_a_new_stream_is_sent_from_its_first_row(spool: Spool, window: Window) -> None:
    """What was on air of the old one is on air no more."""
    send(window, 1.0)
    assert not window.follow_stream()
    spool.begin_anew("the card was put back")
    assert window.follow_stream()
    assert window.empty
    assert window.stream == spool.stream
