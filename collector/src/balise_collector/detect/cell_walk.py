"""From the histories of a cell's probes to its episodes: the same histories always give the same episodes.

Lives here: the walk over the bins. It is a fold over the bins with a state (walk_state.py) that can be kept and
continued: a running block costs a step a bin, late data a walk from the start. In each bin what fails is looked at
before what is well, and only what fails can open; what is well counts once its bin is over: the rest of a bin never
takes back what was told in it. Must not live here: clocks, storage, opening and closing (opening.py, closing.py), or
anything that depends on when a verdict came.
"""

from __future__ import annotations

from typing import Final

from balise_collector.detect import closing, opening
from balise_collector.detect.cell import Segment
from balise_collector.detect.evalue import SLACK, WINDOW, Mark
from balise_collector.detect.evidence import Severity
from balise_collector.detect.participants import Participants
from balise_collector.detect.stretches import USUAL, Learned, Symbol, taken
from balise_collector.detect.tracks import Tracks
from balise_collector.detect.walk_state import Chain, OpenEpisode, Span, WalkState
from balise_wire.bins import BIN

INTERMITTENT: Final = 7200 // BIN
"""Bins within which a block that comes back is the same one (attribution.md 2.4)."""
OVER: Final = 6
"""Bins of success in a row after which a trouble outside an episode is over: half an hour."""
OVER_OF_SHARE: Final = 18
"""The same of what acts on a share of the flows: half of them fail a look of two attempts in four, and a series that
tells in ten."""
_IDLE: Final = 3
"""Bins without any observation after which time alone changes nothing."""


class CellWalk:
    """The walk over one cell."""

    def __init__(self, participants: Participants, state: WalkState, until: int, whole: int | None = None) -> None:
        """Prepare a walk.

        Args:
            participants: of the cell.
            state: where it goes on; it is changed.
            until: last bin.
            whole: last bin that is over; ``until`` where that is not said.
        """
        self.participants = participants
        self.state = state
        self.until = until
        self.whole = until if whole is None else whole
        self._well = [code.severity == Severity.OK for code in participants.codes]
        # What was walked before is in the state: a walk that goes on costs what is new, not what is kept.
        self.tracks = Tracks(participants, state.next_bin)
        self.bin = 0
        """The bin that is walked."""
        self.company = 0
        """Bin before which two witnesses at least are known to be there."""

    def run(self) -> WalkState:
        """Walk every bin up to and including ``until``."""
        state, tracks, stop = self.state, self.tracks, self.until + 1
        bin_ = state.next_bin or (stop if tracks.first is None else tracks.first)
        observed = bin_
        while bin_ <= self.until:
            self._lay_down(bin_)
            if not state.spans and self._open() is None:
                ahead = tracks.next_failure(bin_, stop)
                if ahead > bin_:
                    tracks.pass_all(state, ahead)
                    bin_ = ahead
                    continue
            if self._step(bin_):
                observed = bin_
            elif bin_ - observed > _IDLE:
                # Nothing was seen for so long that time alone changes no sum, no count and no end.
                bin_ = tracks.next_observed(bin_, stop)
                continue
            bin_ += 1
        self._lay_down(stop)
        tracks.pass_all(state, min(self.until, self.whole) + 1, self._in_trouble())
        state.next_bin = max(state.next_bin, stop)
        return state

    def _lay_down(self, bin_: int) -> None:
        """Lay a closed episode with the others once it can no longer come back."""
        current = self.state.current
        if current is not None and current.closed_bin is not None and bin_ - current.closed_bin > INTERMITTENT:
            self.state.done.append(current)
            self.state.current = None

    def _open(self) -> OpenEpisode | None:
        """Return the episode that is open."""
        current = self.state.current
        return None if current is None or current.closed_bin is not None else current

    def _in_trouble(self) -> set[int]:
        """Return the probes that are looked at bin by bin."""
        current = self._open()
        return {*self.state.spans, *(current.spans if current is not None else ())}

    def _step(self, bin_: int) -> bool:
        """Walk one bin; returns whether anything was observed in it."""
        state, tracks = self.state, self.tracks
        self.bin = bin_
        failing = tracks.failing(bin_)
        if failing:
            self._fail_all(failing, bin_)
        if bin_ > self.whole:
            return bool(failing) or tracks.is_observed(bin_)
        observed = bool(failing)
        for index in sorted(self._in_trouble()):
            segment = tracks.at(index, bin_)
            if segment is None:
                continue
            observed, state.last_seen[index] = True, bin_
            if self._well[segment.code] and not self._says_nothing(index, segment):
                self._ok(index, segment, bin_)
            tracks.passed(index, bin_)
        if self._open() is not None:
            tracks.pass_all(state, bin_ + 1, self._in_trouble())
            closing.maybe_close(self.participants, state, bin_)
        return observed or tracks.is_observed(bin_)

    def _fail_all(self, failing: list[int], bin_: int) -> None:
        """Note who fails in a bin, and look whether that opens."""
        state, stop = self.state, min(bin_, self.whole + 1)
        trouble = self._in_trouble()
        before: dict[int, int] = {}
        for index in failing:
            if index not in trouble:
                self.tracks.pass_over(state, index, stop)
            before[index] = state.last_seen.get(index, bin_ - opening.PRESENT)
            segment = self.tracks.at(index, bin_)
            if segment is not None:
                state.last_seen[index] = bin_
                self._fail(index, segment, bin_)
                self.tracks.passed(index, bin_)
        if bin_ < self.company and not opening.is_shared(self.participants, state, bin_):
            return
        self.tracks.pass_all(state, stop, self._in_trouble())
        seen = {**state.last_seen, **before}
        self.company = opening.company(self.participants, seen)
        opening.maybe_open(self.participants, state, bin_, opening.present(self.participants, seen, bin_))

    # ------------------------------------------------------------ one probe, one bin

    def _mark(self, index: int, chain: Chain, at: int, symbol: Symbol) -> float:
        """Take one bin into the chain of a probe in trouble; returns its nats for a block that holds."""
        bin_, learned = self.bin, self.state.learned.get(index)
        ratios = USUAL if learned is None else learned.ratios(bin_, self.participants.series[index].runs[1])
        nats, chain.held = taken(self.participants.null, chain.held, symbol, ratios)
        chain.marks.append(Mark(at, symbol is not Symbol.OK, nats))
        self._fold(index, chain.marks, (bin_ - WINDOW) * BIN)
        return nats[0]

    def _fold(self, index: int, marks: list[Mark], before: int) -> None:
        """Let go of old bins; of a trouble that goes on they stay as one, at its beginning."""
        if marks[0].at >= before:
            return
        span = self._span(index)
        goes_on = span is not None and marks[0].fails and span.first_fail <= marks[0].at + SLACK
        while len(marks) > 1 and marks[1].at < before:
            head = marks.pop(0)
            if goes_on:
                one, two, three, four = (a + b for a, b in zip(head.nats, marks[0].nats, strict=True))
                marks[0] = Mark(head.at, True, (one, two, three, four))
        if not goes_on and marks[0].at < before:
            del marks[0]

    def _span(self, index: int) -> Span | None:
        """Return a probe's span, inside the open episode or outside."""
        current = self.state.current
        if index in self.state.spans or current is None or current.closed_bin is not None:
            return self.state.spans.get(index)
        return current.spans.get(index)

    def _home(self, index: int) -> dict[int, Span]:
        """Return where a probe's new span belongs: what one witness tells of alone takes in nobody else."""
        current, who = self.state.current, self.participants.operator
        if current is None or current.closed_bin is not None:
            return self.state.spans
        ours = current.shared or who(index) in {who(other) for other in current.spans}
        return current.spans if ours else self.state.spans

    def _fail(self, index: int, segment: Segment, bin_: int) -> None:
        """Note one failing bin."""
        state, symbol = self.state, self.participants.codes[segment.code].symbol
        found = self._span(index)
        fresh = (found is None or found.calm > 0) and segment.first_bin == bin_
        at = max(segment.first, state.last_ok.get(index, 0)) if fresh else bin_ * BIN
        nats = self._mark(index, state.chains.setdefault(index, Chain()), at, symbol)
        if found is None:
            spans = self._home(index)
            last_ok = self._last_ok(index, segment)
            found = spans[index] = Span(
                last_ok=last_ok,
                first_fail=max(segment.first, last_ok or 0),
                last_fail=segment.last,
                last_fail_bin=bin_,
                surprise=nats,
                symbol=symbol,
                seen_ok_before=last_ok is not None or self.participants.series[index].ever_ok,
            )
        found.last_fail, found.last_fail_bin = segment.last, bin_
        if found.calm:
            found.lull, found.row = max(found.lull, found.calm), 0
        found.first_ok, found.calm = None, 0
        found.failing += 1
        found.observed += 1
        found.row += 1
        found.longest = max(found.longest, found.row)
        if symbol in {Symbol.FAIL, Symbol.PROOF, Symbol.SHARE}:
            found.hard += 1
            found.last_hard = bin_
        found.rules[segment.code] = found.rules.get(segment.code, 0) + 1

    def _last_ok(self, index: int, segment: Segment) -> int | None:
        """Return when a probe was last well in what fails now: an ok that did not look at it brackets nothing."""
        codes, last = self.participants.codes, self.state.last_ok.get(index)
        looks = self.participants.series[index].looks
        own = None if looks is None else looks.last_ok(segment.first)
        if last is not None and own is not None:
            last = min(last, own)
        mechanism = codes[segment.code].mechanism
        if mechanism is None or not any(mechanism in code.blind_to for code in codes):
            return last
        looked = [
            min(run.last, segment.first)
            for run in self.participants.series[index].list()
            if run.first <= segment.first
            and codes[run.code].severity == Severity.OK
            and mechanism not in codes[run.code].blind_to
        ]
        return max(looked, default=None)

    def _says_nothing(self, index: int, segment: Segment) -> bool:
        """Whether an ok does not look at what fails here.

        Bytes of a hello say nothing of a false certificate, and one host of a role nothing of another, for two hours.
        """
        blind, looks = self.participants.codes[segment.code].blind_to, self.participants.series[index].looks
        span = self._span(index) if blind or looks is not None else None
        if span is None:
            return False
        near = self.bin - span.last_fail_bin <= INTERMITTENT
        if looks is not None and near and looks.says_nothing(span.last_fail, (self.bin + 1) * BIN):
            return True
        return bool(blind) and all(self.participants.codes[code].mechanism in blind for code in span.rules)

    def _over(self, span: Span) -> int:
        """Return after how many bins of success a trouble is over."""
        codes = self.participants.codes
        return OVER_OF_SHARE if any(codes[code].symbol is Symbol.SHARE for code in span.rules) else OVER

    def _ok(self, index: int, segment: Segment, bin_: int) -> None:
        """Note one bin of success."""
        state, found = self.state, self._span(index)
        state.last_ok[index] = segment.last
        if found is None:
            return
        self._mark(index, state.chains.setdefault(index, Chain()), bin_ * BIN, Symbol.OK)
        found.observed += 1
        found.calm += 1
        if found.first_ok is None:
            found.first_ok = max(segment.first, found.last_fail)
        if found.calm >= self._over(found) and index in state.spans:
            # A trouble that came to nothing is noise, and is learned as such.
            del state.spans[index], state.chains[index]
            state.learned.setdefault(index, Learned()).add(found.first_fail // BIN, failing=found.hard > 0)
