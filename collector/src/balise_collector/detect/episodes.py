"""From an episode in the walk's own terms to what people may know of it: who is affected, when it began and ended.

Pure. Must not live here: when an episode opens or closes (cell_walk.py).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from balise_collector.detect.closing import CALM
from balise_collector.detect.evalue import SLACK
from balise_collector.detect.interval import Interval
from balise_collector.detect.membership import affected
from balise_collector.detect.model import AffectedProbe, CellKey, Episode, ProviderSpan, RuleCount
from balise_collector.detect.moments import begun, common, ended, hull
from balise_collector.detect.participants import Participants
from balise_collector.detect.stretches import Symbol
from balise_collector.detect.walk_state import OpenEpisode, Span
from balise_wire.bins import BIN

_SURE: Final = 3.0
"""Nats by which a moment must lose to be outside of a bracket (moments.py)."""
_MOST: Final = 0.75
"""Share of flows that pass, at most, that is believed of a block."""
_FAR: Final = 10
"""Successes, at most, by which an edge moves."""
_MOST_LOOKS: Final = 0.9
_FAR_LOOKS: Final = 24
"""The same of looks of two attempts, either of which is enough (``Symbol.SHARE``): half of the flows let pass three of
four of them, and most that fail come to no word."""
_SOME_PASS: Final = frozenset({Symbol.PARTIAL, Symbol.SHARE})
_AROUND: Final = 288
"""Bins, a day, within which they are looked for."""


def interval(brackets: Sequence[tuple[int | None, int]], *, passing: bool = False) -> Interval:
    """Join [earliest, latest] brackets: their intersection, or what most tell; else percentiles, ``staggered``.

    Args:
        brackets: UNIX seconds.
        passing: the block lets a share of flows pass: who was let pass contradicts nobody, and is no roll-out.
    """
    latest = min(b[1] for b in brackets)
    known = [b[0] for b in brackets if b[0] is not None]
    if not known:
        return Interval(earliest=None, latest=float(latest))
    earliest = max(known)
    if earliest <= latest:
        return Interval(earliest=float(earliest), latest=float(latest))
    if earliest - latest <= SLACK:
        return Interval(earliest=float(latest), latest=float(earliest))
    together = common(brackets, at_any_cost=passing)
    if together is not None:
        return together
    lows = sorted(known)
    highs = sorted(b[1] for b in brackets)
    return Interval(earliest=float(_percentile(lows, 0.1)), latest=float(_percentile(highs, 0.9)), staggered=True)


def _percentile(values: Sequence[int], share: float) -> int:
    """Return a percentile by nearest rank."""
    return values[min(len(values) - 1, int(share * len(values)))]


def join(intervals: Sequence[Interval], *, passing: bool = False) -> Interval:
    """Join intervals of several probes or cells into one; ``passing`` as for ``interval``."""
    brackets = [(None if i.earliest is None else int(i.earliest), int(i.latest)) for i in intervals]
    return interval(brackets, passing=passing)


def episode(key: CellKey, participants: Participants, found: OpenEpisode) -> Episode:
    """Return what people may know of one open or closed episode."""
    hit = {index: _well_again(participants, index, s) for index, s in affected(participants, found.spans).items()}
    hit = _let_pass(participants, hit)
    closed = found.closed_bin is not None
    members = tuple(
        sorted((_member(participants, index, s, closed=closed) for index, s in hit.items()), key=lambda m: m.probe)
    )
    providers = _providers(participants, hit, closed=closed)
    before = _well_before(found, hit) if found.standing else None
    standing = found.standing and before is None
    return Episode(
        id=f"{key.country}/{key.asn}/{key.access}/{key.service}/{key.role}/{key.family}/{key.layer}@{found.opened_bin}",
        key=key,
        standing=standing,
        confirmed=found.shared and participants.hosts(hit) > 1,
        onset=Interval(earliest=before, latest=min(m.onset.latest for m in members))
        if found.standing
        else hull(begun([*hit.values()]), [one.onset for one in providers]),
        end=_end(hit, providers) if closed else None,
        members=members,
        providers=providers,
        score=round(found.score, 2),
        threshold=found.needed,
        opened_bin=found.opened_bin,
        closed_bin=found.closed_bin,
        reopened=found.reopened,
    )


def _well_before(found: OpenEpisode, hit: Mapping[int, Span]) -> int | None:
    """Return when a witness last had it well before anybody met it, who met it later; UNIX seconds.

    Those who look for the first time behind a beginning know of none, and a beginning that another one of them saw is
    no standing matter.
    """
    first = min((s.first_fail for s in hit.values()), default=0)
    well = (s.last_ok for s in found.spans.values() if s.hard and s.last_ok is not None and s.last_ok < first)
    return max(well, default=None)


def _well_again(participants: Participants, index: int, span: Span) -> Span:
    """Return a span that is over when what failed was well again, and not another target of the probe."""
    looks = participants.series[index].looks
    own = None if looks is None else looks.first_ok(span.last_fail)
    if span.first_ok is None or own is None or own <= span.first_ok:
        return span
    return replace(span, first_ok=own)


def _let_pass(participants: Participants, hit: Mapping[int, Span]) -> dict[int, Span]:
    """Return spans whose brackets hold where a block lets a share of flows pass.

    One success says little then of whether it had begun, or had ended. A bracket's edge is the first success that,
    with those between it and the failures, a block of that share lets pass once in twenty times (three nats). Where
    a probe had not as many before it, each that is missing stands for a bin, as in moments.py.
    """
    bins = sum(s.observed - s.calm for s in hit.values())
    passed = bins - sum(s.failing for s in hit.values())
    partial = sum(_passed(participants, s) for s in hit.values()) - passed
    share = (passed + partial / 2 + 0.5) / (bins + 1)
    nats = _SURE + math.log(len(hit))  # The latest edge of several counts: any of them may be the one that is wrong.
    shared = any(participants.codes[code].symbol is Symbol.SHARE for s in hit.values() for code in s.rules)
    most, far = (_MOST_LOOKS, _FAR_LOOKS) if shared else (_MOST, _FAR)
    if shared:  # Spans begin and end with a failure, so that of few looks too small a share seems to pass.
        share += 2.0 * math.sqrt(share * (1.0 - share) / (bins + 1))
    successes = 1 if passed + partial / 2 < 1 else min(far, math.ceil(nats / -math.log(min(share, most))))
    return {index: _widened(participants, index, s, successes) for index, s in hit.items()}


def _passed(participants: Participants, s: Span) -> int:
    """Return in how many bins of a span some flows passed, up to its last failure."""
    partial = sum(n for code, n in s.rules.items() if participants.codes[code].symbol in _SOME_PASS)
    return s.observed - s.calm - s.failing + partial


def _widened(participants: Participants, index: int, span: Span, successes: int) -> Span:
    """Return a span with the edges of its brackets moved to the so-many-th success away from its failures."""
    if successes == 1:
        return span
    but, last_ok, first_ok = participants.blind(span.rules), span.last_ok, span.first_ok
    if last_ok is not None:
        first_bin = span.first_fail // BIN
        before = participants.well(index, first_bin - _AROUND, first_bin, but)
        more = successes - (last_ok >= first_bin * BIN)  # A bin that failed later on is none of those.
        oldest = before[0].at if before else last_ok
        last_ok = min(last_ok, before[-more].at if more <= len(before) else oldest - (more - len(before)) * BIN)
    if first_ok is not None:
        last_bin = span.last_fail_bin
        after = participants.well(index, last_bin, last_bin + _AROUND, but)
        more = successes - (first_ok < (last_bin + 1) * BIN)
        first_ok = max([first_ok, *(mark.at + BIN - 1 for mark in after[:more][-1:])])
    return replace(span, last_ok=last_ok, first_ok=first_ok)


def _providers(participants: Participants, hit: Mapping[int, Span], *, closed: bool) -> tuple[ProviderSpan, ...]:
    """Return when it began and ended on each provider."""
    groups: dict[int, list[int]] = {}
    for index in sorted(hit, key=lambda i: participants.series[i].probe):
        groups.setdefault(participants.series[index].asn, []).append(index)
    return tuple(
        ProviderSpan(
            asn=asn,
            onset=begun([hit[i] for i in ours]).interval,
            end=_ended(ours, hit, closed=closed),
            probes=tuple(participants.series[i].probe for i in ours),
            witnesses=participants.hosts(ours),
        )
        for asn, ours in sorted(groups.items())
    )


def _ended(ours: Sequence[int], hit: Mapping[int, Span], *, closed: bool) -> Interval | None:
    """Return when it ended on one provider: when all of its probes are well, or the episode is over."""
    well = [hit[i] for i in ours if hit[i].first_ok is not None and (closed or hit[i].calm >= CALM)]
    if not well or (len(well) < len(ours) and not closed):
        return None
    return ended(well).interval


def _end(hit: Mapping[int, Span], providers: Sequence[ProviderSpan]) -> Interval | None:
    """Return when a closed episode ended; ``None`` where nobody was seen to be well again."""
    well = [s for s in hit.values() if s.first_ok is not None]
    return hull(ended(well), [one.end for one in providers if one.end is not None]) if well else None


def _member(participants: Participants, index: int, s: Span, *, closed: bool) -> AffectedProbe:
    """Return one affected probe."""
    series = participants.series[index]
    rules = [
        RuleCount(
            rule=participants.codes[c].rule,
            state=participants.codes[c].state,
            mechanism=participants.codes[c].mechanism,
            bins=n,
        )
        for c, n in s.rules.items()
    ]
    end = None
    if closed and s.first_ok is not None:
        end = Interval(earliest=float(s.last_fail), latest=float(s.first_ok))
    return AffectedProbe(
        probe=series.probe,
        country=series.country,
        asn=series.asn,
        onset=Interval(earliest=None if s.last_ok is None else float(s.last_ok), latest=float(s.first_fail)),
        end=end,
        rules=tuple(sorted(rules, key=lambda r: (-r.bins, r.rule))),
        failing_bins=s.failing,
        observed_bins=s.observed,
        passed_bins=_passed(participants, s),
    )
