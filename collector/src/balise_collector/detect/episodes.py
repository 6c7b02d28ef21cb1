"""From an episode in the walk's own terms to what people may know of it: who is affected, when it began and ended.

Pure. Must not live here: when an episode opens or closes (cell_walk.py).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from balise_collector.detect.cell_walk import Participants
from balise_collector.detect.interval import Interval
from balise_collector.detect.model import AffectedProbe, CellKey, Episode, ProviderSpan, RuleCount
from balise_collector.detect.walk_state import OpenEpisode, Span

SLACK: Final = 60
"""Seconds by which brackets may miss each other and still tell one moment: clocks and rounding."""


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


def _affected(spans: Mapping[int, Span]) -> dict[int, Span]:
    """Return who is affected: two failing bins or more; where nobody has two, whoever failed."""
    twice = {index: s for index, s in spans.items() if s.failing >= 2}
    return twice or {index: s for index, s in spans.items() if s.failing}


def episode(key: CellKey, participants: Participants, found: OpenEpisode) -> Episode:
    """Return what people may know of one open or closed episode."""
    affected = _affected(found.spans)
    closed = found.closed_bin is not None
    members = tuple(
        sorted((_member(participants, index, s, closed=closed) for index, s in affected.items()), key=lambda m: m.probe)
    )
    ends = [m.end for m in members if m.end is not None]
    return Episode(
        id=f"{key.country}/{key.asn}/{key.access}/{key.service}/{key.role}/{key.family}/{key.layer}@{found.opened_bin}",
        key=key,
        standing=found.standing,
        confirmed=len({participants.operator(index) for index in affected}) > 1,
        onset=Interval(earliest=None, latest=min(m.onset.latest for m in members))
        if found.standing
        else join([m.onset for m in members if m.onset.earliest is not None] or [m.onset for m in members]),
        end=join(ends) if closed and ends else None,
        members=members,
        providers=_providers(participants, members),
        score=round(found.score, 2),
        threshold=found.needed,
        opened_bin=found.opened_bin,
        closed_bin=found.closed_bin,
        reopened=found.reopened,
    )


def _providers(participants: Participants, members: Sequence[AffectedProbe]) -> tuple[ProviderSpan, ...]:
    """Return when it began and ended on each provider; what nobody saw begin takes its moment from those who did."""
    return tuple(
        ProviderSpan(
            asn=asn,
            onset=join([m.onset for m in ours if m.onset.earliest is not None] or [m.onset for m in ours]),
            end=join([m.end for m in ours if m.end is not None]) if all(m.end is not None for m in ours) else None,
            probes=tuple(m.probe for m in ours),
            witnesses=len({participants.operators.get(m.probe, m.probe) for m in ours}),
        )
        for asn in sorted({m.asn for m in members})
        for ours in ([m for m in members if m.asn == asn],)
    )


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
    )
