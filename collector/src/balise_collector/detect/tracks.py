"""The histories of a cell's probes on the way of a walk: where each stands, and what lies ahead.

Lives here: segments, and how far each series has been passed. A probe that is in no trouble is passed over in one go
when somebody asks for it, so that a walk costs what is in trouble and not how many probes look on. Must not live here:
what follows from a bin (cell_walk.py).
"""

from __future__ import annotations

from collections.abc import Collection

from balise_collector.detect.cell import Segment, segments
from balise_collector.detect.evidence import Severity
from balise_collector.detect.participants import Participants
from balise_collector.detect.walk_state import WalkState


class Tracks:
    """The segments of every series from a bin on."""

    def __init__(self, participants: Participants, first: int) -> None:
        """Lay out what the series hold at or after a bin."""
        severity = participants.severity
        self._held: list[list[Segment]] = [segments(s.list(first), severity) for s in participants.series]
        self._place = [0] * len(self._held)
        self._passed = [0] * len(self._held)
        """Place of the first segment that was not passed to its end."""
        self._ahead = [-1] * len(self._held)
        """Bin of each series' next failure; before the bin that is asked for: not known."""
        self._positive = [code.positive for code in participants.codes]
        self._well = [code.severity == Severity.OK for code in participants.codes]
        self.first: int | None = min((track[0].first_bin for track in self._held if track), default=None)

    def at(self, index: int, bin_: int) -> Segment | None:
        """Return what a series holds in a bin; bins may only go up."""
        track, place = self._held[index], self._place[index]
        while place < len(track) and track[place].last_bin < bin_:
            place += 1
        self._place[index] = place
        return track[place] if place < len(track) and track[place].first_bin <= bin_ else None

    def failing(self, bin_: int) -> list[int]:
        """Return the series that hold a positive code in a bin."""
        return [i for i, ahead in enumerate(self._ahead) if ahead == bin_] if self.next_failure(bin_) == bin_ else []

    def next_failure(self, bin_: int, last: int | None = None) -> int:
        """Return the first bin at or after ``bin_`` in which any series holds a positive code.

        Args:
            bin_: the bin.
            last: what is returned where none does.
        """
        nearest = min(self._ahead, default=1 << 60)
        if nearest < bin_:
            for index, ahead in enumerate(self._ahead):
                if ahead < bin_:
                    self._ahead[index] = self._look_ahead(index, bin_)
            nearest = min(self._ahead)
        return nearest if last is None else min(nearest, last)

    def _look_ahead(self, index: int, bin_: int) -> int:
        track = self._held[index]
        self.at(index, bin_)
        for place in range(self._place[index], len(track)):
            if self._positive[track[place].code]:
                return max(bin_, track[place].first_bin)
        return 1 << 60

    def is_observed(self, bin_: int) -> bool:
        """Whether any series holds anything in a bin."""
        return any(self.at(index, bin_) is not None for index in range(len(self._held)))

    def next_observed(self, bin_: int, last: int) -> int:
        """Return the next bin in which any series holds anything; ``last`` where none does."""
        for index in range(len(self._held)):
            self.at(index, bin_)
        ahead = (track[place].first_bin for track, place in zip(self._held, self._place, strict=True) if track[place:])
        return min(ahead, default=last)

    def pass_all(self, state: WalkState, stop: int, but: Collection[int] = ()) -> None:
        """Note of every series what it was last seen with before a bin; not of those that are walked bin by bin."""
        for index in range(len(self._held)):
            if index not in but:
                self.pass_over(state, index, stop)

    def pass_over(self, state: WalkState, index: int, stop: int) -> None:
        """Note of one series what it was last seen with before a bin."""
        track, place = self._held[index], self._passed[index]
        while place < len(track) and track[place].first_bin < stop:
            segment = track[place]
            last = min(segment.last_bin, stop - 1)
            if last > state.last_seen.get(index, -1):
                state.last_seen[index] = last
            if self._well[segment.code]:
                state.last_ok[index] = segment.last
            if segment.last_bin >= stop:
                break
            place += 1
        self._passed[index] = place

    def passed(self, index: int, bin_: int) -> None:
        """Take note that a series was walked through a bin."""
        track, place = self._held[index], self._passed[index]
        while place < len(track) and track[place].last_bin <= bin_:
            place += 1
        self._passed[index] = place
