"""How long a failing sink is left alone."""

from __future__ import annotations

from balise_collector.sinks.backoff import MOST_SECONDS, pause_after


def test_it_doubles_to_a_minute_with_jitter() -> None:
    """From half a second to a minute; chance spreads each over half of its length."""
    assert [pause_after(n, 0.0, 1.0) for n in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 8.0]
    assert pause_after(1, 0.0, 0.0) == 0.5
    assert pause_after(10_000, 0.0, 1.0) == MOST_SECONDS


def test_what_the_other_side_asked_for_is_the_least() -> None:
    """Retry-After is heeded, up to a quarter of an hour: a mistyped one must not stop a sink for days."""
    assert pause_after(1, 30.0, 0.5) == 30.0
    assert pause_after(1, 1e9, 0.5) == 900.0
