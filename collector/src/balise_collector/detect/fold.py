"""From the histories of a cell's probes to its episodes: the same histories always give the same episodes.

Lives here: the walk over the bins, the opening and closing rules, onsets and ends. It is a fold over the bins with a
state that can be kept and continued: a running block costs a step a bin, late data a walk from the start. Must not live
here: clocks, storage, or anything that depends on when a verdict came.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from balise_collector.detect import cusum, mixture, thresholds
from balise_collector.detect.cells import CellKey, Episode, Member, RuleCount
from balise_collector.detect.evidence import Severity, weight
from balise_collector.detect.interval import Interval
from balise_collector.detect.series import Segment, segments
from balise_collector.detect.thresholds import FIRM, lasting_bins, opens, threshold
from balise_wire.bins import BIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from balise_collector.detect.evidence import Code
    from balise_collector.detect.series import Series

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
SLACK: Final = 60
"""Seconds by which brackets may miss each other and still tell one moment: clocks and rounding."""


@dataclass(slots=True)
class _Stretch:
    """How one probe does inside an episode, or on the way to one."""

    last_ok: int | None
    first_fail: int
    last_fail: int
    last_fail_bin: int
    first_ok: int | None = None
    calm: int = 0
    failing: int = 0
    observed: int = 0
    seen_ok_before: bool = False
    rules: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Open:
    """The episode that is open, or was closed so lately that it may come back."""

    opened_bin: int
    score: float
    needed: float
    standing: bool
    stretches: dict[int, _Stretch]
    closed_bin: int | None = None
    reopened: int = 0

    def copy(self) -> _Open:
        """Return an episode that can be walked on without changing this one."""
        return replace(self, stretches=_copies(self.stretches))


@dataclass(slots=True)
class FoldState:
    """Everything the walk needs to go on from a bin."""

    next_bin: int = 0
    totals: dict[int, float] = field(default_factory=dict)
    """W by index of the series; absent is 0."""
    stretches: dict[int, _Stretch] = field(default_factory=dict)
    """Stretches of probes with W > 0 outside an open episode."""
    last_ok: dict[int, int] = field(default_factory=dict)
    last_seen: dict[int, int] = field(default_factory=dict)
    """Bin of each series' newest observation."""
    quiet: int = 0
    """Observed bins outside episodes."""
    noise: int = 0
    """Failing bins outside episodes that came to nothing."""
    current: _Open | None = None
    done: list[_Open] = field(default_factory=list)

    def copy(self) -> FoldState:
        """Return a state that can be walked on without changing this one."""
        return replace(
            self,
            totals=dict(self.totals),
            stretches=_copies(self.stretches),
            last_ok=dict(self.last_ok),
            last_seen=dict(self.last_seen),
            current=None if self.current is None else self.current.copy(),
            done=[found.copy() for found in self.done],
        )


def _copies(stretches: Mapping[int, _Stretch]) -> dict[int, _Stretch]:
    """Return stretches that can be walked on without changing these."""
    return {index: replace(stretch, rules=dict(stretch.rules)) for index, stretch in stretches.items()}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part in a fold: the probes' histories, the codes, and which probes belong together."""

    series: Sequence[Series]
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


class Fold:
    """The walk over one cell."""

    def __init__(self, cast: Cast, state: FoldState, until: int) -> None:
        self.cast = cast
        self.state = state
        self.until = until
        # What was walked before is in the state: a walk that goes on costs what is new, not what is kept.
        self.tracks: list[list[Segment]] = [segments(s.list(state.next_bin), cast.severity) for s in cast.series]
        self.place = [0] * len(self.tracks)

    def run(self) -> FoldState:
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
                if self.cast.codes[segment.code].positive:
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
                code = self.cast.codes[segment.code]
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
            self.state.stretches.update(current.stretches)
            self.state.current = current = None
        if current is not None and current.closed_bin is None:
            self._maybe_close(current, bin_)
        else:
            self._maybe_open(bin_)
        return observed

    # ------------------------------------------------------------ one probe, one bin

    def _observe(self, index: int, segment: Segment, bin_: int) -> None:
        """Take one probe's bin into its sum and its stretch."""
        state = self.state
        code = self.cast.codes[segment.code]
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
        """A stretch that came to nothing is noise, and is learned as such."""
        stretch = self.state.stretches.pop(index, None)
        if stretch is not None:
            self.state.noise += stretch.failing
            self.state.quiet += stretch.observed
        elif code.severity == Severity.OK:
            self.state.quiet += 1

    def _stretches(self) -> dict[int, _Stretch]:
        """Return where stretches are kept now: in the open episode, else beside it."""
        current = self.state.current
        return current.stretches if current is not None and current.closed_bin is None else self.state.stretches

    def _fail(self, index: int, segment: Segment, bin_: int) -> None:
        """Note one failing bin."""
        stretches, state = self._stretches(), self.state
        found = stretches.get(index)
        if found is None:
            last_ok = state.last_ok.get(index)
            found = stretches[index] = _Stretch(
                last_ok=last_ok,
                first_fail=max(segment.first, last_ok or 0),
                last_fail=segment.last,
                last_fail_bin=bin_,
                seen_ok_before=last_ok is not None or self.cast.series[index].ever_ok,
            )
        found.last_fail, found.last_fail_bin = segment.last, bin_
        found.first_ok, found.calm = None, 0
        found.failing += 1
        found.observed += 1
        found.rules[segment.code] = found.rules.get(segment.code, 0) + 1

    def _ok(self, index: int, segment: Segment) -> None:
        """Note one bin of success."""
        found = self._stretches().get(index)
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

    def _failing(self, stretches: Mapping[int, _Stretch], bin_: int) -> list[int]:
        """Return the series that failed within the last 15 minutes and are counted as failing."""
        return [
            index
            for index, s in stretches.items()
            if index in self.state.totals
            and s.last_fail_bin > bin_ - RECENT
            and any(self.cast.codes[code].fails for code in s.rules)
        ]

    def _hosts(self, indexes: Iterable[int]) -> int:
        """Count witnesses: one person's three boards are one."""
        return len({self.cast.operator(index) for index in indexes})

    def _is_contradicted(self, current: _Open, bin_: int) -> bool:
        """Whether an episode that one witness tells of stands against another one, who is well in the same cell.

        It was opened while there was nobody else. It must not stay and take in, as its own, what others see later.
        """
        (first, *more) = {self.cast.operator(index) for index in current.stretches}
        if more:
            return False
        others = (index for index, ok in self.state.last_ok.items() if ok // BIN > bin_ - RECENT)
        return any(self.cast.operator(index) != first for index in others)

    def _together(self, failing: Sequence[int]) -> list[int]:
        """Return those whose trouble began together: of several such groups the one with most witnesses, the newest.

        A liar who cries always, or a home that is broken for good, must not confirm the next trouble of another one,
        and must not date it.
        """
        groups: list[list[int]] = []
        for index in sorted(failing, key=lambda i: self.state.stretches[i].first_fail):
            near = [group for group in groups if any(self._begin_together(index, other) for other in group)]
            groups = [group for group in groups if group not in near]
            groups.append([*(member for group in near for member in group), index])
        return max(groups, key=lambda group: (self._hosts(group), max(group)), default=[])

    def _begin_together(self, one: int, other: int) -> bool:
        """Whether the brackets [last ok, first failure] of two troubles lie within an hour."""
        a, b = self.state.stretches[one], self.state.stretches[other]
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
        lately = self._failing(state.stretches, bin_)
        failing = self._together(lately)
        apart = set(lately) - set(failing)
        score = mixture.mixture(self.cast.most_of_each({i: w for i, w in state.totals.items() if i not in apart}))
        firm = [i for i in failing if state.stretches[i].failing >= FIRM]
        saturated = [i for i in failing if state.totals[i] >= cusum.MOST]
        lasting = [i for i in saturated if state.stretches[i].failing >= lasting_bins(present)]
        if not opens(present, score, *map(self._hosts, (failing, firm, lasting))):
            return
        needed = threshold(present)
        standing = not any(state.stretches[index].seen_ok_before for index in failing)
        opened = {i: s for i, s in state.stretches.items() if i in state.totals and i not in apart}
        state.stretches = {i: s for i, s in state.stretches.items() if i in apart}
        current = state.current
        if current is not None and current.closed_bin is not None:
            if self._hosts(current.stretches) > 1 or self._hosts({**current.stretches, **opened}) == 1:
                self._resume(current, opened, bin_, score)
                return
            state.done.append(current)  # what one witness told of is no beginning of what others see now
        state.current = _Open(bin_, score, needed, standing, opened)

    @staticmethod
    def _resume(current: _Open, opened: dict[int, _Stretch], bin_: int, score: float) -> None:
        """Go on with an episode that closed less than two hours ago: an intermittent block is one episode."""
        gap = bin_ - (current.closed_bin or bin_)
        current.closed_bin = None
        current.reopened += 1
        current.score = max(current.score, score)
        for index, fresh in opened.items():
            old = current.stretches.get(index)
            if old is None:
                current.stretches[index] = fresh
                continue
            old.last_fail, old.last_fail_bin = fresh.last_fail, fresh.last_fail_bin
            old.first_ok, old.calm = None, 0
            old.failing += fresh.failing
            old.observed += fresh.observed + max(0, gap - fresh.observed)
            for code, count in fresh.rules.items():
                old.rules[code] = old.rules.get(code, 0) + count

    def _maybe_close(self, current: _Open, bin_: int) -> None:
        """Close on observed success only; silence keeps an episode as it is."""
        state = self.state
        current.score = max(current.score, mixture.mixture(self.cast.most_of_each(state.totals)))
        restless = {self.cast.operator(i) for i, s in current.stretches.items() if s.calm < CALM}
        calm = {self.cast.operator(i) for i in current.stretches} - restless
        # One that goes on failing is its own trouble: it must not keep open what others have seen end.
        lately = self._hosts(i for i, s in current.stretches.items() if s.last_fail_bin > bin_ - RECENT)
        if restless and not (len(calm) >= 2 and lately < 2):
            return
        current.closed_bin = bin_
        state.totals.clear()

    # ------------------------------------------------------------ telling of it


def interval(brackets: Sequence[tuple[int | None, int]]) -> Interval:
    """Join [earliest, latest] brackets: their intersection, else 10th and 90th percentile, flagged ``staggered``."""
    latest = min(b[1] for b in brackets)
    known = [b[0] for b in brackets if b[0] is not None]
    if not known:
        return Interval(earliest=None, latest=float(latest))
    earliest = max(known)
    if earliest <= latest:
        return Interval(earliest=float(earliest), latest=float(latest))
    if earliest - latest <= SLACK:
        return Interval(earliest=float(latest), latest=float(earliest))
    lows = sorted(known)
    highs = sorted(b[1] for b in brackets)
    return Interval(earliest=float(_percentile(lows, 0.1)), latest=float(_percentile(highs, 0.9)), staggered=True)


def _percentile(values: Sequence[int], share: float) -> int:
    """Return a percentile by nearest rank."""
    return values[min(len(values) - 1, int(share * len(values)))]


def join(intervals: Sequence[Interval]) -> Interval:
    """Join intervals of several probes or cells into one."""
    return interval([(None if i.earliest is None else int(i.earliest), int(i.latest)) for i in intervals])


def _affected(stretches: Mapping[int, _Stretch]) -> dict[int, _Stretch]:
    """Return who is affected: two failing bins or more; where nobody has two, whoever failed."""
    twice = {index: s for index, s in stretches.items() if s.failing >= 2}
    return twice or {index: s for index, s in stretches.items() if s.failing}


def episode(key: CellKey, cast: Cast, found: _Open) -> Episode:
    """Return what people may know of one open or closed episode."""
    affected = _affected(found.stretches)
    closed = found.closed_bin is not None
    members = tuple(
        sorted((_member(cast, index, s, closed=closed) for index, s in affected.items()), key=lambda m: m.probe)
    )
    ends = [m.end for m in members if m.end is not None]
    return Episode(
        id=f"{key.country}/{key.asn}/{key.access}/{key.service}/{key.role}/{key.family}/{key.layer}@{found.opened_bin}",
        key=key,
        standing=found.standing,
        confirmed=len({cast.operator(index) for index in affected}) > 1,
        onset=Interval(earliest=None, latest=min(m.onset.latest for m in members))
        if found.standing
        else join([m.onset for m in members if m.onset.earliest is not None] or [m.onset for m in members]),
        end=join(ends) if closed and ends else None,
        members=members,
        score=round(found.score, 2),
        threshold=found.needed,
        opened_bin=found.opened_bin,
        closed_bin=found.closed_bin,
        reopened=found.reopened,
    )


def _member(cast: Cast, index: int, s: _Stretch, *, closed: bool) -> Member:
    """Return one affected probe."""
    series = cast.series[index]
    rules = [
        RuleCount(rule=cast.codes[c].rule, state=cast.codes[c].state, mechanism=cast.codes[c].mechanism, bins=n)
        for c, n in s.rules.items()
    ]
    end = None
    if closed and s.first_ok is not None:
        end = Interval(earliest=float(s.last_fail), latest=float(s.first_ok))
    return Member(
        probe=series.probe,
        country=series.country,
        asn=series.asn,
        onset=Interval(earliest=None if s.last_ok is None else float(s.last_ok), latest=float(s.first_fail)),
        end=end,
        rules=tuple(sorted(rules, key=lambda r: (-r.bins, r.rule))),
        failing_bins=s.failing,
        observed_bins=s.observed,
    )
