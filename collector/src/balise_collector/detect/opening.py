"""When a cell opens: the e-detector's bound with two witnesses, or the slow way in for a few of many.

Lives here: who counts, who began together, what an episode takes in. Must not live here: what a bin is worth
(stretches.py), the statistic (evalue.py), the numbers (thresholds.py), the end (closing.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from balise_collector.detect import thresholds
from balise_collector.detect.evalue import MOST, NOTHING, SLACK, Mark, Statistic, beginnings, statistic
from balise_collector.detect.evidence import Severity
from balise_collector.detect.participants import Participants
from balise_collector.detect.stretches import drowned
from balise_collector.detect.walk_state import OpenEpisode, Span, WalkState
from balise_wire.bins import BIN

LATELY: Final = 6
"""Bins within which two witnesses must each have a whole failure: half an hour."""
PRESENT: Final = 86_400 // BIN
"""A probe that was seen within so many bins counts into N."""
PAIR: Final = 2
_ROLL_OUT: Final = 7200
"""Seconds within which the beginnings of a roll-out lie."""
_GROWS: Final = 6
"""Bins for which the score of an open episode grows: the promise is about the opening, and three hosts say it all."""
_SUMMED: Final = 2.5
"""Nats that adding up over moments can bring; a block that a dozen of them could have begun in."""
_BEFORE: Final = 6
"""Successes before a trouble that are looked at: they leave nothing of an earlier moment, and more leave no less."""
_HEARD: Final = 2
"""Bins since its last word in which a probe would have told of a block."""
_PART: Final = 3.0
"""Nats since the likeliest beginning from which on a probe is one of those that open."""


class Present(NamedTuple):
    """Who was there before a bin."""

    boards: int
    witnesses: int


def present(participants: Participants, last_seen: Mapping[int, int], bin_: int) -> Present:
    """Return the boards seen within a day before a bin, and the witnesses that they are."""
    seen = [index for index, when in last_seen.items() if when > bin_ - PRESENT]
    return Present(len(seen), participants.hosts(seen))


def company(participants: Participants, last_seen: Mapping[int, int]) -> int:
    """Return the bin before which two witnesses at least are present, were nothing else seen."""
    newest: dict[str, int] = {}
    for index, when in last_seen.items():
        who = participants.operator(index)
        newest[who] = max(when, newest.get(who, when))
    return sorted(newest.values())[-PAIR] + PRESENT if len(newest) >= PAIR else 0


def is_shared(participants: Participants, state: WalkState, bin_: int) -> bool:
    """Whether more than one witness is in trouble: where several are present, one's trouble opens nothing."""
    current = state.current
    if current is not None and current.closed_bin is None and current.shared:
        return True
    return participants.hosts(_hard(participants, _spans(participants, state, bin_), bin_)) >= PAIR


def maybe_open(participants: Participants, state: WalkState, bin_: int, before: Present) -> None:
    """Open, resume or confirm where a bin's failures suffice.

    Args:
        participants: of the cell.
        state: with the bin's failures, and without its successes; it is changed.
        bin_: the bin.
        before: who was there before it.
    """
    current = state.current
    if current is not None and current.closed_bin is None and current.shared:
        _score(participants, state, bin_, current)
        return
    if before.witnesses <= 1:
        _open_alone(participants, state, bin_, before)
    spans = _spans(participants, state, bin_)
    hard = _hard(participants, spans, bin_)
    if participants.hosts(hard) < PAIR:
        return
    found, most = NOTHING, _can_reach(participants, state, spans)
    if most and _statistic(participants, state, bin_, well=False).score > thresholds.BOUND:
        found = _statistic(participants, state, bin_)
    members = [i for i in hard if found.parts.get(i, 0.0) >= _PART]
    if participants.hosts(members) < PAIR or not _stands_out(participants, spans, found):
        members = _slowly(participants, spans, hard, before.witnesses)
        if members and most and found is NOTHING:
            found = _statistic(participants, state, bin_)
    if members:
        _open(participants, state, bin_, found, members)


def _stands_out(participants: Participants, spans: Mapping[int, Span], found: Statistic) -> bool:
    """Whether a score passes the bound, and does so still beside the noise of the minutes before it began."""
    if found.score <= thresholds.BOUND:
        return False
    ours = [i for i in spans if found.parts.get(i, 0.0) > 0.0]
    before = min((spans[i].first_fail // BIN for i in ours), default=0)
    lost = (
        drowned(spans[i].surprise, participants.noise(participants.series[i], before), symbol=spans[i].symbol)
        for i in ours
    )
    return found.score - sum(lost) > thresholds.BOUND


def _can_reach(participants: Participants, state: WalkState, spans: Mapping[int, Span]) -> bool:
    """Whether what failed can reach the bound at all, were nothing else seen: a cheap look before the sum."""
    most: dict[str, float] = {}
    for index in spans:
        rises = sum(max(0.0, *mark.nats) for mark in _marks(state, index) if mark.fails)
        who = participants.operator(index)
        most[who] = max(most.get(who, 0.0), min(MOST, rises))
    return sum(most.values()) > thresholds.BOUND - _SUMMED


def _score(participants: Participants, state: WalkState, bin_: int, current: OpenEpisode) -> None:
    """Let the score of a young episode grow with what it still learns."""
    if bin_ <= current.opened_bin + _GROWS:
        current.score = max(current.score, _statistic(participants, state, bin_).score)


def _statistic(participants: Participants, state: WalkState, bin_: int, *, well: bool = True) -> Statistic:
    """Return the statistic of a cell with the failures of a bin, and with the successes of the bins before it.

    Without those who are ``well`` all along it is at least as high: nothing of theirs speaks for a block.
    """
    held = {i: chain.marks for i, chain in state.chains.items() if chain.marks}
    first = min((begin // BIN for marks in held.values() for begin in beginnings(marks)), default=bin_)
    marks: dict[int, Sequence[Mark]] = {}
    blind = participants.blind(code for span in _spans(participants, state, bin_).values() for code in span.rules)
    for index, when in state.last_seen.items():
        ours = held.get(index, [])
        if (not ours and (not well or when < bin_ - _HEARD)) or not _bears_witness(participants, state, index, bin_):
            continue
        # Whatever failed before what is held of it, a probe was well right before: that a moment lies hours back must
        # not hide it.
        before = min(bin_, ours[0].at // BIN + 1) if ours else bin_
        shown = [*participants.well(index, max(first, before - _BEFORE) - 1, before, blind), *ours]
        if shown or not blind:  # Who looked at nothing of what fails is no word for a block, and none against it.
            marks[index] = shown
    return statistic(marks, {i: participants.operator(i) for i in marks})


def _hard(participants: Participants, spans: Mapping[int, Span], bin_: int) -> list[int]:
    """Return whose whole failure, or whose silence, is of the last half hour."""
    return [i for i, s in spans.items() if s.last_hard > bin_ - LATELY or _is_silent(participants, s, bin_)]


def _is_silent(participants: Participants, span: Span, bin_: int) -> bool:
    """Whether a span is one of silence, and goes on."""
    if span.hard or span.last_fail_bin <= bin_ - LATELY:
        return False
    return all(participants.severity[code] == Severity.SILENT for code in span.rules)


def _marks(state: WalkState, index: int) -> Sequence[Mark]:
    """Return what a probe's chain holds; nothing where it has none."""
    chain = state.chains.get(index)
    return chain.marks if chain is not None else ()


def _spans(participants: Participants, state: WalkState, bin_: int) -> Mapping[int, Span]:
    """Return every span of who bears witness, those of an episode included that only one witness tells of."""
    current = state.current
    spans = {**state.spans, **(current.spans if current is not None and current.closed_bin is None else {})}
    return {i: span for i, span in spans.items() if _bears_witness(participants, state, i, bin_)}


def _bears_witness(participants: Participants, state: WalkState, index: int, bin_: int) -> bool:
    """Whether a probe bears witness: who fails alone again and again, by his line or on purpose, does not."""
    learned = state.learned.get(index)
    if learned is None or not learned.failing:
        return True
    return learned.ratios(bin_, participants.series[index].runs[1])[0] < thresholds.HABIT


def _open_alone(participants: Participants, state: WalkState, bin_: int, before: Present) -> None:
    """Open, unconfirmed, what the only witness of a cell sees; three boards of one person are no quorum."""
    current = state.current
    if (current is not None and current.closed_bin is None) or before.boards > PAIR:
        return
    ours = [
        i for i, s in state.spans.items() if s.hard >= PAIR or (s.failing >= PAIR and _is_silent(participants, s, bin_))
    ]
    if not ours or participants.hosts(state.spans) != 1:
        return
    score = max(sum(mark.nats[0] for mark in _marks(state, i)) for i in ours)
    if score >= thresholds.ALONE or all(state.spans[i].hard == 0 for i in ours):
        _take(participants, state, bin_, Statistic(score, bin_, {}), ours, thresholds.ALONE)


def _slowly(participants: Participants, spans: Mapping[int, Span], hard: Iterable[int], witnesses: int) -> list[int]:
    """Return those whose troubles have lasted, and began together (two) or one after another (more); else nobody."""
    lasting = [i for i in hard if spans[i].surprise >= thresholds.SURPRISE and spans[i].calm == 0]
    pair = [i for i in lasting if _lasted(spans[i]) >= thresholds.pair_bins(witnesses)]
    for one, other in combinations(pair, 2):
        if participants.operator(one) != participants.operator(other) and _together(spans[one], spans[other], SLACK):
            return [i for i in lasting if _together(spans[one], spans[i], SLACK)]
    for least, bins in thresholds.chain_bins(witnesses):
        many = [i for i in lasting if _lasted(spans[i]) >= bins]
        for first in many:
            chain = [i for i in many if 0 <= spans[i].first_fail - spans[first].first_fail <= _ROLL_OUT]
            if participants.hosts(chain) >= least:
                return chain
    return []


def _lasted(span: Span) -> int:
    """Return for how many bins a trouble has lasted: in time, where it was looked at in every second of them."""
    if span.lull:
        return span.row
    return max(span.row, min(2 * span.row, span.last_fail_bin - span.first_fail // BIN + 1))


def _together(a: Span, b: Span, slack: int) -> bool:
    """Whether the brackets [last ok, first failure] of two troubles meet."""
    begun = max((s.last_ok for s in (a, b) if s.last_ok is not None), default=None)
    return begun is None or begun - min(a.first_fail, b.first_fail) <= slack


def _open(participants: Participants, state: WalkState, bin_: int, found: Statistic, members: Sequence[int]) -> None:
    """Open what several witnesses see; what one of them had told of alone becomes part of it, or stays apart."""
    current = state.current
    if current is not None and current.closed_bin is None:
        state.spans.update(current.spans)
        if any(index in current.spans for index in members):
            # What one witness saw is confirmed: the same episode, under the same name.
            current.spans = {}
            _fill(state, current, members)
            current.score, current.needed, current.shared = found.score, thresholds.BOUND, True
            current.standing = not any(current.spans[i].seen_ok_before for i in members)
            return
        state.current = None
    _take(participants, state, bin_, found, members, thresholds.BOUND)


def _take(
    participants: Participants,
    state: WalkState,
    bin_: int,
    found: Statistic,
    members: Sequence[int],
    needed: float,
) -> None:
    """Open an episode, or go on with one that closed less than two hours ago."""
    standing = not any(state.spans[index].seen_ok_before for index in members)
    fresh = OpenEpisode(bin_, found.score, needed, standing, {}, shared=needed >= thresholds.BOUND)
    _fill(state, fresh, members)
    current = state.current
    if current is not None and current.closed_bin is not None:
        if current.shared or (not fresh.shared and participants.hosts({**current.spans, **fresh.spans}) == 1):
            _resume(current, fresh, bin_)
            return
        state.done.append(current)  # what one witness told of is no beginning of what others see now
    state.current = fresh


def _fill(state: WalkState, episode: OpenEpisode, members: Iterable[int]) -> None:
    """Move the spans of members, and of whoever began with them, from beside an episode into it."""
    first = min(state.spans[i].last_ok or state.spans[i].first_fail for i in members)
    for index in list(state.spans):
        if index in members or state.spans[index].first_fail >= first:
            span = episode.spans[index] = state.spans.pop(index)
            span.initial = index in members


def _resume(current: OpenEpisode, fresh: OpenEpisode, bin_: int) -> None:
    """Go on with an episode: a block that comes and goes is one."""
    gap = bin_ - (current.closed_bin or bin_)
    current.closed_bin = None
    current.reopened += 1
    current.score = max(current.score, fresh.score)
    for index, new in fresh.spans.items():
        old = current.spans.get(index)
        if old is None:
            current.spans[index] = new
            continue
        old.lull = max(old.lull, old.calm + gap, new.lull)
        old.last_fail, old.last_fail_bin, old.last_hard = new.last_fail, new.last_fail_bin, new.last_hard
        old.first_ok, old.calm, old.row = None, 0, new.row
        old.longest = max(old.longest, new.longest)
        old.initial = old.initial or new.initial
        old.hard += new.hard
        old.failing += new.failing
        old.observed += new.observed + max(0, gap - new.observed)
        for code, count in new.rules.items():
            old.rules[code] = old.rules.get(code, 0) + count
