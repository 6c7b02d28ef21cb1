"""From an episode in the walk's own terms to what people may know of it: who is affected, when it began and ended.

Pure. Must not live here: when an episode opens or closes (cell_walk.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from balise_collector.detect.closing import CALM
from balise_collector.detect.evalue import SLACK
from balise_collector.detect.interval import Interval
from balise_collector.detect.membership import affected
from balise_collector.detect.model import AffectedProbe, CellKey, Episode, ProviderSpan, RuleCount
from balise_collector.detect.moments import begun, common, ended, hull
from balise_collector.detect.participants import Participants
from balise_collector.detect.walk_state import OpenEpisode, Span


def interval(brackets: Sequence[tuple[int | None, int]]) -> Interval:
    """Join [earliest, latest] brackets: their intersection, or what most tell; else percentiles, ``staggered``."""
    latest = min(b[1] for b in brackets)
    known = [b[0] for b in brackets if b[0] is not None]
    if not known:
        return Interval(earliest=None, latest=float(latest))
    earliest = max(known)
    if earliest <= latest:
        return Interval(earliest=float(earliest), latest=float(latest))
    if earliest - latest <= SLACK:
        return Interval(earliest=float(latest), latest=float(earliest))
    together = common(brackets)
    if together is not None:
        return together
    lows = sorted(known)
    highs = sorted(b[1] for b in brackets)
    return Interval(earliest=float(_percentile(lows, 0.1)), latest=float(_percentile(highs, 0.9)), staggered=True)


def _percentile(values: Sequence[int], share: float) -> int:
    """Return a percentile by nearest rank."""
    return values[min(len(values) - 1, int(share * len(values)))]


def join(intervals: Sequence[Interval]) -> Interval:
    """Join intervals of several probes or cells into one."""
    return interval([(None if i.earliest is None else int(i.earliest), int(i.latest)) for i in intervals])


def episode(key: CellKey, participants: Participants, found: OpenEpisode) -> Episode:
    """Return what people may know of one open or closed episode."""
    hit = {index: _well_again(participants, index, s) for index, s in affected(participants, found.spans).items()}
    closed = found.closed_bin is not None
    members = tuple(
        sorted((_member(participants, index, s, closed=closed) for index, s in hit.items()), key=lambda m: m.probe)
    )
    providers = _providers(participants, hit, closed=closed)
    return Episode(
        id=f"{key.country}/{key.asn}/{key.access}/{key.service}/{key.role}/{key.family}/{key.layer}@{found.opened_bin}",
        key=key,
        standing=found.standing,
        confirmed=found.shared and participants.hosts(hit) > 1,
        onset=Interval(earliest=None, latest=min(m.onset.latest for m in members))
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


def _well_again(participants: Participants, index: int, span: Span) -> Span:
    """Return a span that is over when what failed was well again, and not another target of the probe."""
    looks = participants.series[index].looks
    own = None if looks is None else looks.first_ok(span.last_fail)
    if span.first_ok is None or own is None or own <= span.first_ok:
        return span
    return replace(span, first_ok=own)


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
    )
