"""The reference table: what references saw and when, in any order, in little space."""

from __future__ import annotations

import random
from collections.abc import Callable

from balise_collector.conclude.judgement import note
from balise_collector.judge import Seen, Tally
from balise_wire.words import Design
from tests.testbed.cases import Case


def _note(case: Case, at: float, synacks: int, probe: str = "de01") -> None:
    case.abroad(case.syns(synacks, at=at), probes=(probe,), started=at, ended=at + 1)


def test_the_last_result_in_the_window_counts(case: Case) -> None:
    """A reference that failed and then got through has got through around the time, and failed within it."""
    _note(case, case.now + 5, 0)
    _note(case, case.now + 60, 2)
    seen = case.references.at_address(case.address, 443, case.now - 10, case.now + 100)
    assert (seen.during, seen.around) == (Tally(failed=1), Tally(ok=1))


def test_results_may_come_in_any_order(case: Case, make_case: Callable[[], Case]) -> None:
    """Late batches of a reference change nothing in what is asked later."""
    results = [(case.now + 300 * n, 0 if 5 <= n < 8 else 2) for n in range(20)]
    shuffled = list(results)
    random.Random(3).shuffle(shuffled)
    other = make_case()
    for at, synacks in results:
        _note(case, at, synacks)
    for at, synacks in shuffled:
        _note(other, at, synacks)
    for start in range(20):
        window = (case.address, 443, case.now + 300 * start, case.now + 300 * start)
        assert case.references.at_address(*window) == other.references.at_address(*window)


def test_a_reference_whose_own_line_is_dead_says_nothing(case: Case) -> None:
    """Its failure is its own."""
    case.abroad(case.syns(0), line=None)
    assert case.references.at_address(case.address, 443, case.now - 10, case.now + 10) == Seen()


def test_other_probes_are_not_references(case: Case) -> None:
    """Only verdicts that bear the flag are taken in."""
    measurement = case.measured(case.syns(2), design=Design.SENTINEL)
    note(case.references, case.judged(measurement), measurement)
    assert case.references.at_address(case.address, 443, 0.0, case.now + 10) == Seen()
