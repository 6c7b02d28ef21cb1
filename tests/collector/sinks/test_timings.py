"""How long a trial took, over all experiments."""

from __future__ import annotations

from balise_collector.sinks.timings import TAILS, TIMES, times_of, timings
from tests.testbed.cases import NOW, Case


def test_the_newest_own_trial_of_the_subject_is_told(case: Case) -> None:
    """What rides along was told before, and a control is no subject."""
    carried, own = case.hello(at=NOW - 240, carried=True, connect_ms=1.0), case.hello(elapsed_ms=100.0)
    found = timings(case.measured(carried, own))
    assert found == {"connect_ms": 40.0, "elapsed_ms": 100.0, "handshake_ms": 60.0}


def test_a_failure_is_a_word_and_no_time(case: Case) -> None:
    """Every trial has both."""
    assert times_of(case.syns(0))["failure"] == "generic_timeout_error"


def test_what_roll_ups_take_is_as_documented() -> None:
    """docs/storage.md and the dashboards name these."""
    assert TIMES == ("connect_ms", "dns_ms", "elapsed_ms", "goodput_kbps", "handshake_ms", "rtt_ms")
    assert TAILS == ("connect_ms", "handshake_ms", "rtt_ms")
