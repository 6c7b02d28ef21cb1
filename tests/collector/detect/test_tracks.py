"""Tracks: what lies ahead in the histories of a cell, and what a probe that nobody walked was last seen with."""

from __future__ import annotations

from balise_collector.detect.cell import Cell, CellHistory, CodeRun
from balise_collector.detect.evidence import Code, Severity
from balise_collector.detect.model import CellKey
from balise_collector.detect.participants import Participants
from balise_collector.detect.tracks import Tracks
from balise_collector.detect.walk_state import WalkState
from balise_collector.judge import VerdictState

_OK, _FAIL = 0, 1


def _participants(*histories: tuple[CodeRun, ...]) -> Participants:
    cell = Cell(CellKey(country="PK", asn=64501, service="twitter", role="web", layer="tls"))
    series = []
    for number, runs in enumerate(histories):
        one = CellHistory(f"pk{number:02}", "PK", 64501, cell)
        one.write(runs)
        series.append(one)
    codes = [
        Code("tls.ok", VerdictState.OK, None, Severity.OK),
        Code("sni.drop", VerdictState.BLOCKED, None, Severity.BLOCKED),
    ]
    return Participants(series, codes, {}, [c.severity for c in codes])


def _run(code: int, first: int, last: int) -> CodeRun:
    return CodeRun(code, first, last, first * 300, last * 300 + 10)


def test_the_next_failure_is_found_wherever_it_lies() -> None:
    """Of the nearest series; a failure that goes on is one in each of its bins; none after the last."""
    tracks = Tracks(_participants((_run(_OK, 1, 9),), (_run(_OK, 1, 4), _run(_FAIL, 5, 6), _run(_OK, 7, 9))), 0)
    assert (tracks.next_failure(1, 20), tracks.failing(5), tracks.failing(6)) == (5, [1], [1])
    assert (tracks.next_failure(7, 20), tracks.failing(7)) == (20, [])


def test_who_is_passed_over_was_seen_as_if_walked() -> None:
    """Up to the bin before the one that is asked for; what was walked already is not noted again."""
    tracks, state = Tracks(_participants((_run(_OK, 1, 4), _run(_FAIL, 5, 6), _run(_OK, 7, 9))), 0), WalkState()
    tracks.pass_over(state, 0, 4)
    assert (state.last_seen, state.last_ok) == ({0: 3}, {0: 1210})
    tracks.pass_over(state, 0, 6)
    assert (state.last_seen, state.last_ok) == ({0: 5}, {0: 1210})
    tracks.passed(0, 9)
    tracks.pass_all(state, 20)
    assert state.last_seen == {0: 5}


def test_bins_without_anything_are_left_out() -> None:
    """The next bin that anybody saw, however far."""
    tracks = Tracks(_participants((_run(_OK, 1, 2), _run(_OK, 50, 51)), (_run(_OK, 1, 3),)), 0)
    assert [tracks.is_observed(bin_) for bin_ in (3, 4)] == [True, False]
    assert tracks.next_observed(5, 99) == 50
    assert tracks.next_observed(52, 99) == 99
