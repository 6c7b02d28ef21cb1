"""What verdicts add up to: trouble is shown, and not knowing is never shown as reachable."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.conclude.history import MOST_BINS, bins, newest, runs, settle, shares, step_for
from balise_collector.conclude.store import HistoryCell
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_wire.bins import BIN
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, TargetRole

OK, BLOCKED, DOWN, UNSURE = VerdictState.OK, VerdictState.BLOCKED, VerdictState.DOWN, VerdictState.INSUFFICIENT


def verdict(at: float, state: VerdictState = OK, **changes: Any) -> Verdict:
    """A verdict at a time."""
    usual: dict[str, Any] = {
        "measurement": "0" * 32, "probe": "k7m2", "network": Network(country="PK", asn=64501), "service": "zoom",
        "role": TargetRole.WEB, "target": "zoom/web/zoom.us/4", "layer": Experiment.TLS, "design": Design.SENTINEL,
        "at": at, "since": at, "state": state, "rule": "tls.ok",
    }  # fmt: skip
    return Verdict(**{**usual, **changes})


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([], None),
        ([OK, OK, OK], OK),
        ([OK, OK, UNSURE], OK),
        ([OK, UNSURE], UNSURE),
        ([UNSURE], UNSURE),
        ([OK, OK, OK, BLOCKED], BLOCKED),
        ([DOWN, BLOCKED], BLOCKED),
        ([UNSURE, DOWN], DOWN),
    ],
)
def test_several_verdicts_settle_on_one_state(states: list[VerdictState], shown: VerdictState | None) -> None:
    """Trouble anywhere is shown; reachable needs more than half; nothing is nothing."""
    assert settle(Counter(states)) is shown


def test_what_a_probe_said_last_stands() -> None:
    """A sentinel's doubt is answered by the paired series that follows it."""
    held = newest([verdict(20.0, BLOCKED), verdict(10.0, UNSURE), verdict(15.0, probe="other")])
    assert sorted((one.at, one.state) for one in held) == [(15.0, OK), (20.0, BLOCKED)]


def cell(bin_: int, state: VerdictState, verdicts: int = 1, layer: str = "tls") -> HistoryCell:
    """A count of one place."""
    return HistoryCell(
        country="PK", asn=64501, reference=False, service="zoom", role="web", layer=layer, bin=bin_, state=state,
        verdicts=verdicts,
    )  # fmt: skip


def test_counts_fall_into_their_bins_and_gaps_stay_gaps() -> None:
    """Where nobody measured for longer than a state stands there is nothing, not ok."""
    found = bins([cell(0, OK, 3), cell(0, BLOCKED), cell(5, OK), cell(9, OK), cell(-1, OK)], 7)
    assert found == [BLOCKED, BLOCKED, BLOCKED, None, None, OK, OK]
    assert bins([cell(0, OK)], 2, 3600) == [OK, None]


def test_a_blocked_part_is_not_reachable_because_only_another_was_asked() -> None:
    """The hello fails, and in the next bin only the name was looked up, which works."""
    cells = [
        cell(0, BLOCKED),
        cell(0, OK, layer="dns"),
        cell(1, OK, layer="dns"),
        cell(2, OK),
        cell(2, OK, layer="dns"),
    ]
    assert bins(cells, 3) == [BLOCKED, BLOCKED, OK]


@pytest.mark.slow
def test_the_store_counts_without_decoding(tmp_path: Path) -> None:
    """Half-open bins from the beginning asked for; another service and what lies outside is left out."""
    store = SqliteStore(tmp_path / "derived.sqlite")
    told = [verdict(100.0), verdict(399.9, BLOCKED), verdict(400.0), verdict(99.9), verdict(700.0)]
    told.append(verdict(450.0, service="twitter"))
    store.save_verdicts(enumerate(told, 1))
    found = store.history(100.0, 700.0, 300.0, "zoom")
    assert [(one.bin, one.state, one.verdicts) for one in found] == [(0, "blocked", 1), (0, "ok", 1), (1, "ok", 1)]
    assert sum(one.verdicts for one in store.history(0.0, 9e9, 300.0)) == len(told)
    store.close()


def test_equal_neighbours_join() -> None:
    """A strip is drawn in as few bars as it has changes."""
    assert [(run.state, run.first, run.bins) for run in runs([OK, OK, None, BLOCKED])] == [
        (OK, 0, 2), (None, 2, 1), (BLOCKED, 3, 1)
    ]  # fmt: skip
    assert dict(shares([OK, None, OK, BLOCKED])) == {BLOCKED: 1, OK: 2}


@given(st.floats(min_value=0, max_value=4e9))
def test_no_stretch_of_time_takes_more_columns_than_there_are(seconds: float) -> None:
    """A month-long incident is drawn in wider bins, never in thousands of bars."""
    step = step_for(seconds)
    assert step % BIN == 0
    assert seconds / step <= MOST_BINS + 1
