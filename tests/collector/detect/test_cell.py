"""The history of one probe: small, exact at its edges, and the same bins in whatever order verdicts came."""

from __future__ import annotations

import math
import random
import time

from hypothesis import given
from hypothesis import strategies as st

from balise_collector.detect.cell import Cell, CellHistory, CodeRun, merged, segments
from balise_collector.detect.model import CellKey
from balise_wire.bins import BIN

KEY = CellKey(country="PK", asn=64501, access="fixed", service="twitter", role="web", layer="tls")
BASE = 5_000_000 * BIN
OK, FAIL = 0, 1
SEVERITY = [2, 7]


def _series() -> CellHistory:
    return CellHistory("pk01", "PK", 64501, Cell(KEY))


def _bins(series: CellHistory) -> dict[int, int]:
    return {b: s.code for s in segments(series.list(), SEVERITY) for b in range(s.first_bin, s.last_bin + 1)}


def test_equal_verdicts_cost_one_run() -> None:
    """A quiet week is a few bytes."""
    series = _series()
    for slot in range(2016):
        series.add(OK, BASE + slot * BIN + 7.0, BASE + slot * BIN + 7.0)
    assert len(series.list()) == 1
    assert series.list()[0].last == BASE + 2015 * BIN + 7


def test_silence_ends_a_run() -> None:
    """A gap is not filled with what came before it."""
    series = _series()
    series.add(OK, BASE, BASE)
    series.add(OK, BASE + 5 * BIN, BASE + 5 * BIN)
    assert set(_bins(series)) == {BASE // BIN, BASE // BIN + 5}


def test_a_bin_with_several_verdicts_is_its_worst() -> None:
    """Failing and recovering within five minutes is a failing bin; the ok keeps its moment for the bracket."""
    series = _series()
    series.add(OK, BASE + 10, BASE + 10)
    series.add(FAIL, BASE + 100, BASE + 120)
    series.add(OK, BASE + 200, BASE + 200)
    assert _bins(series) == {BASE // BIN: FAIL}
    assert series.list()[0].last == BASE + 10


_verdicts = st.lists(st.tuples(st.integers(0, 12), st.integers(0, BIN - 1), st.sampled_from([OK, FAIL])), max_size=25)


@given(_verdicts, st.randoms(use_true_random=False))
def test_the_bins_do_not_depend_on_the_order(verdicts: list[tuple[int, int, int]], chance: object) -> None:
    """Late and repeated verdicts make the same history as timely ones."""
    moments = {(BASE + slot * BIN + second): code for slot, second, code in verdicts}
    timely, late = _series(), _series()
    for at in sorted(moments):
        timely.add(moments[at], at, at)
    shuffled = list(moments)
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    for at in (*shuffled, *shuffled[:3]):
        late.add(moments[at], at, at)
    expected: dict[int, int] = {}
    for at, code in moments.items():
        expected[at // BIN] = max(expected.get(at // BIN, OK), code)
    assert _bins(timely) == expected
    assert _bins(late) == expected


def test_forgetting_remembers_that_it_was_ok_once() -> None:
    """A cell that was fine last month and fails since is no standing block."""
    series = _series()
    series.add(OK, BASE, BASE)
    series.add(FAIL, BASE + 90 * BIN, BASE + 90 * BIN)
    series.forget(BASE // BIN + 50, frozenset({OK}))
    assert series.ever_ok
    assert set(_bins(series)) == {BASE // BIN + 90}


class _Slow(CellHistory):
    """A history that is written anew with each late verdict: the plain rule, at the price of its length."""

    __slots__ = ()

    def _insert(self, code: int, since: float, at: float, number: int) -> int:
        runs = self.list()
        when = int(at)
        fresh = CodeRun(code, number, number, math.ceil(since), when)
        place = next((n for n, run in enumerate(runs) if run.last >= when), len(runs))
        hit = runs[place] if place < len(runs) else None
        if hit is not None and hit.first_bin <= number and hit.first <= when:
            same = hit.code == code
            runs[place : place + 1] = (
                [hit._replace(first=min(hit.first, fresh.first))] if same else self._split(hit, fresh)
            )
        else:
            runs.insert(place, fresh)
        self.write(merged(runs))
        return number


@given(
    st.lists(st.tuples(st.integers(0, 8 * BIN), st.integers(0, 200), st.integers(0, 3)), min_size=1, max_size=60),
    st.integers(0, 9),
)
def test_a_late_verdict_looks_at_its_neighbours_only(verdicts: list[tuple[int, int, int]], since: int) -> None:
    """The quick way into the past leaves the very runs that writing the whole history anew would."""
    quick, slow = _series(), _Slow("pk01", "PK", 64501, Cell(KEY))
    for offset, before, code in verdicts:
        at = float(BASE + offset)
        assert quick.add(code, at - before, at) == slow.add(code, at - before, at)
        assert quick.list() == slow.list()
    first = BASE // BIN + since
    assert quick.list(first) == [run for run in slow.list() if run.last_bin >= first]


def test_a_year_of_alternating_late_verdicts_is_entered_at_once() -> None:
    """Twenty thousand verdicts in any order cost their number, not its square (a minute, before)."""
    chance = random.Random(9)
    series = _series()
    began = time.process_time()
    for number in range(20_000):
        at = BASE + chance.uniform(0.0, 390 * 86_400.0)
        series.add(number % 2, at, at)
    assert time.process_time() - began < 3.0
