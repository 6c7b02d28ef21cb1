"""Silence: only while we listened, never for a probe that said goodbye, sooner where the broker lost it."""

from __future__ import annotations

import pytest

from balise_collector.conclude.silence import LastHeard, was_watched
from balise_collector.journal import PresenceRow
from balise_wire.words import Lifecycle

T = 1_589_733_000.0


def silent(last_heard: LastHeard, at: float, watched: list[tuple[float, float]] | None = None) -> dict[str, float]:
    """Ask with the usual bounds, watched all the time unless said otherwise."""
    return last_heard.silent(at, 900.0, 300.0, [(T - 7200.0, at)] if watched is None else watched)


def test_a_probe_not_heard_is_silent_after_a_while() -> None:
    """Fifteen minutes without a word, and the time since when."""
    last_heard = LastHeard()
    last_heard.note("a", T)
    assert silent(last_heard, T + 900.0) == {}
    assert silent(last_heard, T + 901.0) == {"a": T}


def test_our_own_outage_is_nobodys_silence() -> None:
    """While we did not listen nobody can be silent; after we have listened long enough they can."""
    last_heard = LastHeard()
    last_heard.note("a", T)
    assert silent(last_heard, T + 5000.0, [(T - 100.0, T), (T + 4500.0, T + 5000.0)]) == {}
    assert silent(last_heard, T + 5500.0, [(T - 100.0, T), (T + 4500.0, T + 5500.0)]) == {"a": T}


def test_a_lost_connection_is_silence_after_one_interval() -> None:
    """The broker's word makes silence quicker; whatever arrives later ends it."""
    last_heard = LastHeard()
    last_heard.note("a", T)
    last_heard.presence(PresenceRow(at=T + 60.0, probe="a", state=Lifecycle.LOST))
    assert silent(last_heard, T + 301.0) == {"a": T}
    last_heard.note("a", T + 302.0)
    assert silent(last_heard, T + 603.0) == {}


@pytest.mark.parametrize("state", [Lifecycle.DISCONNECTED, Lifecycle.SLEEPING, Lifecycle.UNKNOWN])
def test_who_said_goodbye_is_away(state: Lifecycle) -> None:
    """An operator's stop is no shutdown, nor is a word that we cannot read; coming back ends it."""
    last_heard = LastHeard()
    last_heard.note("a", T)
    last_heard.presence(PresenceRow(at=T + 1.0, probe="a", state=state))
    assert silent(last_heard, T + 9000.0) == {}
    last_heard.presence(PresenceRow(at=T + 9000.0, probe="a", state=Lifecycle.READY))
    assert silent(last_heard, T + 9901.0) == {"a": T + 9000.0}


@pytest.mark.parametrize(
    ("watched", "held"),
    [
        ([(0.0, 1000.0)], True),
        ([(0.0, 500.0), (560.0, 1000.0)], True),
        ([(0.0, 500.0), (700.0, 1000.0)], False),
        ([(300.0, 1000.0)], False),
        ([], False),
    ],
)
def test_gaps_of_a_restart_do_not_count(watched: list[tuple[float, float]], held: bool) -> None:
    """Up to a minute and a half between two watches is a restart, more is an absence."""
    assert was_watched(100.0, 1000.0, watched) is held


def test_a_probe_that_measures_seldom_is_waited_for_longer() -> None:
    """On a metered line a run an hour is no silence; a connection that the broker lost is one at once all the same."""
    last_heard = LastHeard()
    last_heard.note("a", T)
    watched = [(T - 7200.0, T + 20_000.0)]
    assert last_heard.silent(T + 7000.0, 900.0, 300.0, watched, {"a": 3600}) == {}
    assert last_heard.silent(T + 7300.0, 900.0, 300.0, watched, {"a": 3600}) == {"a": T}
    last_heard.presence(PresenceRow(probe="a", state=Lifecycle.LOST, at=T + 60.0))
    assert last_heard.silent(T + 400.0, 900.0, 300.0, watched, {"a": 3600}) == {"a": T}


def test_what_was_said_of_a_state_since_then_stands() -> None:
    """A report of the minute before the good-bye, taken in after it, brings nobody back."""
    last_heard = LastHeard()
    last_heard.presence(PresenceRow(at=T + 60.0, probe="a", state=Lifecycle.LOST))
    last_heard.presence(PresenceRow(at=T + 60.0, probe="b", state=Lifecycle.SLEEPING))
    for probe in ("a", "b"):
        last_heard.note(probe, T + 30.0)
    assert silent(last_heard, T + 400.0) == {"a": T + 30.0}
