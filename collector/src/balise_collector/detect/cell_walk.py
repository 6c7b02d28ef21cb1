"""From the histories of a cell's probes to its episodes: the same histories always give the same episodes.

Lives here: the walk over the bins, the opening and closing rules. It is a fold over the bins with a state
(walk_state.py) that can be kept and continued: a running block costs a step a bin, late data a walk from the start.
Must not live here: clocks, storage, or anything that depends on when a verdict came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from balise_collector.detect import cusum, mixture, thresholds
from balise_collector.detect.cell import CellHistory, Segment, segments
from balise_collector.detect.evidence import Code, Severity, weight
from balise_collector.detect.thresholds import FIRM, lasting_bins, opens, threshold
from balise_collector.detect.walk_state import OpenEpisode, Span, WalkState
from balise_wire.bins import BIN

RECENT: Final = 3
"""Bins in which the failures of distinct probes must meet: 15 minutes (attribution.md 2.3)."""
CALM: Final = 2
"""Bins of observed success that close (attribution.md 2.3)."""
INTERMITTENT: Final = 7200 // BIN
"""Bins within which a block that comes back is the same one (attribution.md 2.4)."""
PRESENT: Final = 86_400 // BIN
"""A probe that was seen within so many bins counts into N."""
TOGETHER: Final = 3600
"""Seconds within which the troubles of two witnesses begin together. Brackets count, so that a probe that measures
seldom, or was switched on during a block, is together with those who saw it begin."""


@dataclass(frozen=True, slots=True)
class Participants:
    """Who takes part in a walk: the probes' histories, the codes, and which probes belong together."""

    series: Sequence[CellHistory]
    codes: Sequence[Code]
    operators: Mapping[str, str]
    severity: Sequence[int]

    def operator(self, index: int) -> str:
        """Return who runs a probe; each its own where nothing is known."""
        probe = self.series[index].probe
        return self.operators.get(probe, probe)

    def most_of_each(self, totals: Mapping[int, float]) -> list[float]:
        """Return the largest sum of each witness: one person's three boards must not add up to a quorum."""
        most: dict[str, float] = {}
        for index, total in totals.items():
            who = self.operator(index)
            most[who] = max(total, most.get(who, 0.0))
        return list(most.values())


class CellWalk:
    """The walk over one cell."""

    def __init__(self, participants: Participants, state: WalkState, until: int) -> None:
        self.participants = participants
        self.state = state
        self.until = until
        # What was walked before is in the state: a walk that goes on costs what is new, not what is kept.
        self.tracks: list[list[Segment]] = [
            segments(s.list(state.next_bin), participants.severity) for s in participants.series
        ]
        self.place = [0] * len(self.tracks)

    def run(self) -> WalkState:
        """Walk every bin up to and including ``until``."""
        state = self.state
        first = min((t[0].first_bin for t in self.tracks if t), default=self.until + 1)
        bin_ = state.next_bin or first
        self._seek(bin_)
        observed = bin_
        while bin_ <= self.until:
            self._lay_down(bin_)
            if not state.totals and (state.current is None or state.current.closed_bin is not None):
                ahead = self._next_failure(bin_)
                if ahead > bin_:
                    self._skip(bin_, min(ahead, self.until + 1))
                    bin_ = ahead
                    continue
            if self._step(bin_):
                observed = bin_
            elif bin_ - observed > RECENT:
                # Nothing was seen for so long that time alone changes no sum, no count and no end.
                bin_ = self._next_observed()
                continue
            bin_ += 1
        self._lay_down(self.until + 1)
        state.next_bin = max(state.next_bin, self.until + 1)
        return state

    def _lay_down(self, bin_: int) -> None:
        """Lay a closed episode with the others once it can no longer come back."""
        current = self.state.current
        if current is not None and current.closed_bin is not None and bin_ - current.closed_bin > INTERMITTENT:
            self.state.done.append(current)
            self.state.current = None

    # ------------------------------------------------------------ moving along the histories

    def _seek(self, bin_: int) -> None:
        """Move every pointer to the first segment that ends at or after a bin."""
        for index, track in enumerate(self.tracks):
            place = self.place[index]
            while place < len(track) and track[place].last_bin < bin_:
                place += 1
            self.place[index] = place

    def _next_failure(self, bin_: int) -> int:
        """Return the first bin at or after ``bin_`` in which any series holds a positive code."""
        first = self.until + 1
        for index, track in enumerate(self.tracks):
            for segment in track[self.place[index] :]:
                if segment.first_bin >= first:
                    break
                if self.participants.codes[segment.code].positive:
                    first = max(bin_, segment.first_bin)
                    break
        return first

    def _next_observed(self) -> int:
        """Return the next bin in which any series holds anything."""
        ahead = (
            track[place].first_bin for track, place in zip(self.tracks, self.place, strict=True) if place < len(track)
        )
        return min(ahead, default=self.until + 1)

    def _skip(self, start: int, stop: int) -> None:
        """Pass over quiet bins ``start``..``stop - 1``, in which everything observed is ok or void."""
        state = self.state
        for index, track in enumerate(self.tracks):
            place = self.place[index]
            while place < len(track) and track[place].first_bin < stop:
                segment = track[place]
                code = self.participants.codes[segment.code]
                last = min(segment.last_bin, stop - 1)
                if last >= start:
                    state.last_seen[index] = last
                    state.quiet += (last - max(start, segment.first_bin) + 1) if code.severity == Severity.OK else 0
                    if code.severity == Severity.OK:
                        state.last_ok[index] = segment.last
                if segment.last_bin >= stop:
                    break
                place += 1
            self.place[index] = place

    def _step(self, bin_: int) -> bool:
        """Walk one bin; returns whether anything was observed in it."""
        observed = False
        for index, track in enumerate(self.tracks):
            place = self.place[index]
            while place < len(track) and track[place].last_bin < bin_:
                place += 1
            self.place[index] = place
            if place < len(track) and track[place].first_bin <= bin_:
                self._observe(index, track[place], bin_)
                observed = True
        current = self.state.current
        if current is not None and current.closed_bin is None and self._is_contradicted(current, bin_):
            # Its probe goes on failing, and that waits with what others may yet see begin together with it.
            self.state.spans.update(current.spans)
            self.state.current = current = None
        if current is not None and current.closed_bin is None:
            self._maybe_close(current, bin_)
        else:
            self._maybe_open(bin_)
        return observed

    # ------------------------------------------------------------ one probe, one bin

    def _observe(self, index: int, segment: Segment, bin_: int) -> None:
        """Take one probe's bin into its sum and its span."""
        state = self.state
        code = self.participants.codes[segment.code]
        state.last_seen[index] = bin_
        if code.severity == Severity.VOID:
            return
        before = state.totals.get(index, 0.0)
        after = cusum.step(before, weight(code, state.noise, state.quiet))
        if code.positive:
            self._fail(index, segment, bin_)
        else:
            self._ok(index, segment)
        if after > 0.0:
            state.totals[index] = after
            return
        state.totals.pop(index, None)
        if state.current is None or state.current.closed_bin is not None:
            self._forget(index, code)

    def _forget(self, index: int, code: Code) -> None:
        """A span that came to nothing is noise, and is learned as such."""
        span = self.state.spans.pop(index, None)
        if span is not None:
            self.state.noise += span.failing
            self.state.quiet += span.observed
        elif code.severity == Severity.OK:
            self.state.quiet += 1

    def _spans(self) -> dict[int, Span]:
        """Return where spans are kept now: in the open episode, else beside it."""
        current = self.state.current
        return current.spans if current is not None and current.closed_bin is None else self.state.spans

    def _fail(self, index: int, segment: Segment, bin_: int) -> None:
        """Note one failing bin."""
        spans, state = self._spans(), self.state
        found = spans.get(index)
        if found is None:
            last_ok = state.last_ok.get(index)
            found = spans[index] = Span(
                last_ok=last_ok,
                first_fail=max(segment.first, last_ok or 0),
                last_fail=segment.last,
                last_fail_bin=bin_,
                seen_ok_before=last_ok is not None or self.participants.series[index].ever_ok,
            )
        found.last_fail, found.last_fail_bin = segment.last, bin_
        found.first_ok, found.calm = None, 0
        found.failing += 1
        found.observed += 1
        found.rules[segment.code] = found.rules.get(segment.code, 0) + 1

    def _ok(self, index: int, segment: Segment) -> None:
        """Note one bin of success."""
        found = self._spans().get(index)
        self.state.last_ok[index] = segment.last
        if found is not None:
            found.observed += 1
            found.calm += 1
            if found.first_ok is None:
                found.first_ok = max(segment.first, found.last_fail)

    # ------------------------------------------------------------ opening and closing

    def _present(self, bin_: int) -> tuple[int, int]:
        """Return the boards seen within a day, and N, the witnesses that they are."""
        seen = [index for index, when in self.state.last_seen.items() if when > bin_ - PRESENT]
        return len(seen), self._hosts(seen)

    def _failing(self, spans: Mapping[int, Span], bin_: int) -> list[int]:
        """Return the series that failed within the last 15 minutes and are counted as failing."""
        return [
            index
            for index, s in spans.items()
            if index in self.state.totals
            and s.last_fail_bin > bin_ - RECENT
            and any(self.participants.codes[code].fails for code in s.rules)
        ]

    def _hosts(self, indexes: Iterable[int]) -> int:
        """Count witnesses: one person's three boards are one."""
        return len({self.participants.operator(index) for index in indexes})

    def _is_contradicted(self, current: OpenEpisode, bin_: int) -> bool:
        """Whether an episode that one witness tells of stands against another one, who is well in the same cell.

        It was opened while there was nobody else. It must not stay and take in, as its own, what others see later.
        """
        (first, *more) = {self.participants.operator(index) for index in current.spans}
        if more:
            return False
        others = (index for index, ok in self.state.last_ok.items() if ok // BIN > bin_ - RECENT)
        return any(self.participants.operator(index) != first for index in others)

    def _together(self, failing: Sequence[int]) -> list[int]:
        """Return those whose trouble began together: of several such groups the one with most witnesses, the newest.

        A liar who cries always, or a home that is broken for good, must not confirm the next trouble of another one,
        and must not date it.
        """
        groups: list[list[int]] = []
        for index in sorted(failing, key=lambda i: self.state.spans[i].first_fail):
            near = [group for group in groups if any(self._begin_together(index, other) for other in group)]
            groups = [group for group in groups if group not in near]
            groups.append([*(member for group in near for member in group), index])
        return max(groups, key=lambda group: (self._hosts(group), max(group)), default=[])

    def _begin_together(self, one: int, other: int) -> bool:
        """Whether the brackets [last ok, first failure] of two troubles lie within an hour."""
        a, b = self.state.spans[one], self.state.spans[other]
        begun = max((s.last_ok for s in (a, b) if s.last_ok is not None), default=None)
        return begun is None or begun - min(a.first_fail, b.first_fail) <= TOGETHER

    def _maybe_open(self, bin_: int) -> None:
        """Open where the mixture exceeds its threshold and enough distinct probes failed lately."""
        state = self.state
        if not state.totals:
            return
        boards, present = self._present(bin_)
        if present == 1 and boards > thresholds.PAIR:
            return  # from three boards on it takes two hosts (attribution.md 2.3): one person's three are no quorum
        lately = self._failing(state.spans, bin_)
        failing = self._together(lately)
        apart = set(lately) - set(failing)
        score = mixture.mixture(
            self.participants.most_of_each({i: w for i, w in state.totals.items() if i not in apart})
        )
        firm = [i for i in failing if state.spans[i].failing >= FIRM]
        saturated = [i for i in failing if state.totals[i] >= cusum.MOST]
        lasting = [i for i in saturated if state.spans[i].failing >= lasting_bins(present)]
        if not opens(present, score, *map(self._hosts, (failing, firm, lasting))):
            return
        needed = threshold(present)
        standing = not any(state.spans[index].seen_ok_before for index in failing)
        opened = {i: s for i, s in state.spans.items() if i in state.totals and i not in apart}
        state.spans = {i: s for i, s in state.spans.items() if i in apart}
        current = state.current
        if current is not None and current.closed_bin is not None:
            if self._hosts(current.spans) > 1 or self._hosts({**current.spans, **opened}) == 1:
                self._resume(current, opened, bin_, score)
                return
            state.done.append(current)  # what one witness told of is no beginning of what others see now
        state.current = OpenEpisode(bin_, score, needed, standing, opened)

    @staticmethod
    def _resume(current: OpenEpisode, opened: dict[int, Span], bin_: int, score: float) -> None:
        """Go on with an episode that closed less than two hours ago: an intermittent block is one episode."""
        gap = bin_ - (current.closed_bin or bin_)
        current.closed_bin = None
        current.reopened += 1
        current.score = max(current.score, score)
        for index, fresh in opened.items():
            old = current.spans.get(index)
            if old is None:
                current.spans[index] = fresh
                continue
            old.last_fail, old.last_fail_bin = fresh.last_fail, fresh.last_fail_bin
            old.first_ok, old.calm = None, 0
            old.failing += fresh.failing
            old.observed += fresh.observed + max(0, gap - fresh.observed)
            for code, count in fresh.rules.items():
                old.rules[code] = old.rules.get(code, 0) + count

    def _maybe_close(self, current: OpenEpisode, bin_: int) -> None:
        """Close on observed success only; silence keeps an episode as it is."""
        state = self.state
        current.score = max(current.score, mixture.mixture(self.participants.most_of_each(state.totals)))
        restless = {self.participants.operator(i) for i, s in current.spans.items() if s.calm < CALM}
        calm = {self.participants.operator(i) for i in current.spans} - restless
        # One that goes on failing is its own trouble: it must not keep open what others have seen end.
        lately = self._hosts(i for i, s in current.spans.items() if s.last_fail_bin > bin_ - RECENT)
        if restless and not (len(calm) >= 2 and lately < 2):
            return
        current.closed_bin = bin_
        state.totals.clear()
