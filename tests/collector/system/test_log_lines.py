"""Lines of one kind are few, and nothing that a stranger sent makes two of one."""

from __future__ import annotations

import logging

from balise_collector.system.clock import Clock
from balise_collector.system.log_lines import ClockFormatter, Sparing


def record(text: str, *arguments: object, at: float = 0.0) -> logging.LogRecord:
    """Return a line at a moment."""
    made = logging.LogRecord("balise", logging.WARNING, "x.py", 1, text, arguments, None)
    made.created = at
    return made


def test_a_hundred_of_a_kind_and_then_one_a_second() -> None:
    """Another subject is another kind; the first after a gap says how many were left out."""
    sparing = Sparing()
    assert [sparing.filter(record("%s: refused", "evil")) for _ in range(150)] == [True] * 100 + [False] * 50
    assert sparing.filter(record("%s: refused", "good"))
    late = record("%s: refused", "evil", at=2.0)
    assert sparing.filter(late)
    assert late.getMessage() == "evil: refused (50 lines like this were left out)"


def test_a_line_is_a_line() -> None:
    """No new line, no cursor moved, and an end to it."""
    clock = Clock(start=1_589_733_000.0, scale=1.0, monotonic=lambda: 0.0)
    told = ClockFormatter(clock).format(record("%s", "a\nb\x1b[2J" + "x" * 9000))
    assert told.startswith("2020-05-17T16:30:00Z WARNING balise a")
    assert len(told.splitlines()) == 1
    assert "\x1b" not in told
    assert len(told) < 2100
