"""The history of one probe in one cell: runs of equal verdicts, a few bytes each.

Lives here: the run-length code, its growth, and late insertion. The bins of a series do not depend on the order in
which verdicts came; a verdict that lands inside a run of another code splits it at bin borders, which can only widen a
bracket. Must not live here: what the codes mean.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from balise_wire.bins import BIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from balise_collector.detect.cells import Note
    from balise_collector.detect.group import Group

_WIDTH: Final = 5


class Run(NamedTuple):
    """Consecutive bins of one code."""

    code: int
    first_bin: int
    last_bin: int
    first: int
    """UNIX seconds, rounded up: the first verdict or, of failures, the first failing trial."""
    last: int
    """UNIX seconds, rounded down: the last verdict."""


class Series:
    """One probe's verdicts in one cell."""

    __slots__ = ("asn", "country", "emptied", "ever_ok", "group", "notes", "probe", "runs")

    def __init__(self, probe: str, country: str, asn: int, group: Group) -> None:
        self.probe = probe
        self.country = country
        self.asn = asn
        self.runs = array("I")
        self.ever_ok = False
        """Whether an ok was seen before the oldest run that is still kept."""
        self.emptied = 0
        """Bin before which its last run was forgotten; 0 while it has any."""
        self.notes: list[Note] | None = None
        self.group = group

    def add(self, code: int, since: float, at: float) -> int:
        """Add one verdict; returns the first bin that it changed.

        Args:
            code: index of the code.
            since: UNIX seconds of the first failing trial; ``at`` where there is none.
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
        fresh = Run(code, number, number, math.ceil(since), when)
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

    def _run(self, place: int) -> Run:
        return Run(*self.runs[place * _WIDTH : (place + 1) * _WIDTH])

    @staticmethod
    def _split(run: Run, fresh: Run) -> list[Run]:
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

    def list(self, since_bin: int = 0) -> list[Run]:
        """Return the runs that end at or after a bin, oldest first."""
        r = self.runs
        begin = self._search(2, since_bin) * _WIDTH if since_bin else 0
        return [Run(r[i], r[i + 1], r[i + 2], r[i + 3], r[i + 4]) for i in range(begin, len(r), _WIDTH)]

    def write(self, runs: Sequence[Run]) -> None:
        """Replace the runs."""
        self.runs = array("I", [number for run in runs for number in run])

    def reaches(self, bin_: int) -> bool:
        """Whether a bin lies within the history that is kept."""
        return bool(self.runs) and self.runs[1] <= bin_

    def forget(self, before: int, ok_codes: frozenset[int]) -> None:
        """Drop runs that ended before a bin, remembering that an ok was among them."""
        if not self.runs:
            self.emptied = self.emptied or before
            return
        self.emptied = 0
        if self.runs[2] >= before:
            return
        runs = self.list()
        self.ever_ok = self.ever_ok or any(run.code in ok_codes for run in runs if run.last_bin < before)
        self.write([run for run in runs if run.last_bin >= before])


def merged(runs: list[Run]) -> list[Run]:
    """Join neighbours of one code with no bin between them; each ends no earlier than the one before it.

    A failure that began before its neighbour ended is cut into parts of which the first would: the search for a place
    goes by these ends.
    """
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].code == run.code and run.first_bin <= joined[-1].last_bin + 1:
            before = joined[-1]
            joined[-1] = before._replace(last_bin=max(before.last_bin, run.last_bin), last=max(before.last, run.last))
        else:
            joined.append(run._replace(last=max(run.last, joined[-1].last)) if joined else run)
    return joined


class Segment(NamedTuple):
    """Bins of one code after the worst verdict has taken each bin; bins of different segments do not overlap."""

    first_bin: int
    last_bin: int
    code: int
    first: int
    last: int


def segments(runs: list[Run], severity: Sequence[int]) -> list[Segment]:
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
