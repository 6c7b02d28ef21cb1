"""One cell at work: its probes, and the history of each: runs of equal verdicts, a few bytes each.

Lives here: the run-length code, its growth, late insertion, and what a cell remembers between two walks. The bins of a
history do not depend on the order in which verdicts came; a verdict that lands inside a run of another code splits it
at bin borders, which can only widen a bracket. Must not live here: what the codes mean, the walk (cell_walk.py), when
it happens (detector.py).
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from balise_collector.detect.looks import Looks
from balise_collector.detect.model import CellKey, Episode, Note
from balise_collector.detect.walk_state import WalkState
from balise_wire.bins import BIN

_WIDTH: Final = 5


class CodeRun(NamedTuple):
    """Consecutive bins of one code."""

    code: int
    first_bin: int
    last_bin: int
    first: int
    """UNIX seconds, rounded up: the first verdict or, of failures, the first failing trial."""
    last: int
    """UNIX seconds, rounded down: the last verdict."""


class CellHistory:
    """One probe's verdicts in one cell."""

    __slots__ = (
        "asn",
        "cell",
        "country",
        "emptied",
        "ever_ok",
        "explained",
        "looks",
        "notes",
        "probe",
        "runs",
        "target",
        "well",
    )

    def __init__(self, probe: str, country: str, asn: int, cell: Cell) -> None:
        self.probe = probe
        self.country = country
        self.asn = asn
        self.runs = array("I")
        self.ever_ok = False
        """Whether an ok was seen before the oldest run that is still kept."""
        self.emptied = 0
        """Bin before which its last run was forgotten; 0 while it has any."""
        self.explained = 0
        """UNIX seconds of the newest failure that was the service's own: no later block began before it."""
        self.notes: list[Note] | None = None
        self.target = ""
        """The first that it was told of."""
        self.well = 0
        """UNIX seconds at which it was last well, while it is the only one."""
        self.looks: Looks | None = None
        """Of a history with several targets."""
        self.cell = cell

    def add(self, code: int, since: float, at: float) -> int:
        """Add one verdict; returns the first bin that it changed.

        Args:
            code: index of the code.
            since: UNIX seconds by which its first failing trial had failed, or its decisive one had passed.
            at: UNIX seconds of the verdict.
        """
        runs = self.runs
        number = int(at // BIN)
        if runs and at >= runs[-1]:
            if runs[-5] == code and number <= runs[-3] + 1:
                runs[-3] = number
                runs[-1] = int(at)
                return number
        elif runs:
            return self._insert(code, since, at, number)
        # A whole array first: where a number does not fit, nothing of the run may stay behind.
        runs.extend(array("I", (code, number, number, math.ceil(since), int(at))))
        return number

    def _insert(self, code: int, since: float, at: float, number: int) -> int:
        """Put a late verdict into its place; only its neighbours are looked at, however long the history is."""
        when = int(at)
        fresh = CodeRun(code, number, number, math.ceil(since), when)
        place = self._search(4, when)
        hit = self._run(place) if place * _WIDTH < len(self.runs) else None
        inside = hit is not None and hit.first_bin <= number and hit.first <= when
        if hit is None or not inside:
            parts = [fresh]
        elif hit.code == code:
            parts = [hit._replace(first=min(hit.first, fresh.first))]
        else:
            parts = self._split(hit, fresh)
        # Runs were merged before, so that only what stands beside the change can be merged now.
        before, behind = max(0, place - 1), place + (1 if inside else 0)
        stop = min(behind + 1, len(self.runs) // _WIDTH)
        around = [self._run(one) for one in range(before, place)]
        around += [*parts, *(self._run(one) for one in range(behind, stop))]
        joined = array("I", [number for run in merged(around) for number in run])
        self.runs[before * _WIDTH : stop * _WIDTH] = joined
        return number

    def _search(self, field: int, least: int) -> int:
        """Return the place of the first run whose last bin (field 2) or last moment (field 4) is at least so much."""
        runs = self.runs
        low, high = 0, len(runs) // _WIDTH
        while low < high:
            middle = (low + high) // 2
            if runs[middle * _WIDTH + field] < least:
                low = middle + 1
            else:
                high = middle
        return low

    def _run(self, place: int) -> CodeRun:
        return CodeRun(*self.runs[place * _WIDTH : (place + 1) * _WIDTH])

    @staticmethod
    def _split(run: CodeRun, fresh: CodeRun) -> list[CodeRun]:
        """Cut a run around a verdict inside it; both parts keep the bin that they share with it."""
        border = fresh.first_bin * BIN
        left = run._replace(last_bin=fresh.first_bin, last=max(run.first, min(fresh.last, border)))
        right = run._replace(first_bin=fresh.first_bin, first=min(run.last, max(fresh.last, border + BIN)))
        parts = [fresh]
        if run.first_bin < fresh.first_bin or run.first < fresh.last:
            parts.insert(0, left)
        if run.last_bin > fresh.first_bin or run.last > fresh.last:
            parts.append(right)
        return parts

    def looked(self, target: str) -> Looks | None:
        """Return what is kept of the targets; ``None`` while there is one alone."""
        if self.looks is None and target != (self.target or target):
            self.looks = Looks({self.target: [self.well]} if self.well else None)
        self.target = self.target or target
        return self.looks

    def list(self, since_bin: int = 0, until_bin: int = 1 << 32) -> list[CodeRun]:
        """Return the runs that end at or after a bin, and before the first that begins after another, oldest first."""
        r = self.runs
        begin = self._search(2, since_bin) * _WIDTH if since_bin else 0
        found: list[CodeRun] = []
        for i in range(begin, len(r), _WIDTH):
            if r[i + 1] > until_bin:
                break
            found.append(CodeRun(r[i], r[i + 1], r[i + 2], r[i + 3], r[i + 4]))
        return found

    def write(self, runs: Sequence[CodeRun]) -> None:
        """Replace the runs."""
        self.runs = array("I", [number for run in runs for number in run])

    def reaches(self, bin_: int) -> bool:
        """Whether a bin lies within the history that is kept."""
        return bool(self.runs) and self.runs[1] <= bin_

    def forget(self, before: int, ok_codes: frozenset[int]) -> None:
        """Drop runs that ended before a bin, remembering that an ok was among them."""
        if self.looks is not None:
            self.looks.forget(before * BIN)
        if not self.runs:
            self.emptied = self.emptied or before
            return
        self.emptied = 0
        if self.runs[2] >= before:
            return
        runs = self.list()
        self.ever_ok = self.ever_ok or any(run.code in ok_codes for run in runs if run.last_bin < before)
        self.write([run for run in runs if run.last_bin >= before])


def merged(runs: list[CodeRun]) -> list[CodeRun]:
    """Join neighbours of one code with no bin between them; each ends no earlier than the one before it.

    A failure that began before its neighbour ended is cut into parts of which the first would: the search for a place
    goes by these ends.
    """
    joined: list[CodeRun] = []
    for run in runs:
        if joined and joined[-1].code == run.code and run.first_bin <= joined[-1].last_bin + 1:
            before = joined[-1]
            joined[-1] = before._replace(last_bin=max(before.last_bin, run.last_bin), last=max(before.last, run.last))
        else:
            joined.append(run._replace(last=max(run.last, joined[-1].last)) if joined else run)
    return joined


def _probe(series: CellHistory) -> str:
    return series.probe


def _order(series: CellHistory) -> tuple[str, int]:
    return series.probe, series.asn


class Cell:
    """The probes of one cell, how far it has been walked, and what the last walk found."""

    __slots__ = ("dirty_from", "episodes", "key", "parent", "rewound", "series", "state")

    def __init__(self, key: CellKey, parent: Cell | None = None) -> None:
        self.key = key
        self.parent = parent
        """The country's cell of a provider's cell; none of others."""
        self.series: tuple[CellHistory, ...] = ()
        """In the order of probe ids, so that no sum depends on who came first."""
        self.state: WalkState | None = None
        self.episodes: tuple[Episode, ...] = ()
        self.dirty_from: int | None = None
        self.rewound = 0.0
        """UNIX seconds at which late data last made it walk from its start."""

    def find(self, probe: str) -> CellHistory | None:
        """Return a probe's history; ``None`` where it has none here."""
        place = bisect_left(self.series, probe, key=_probe)
        found = self.series[place : place + 1]
        return found[0] if found and found[0].probe == probe else None

    def enter(self, series: CellHistory) -> None:
        """Take in one more probe; whatever was walked is walked anew."""
        place = bisect_right(self.series, (series.probe, series.asn), key=_order)
        self.series = (*self.series[:place], series, *self.series[place:])
        self.state = None

    def leave(self, series: CellHistory) -> None:
        """Let go of a probe of which nothing is left; whatever was walked is walked anew."""
        self.series = tuple(one for one in self.series if one is not series)
        self.state = None

    def retire(self, before: int) -> bool:
        """Let go of episodes that closed before a bin; tells whether one that is left began before it."""

        def stays(closed_bin: int | None) -> bool:
            return closed_bin is None or closed_bin >= before

        self.episodes = tuple(e for e in self.episodes if stays(e.closed_bin))
        if self.state is not None:
            self.state.done = [found for found in self.state.done if stays(found.closed_bin)]
        return any(e.onset.latest < (before + 1) * BIN for e in self.episodes)

    @property
    def restless(self) -> bool:
        """Whether time alone can change the cell: an open episode, or sums above zero."""
        return any(e.closed_bin is None for e in self.episodes) or (self.state is not None and self.state.restless)


class Segment(NamedTuple):
    """Bins of one code after the worst verdict has taken each bin; bins of different segments do not overlap."""

    first_bin: int
    last_bin: int
    code: int
    first: int
    last: int


def segments(runs: list[CodeRun], severity: Sequence[int]) -> list[Segment]:
    """Return a series as disjoint segments; in a bin with several codes the worst stands.

    Args:
        runs: the series, oldest first.
        severity: severity of each code.
    """
    found: list[Segment] = []
    for run in runs:
        first_bin, last_bin = run.first_bin, run.last_bin
        if found and found[-1].last_bin >= first_bin:
            before = found[-1]
            if severity[run.code] > severity[before.code]:
                found.pop()
                if before.first_bin < first_bin:
                    found.append(before._replace(last_bin=first_bin - 1))
            else:
                first_bin = before.last_bin + 1
        if first_bin <= last_bin:
            found.append(Segment(first_bin, last_bin, run.code, run.first, run.last))
    return found
