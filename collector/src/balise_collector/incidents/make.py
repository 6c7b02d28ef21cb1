"""The making of one incident from its episodes: who is affected, since when, how, and how sure that is.

Pure; the detector is asked for what probes saw. Must not live here: which episodes are one event (clusters.py), or
what was said of it before (book.py).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from balise_collector.detect.detector import Detector
from balise_collector.detect.episodes import join
from balise_collector.detect.model import INTERNET, WORLD, AffectedProbe, Coverage, Episode, Note
from balise_collector.incidents.clusters import spoken_of
from balise_collector.incidents.grade import grade
from balise_collector.incidents.locality import locality, references
from balise_collector.incidents.model import (
    WITNESSES,
    Incident,
    IncidentKind,
    IncidentState,
    Interval,
    Locality,
    MechanismShare,
    ReferenceCount,
)
from balise_collector.incidents.scope import FleetView, counted_in, scope
from balise_collector.judge import RULES_VERSION
from balise_wire.bins import BIN
from balise_wire.mechanisms import Mechanism
from balise_wire.words import TargetRole

Topic = tuple[IncidentKind, str, str]
"""(kind, country, service): what one incident at a time can be about."""
_MOST_EVIDENCE: Final = 20


@dataclass(frozen=True, slots=True)
class Basis:
    """What an incident is made of."""

    told: Sequence[Episode]
    """The episodes that it speaks of."""
    members: Sequence[AffectedProbe]
    """Of these, the affected probes that date it: whom the other homes of their provider do not contradict."""
    affected: Sequence[AffectedProbe]
    """The affected probes that count into its scope, those included of whom one witness tells."""
    counts: Callable[[AffectedProbe], bool]
    """Whether a member's provider counts as affected, where some do not; else always."""
    seen: Sequence[Coverage]
    """What each probe of the country saw of it."""
    onset: Interval
    end: Interval | None
    window: tuple[float, float]
    """UNIX seconds between which it is looked at."""

    @property
    def roles(self) -> list[str]:
        """Sorted."""
        return sorted({e.key.role for e in self.told})

    @property
    def layers(self) -> list[str]:
        """Sorted."""
        return sorted({e.key.layer for e in self.told})


def make(
    topic: Topic,
    cluster: Sequence[Episode],
    detector: Detector,
    fleet: FleetView,
    now: float,
    recurrences: int,
    previous: Incident | None,
) -> Incident:
    """Make one incident from its episodes.

    Args:
        topic: kind, country, service.
        cluster: the episodes.
        detector: asked for coverage and notes.
        fleet: which providers are known.
        now: UNIX seconds.
        recurrences: how many events of the topic came before it.
        previous: what was said of it last.
    """
    kind, country, service = topic
    basis = _basis(topic, cluster, detector, now)
    count, where = _locality(topic, basis, detector)
    known = fleet.known_asns(country) if country != WORLD else frozenset()
    reach = scope(basis.affected, basis.seen, known)
    notes = _notes(basis, detector)
    confirmed = any(e.confirmed for e in cluster)
    witnesses = detector.witnesses(m.probe for m in basis.members) if confirmed else 1
    rules = {r.rule for m in basis.members for r in m.rules}
    fresh = Incident(
        id=_identity(topic, basis.onset),
        kind=kind,
        state=_state(basis.told),
        country=country,
        service=service,
        roles=tuple(TargetRole(role) for role in basis.roles),
        layers=tuple(basis.layers),
        onset=basis.onset,
        end=basis.end,
        scope=reach,
        mechanisms=_shares(basis.told, detector, basis.counts),
        locality=where,
        references=count,
        grade=grade(kind, where, reach, _proofs(notes, detector), rules, witnesses),
        score=max(e.score for e in basis.told),
        evidence=_evidence(notes, detector),
        recurrences=recurrences,
        duty_cycle=_duty(basis.told),
        rules_version=RULES_VERSION,
        witnesses=witnesses,
    )
    return _continued(fresh, previous, now)


def _basis(topic: Topic, cluster: Sequence[Episode], detector: Detector, now: float) -> Basis:
    """Say which probes count, and between which moments."""
    _, country, service = topic
    told = spoken_of(cluster)
    standing = all(e.standing for e in told)
    flat = [m for e in cluster for m in e.members]
    everybody = [m for e in told for m in e.members]
    onset, end = _onset(everybody, standing=standing), _end(told, everybody)
    roles, layers = {e.key.role for e in told}, {e.key.layer for e in told}
    seen = detector.coverage(country, service, roles, layers, *_window(onset, end, now))
    hit = counted_in(flat, seen)

    def counts(member: AffectedProbe) -> bool:
        return member.asn in hit

    sure = [*filter(counts, everybody)]
    if sure and len(sure) < len(everybody):
        # Whom the other homes of the same provider contradict tells neither when it began nor when it ended.
        onset, end = _onset(sure, standing=standing), _end(told, sure)
    return Basis(
        told=told,
        members=sure or everybody,
        affected=[*filter(counts, flat)] or flat,
        counts=counts if sure else lambda _member: True,
        seen=seen,
        onset=onset,
        end=end,
        window=_window(onset, end, now),
    )


def _locality(topic: Topic, basis: Basis, detector: Detector) -> tuple[ReferenceCount, Locality]:
    """Ask the references abroad; an outage of lines is local by itself."""
    kind, country, service = topic
    if service == INTERNET:
        return ReferenceCount(), Locality.LOCAL
    abroad = basis.seen
    if country != WORLD:
        abroad = detector.coverage(WORLD, service, basis.roles, basis.layers, *basis.window)
    count = references(abroad, country)
    return count, locality(kind, count)


def _notes(basis: Basis, detector: Detector) -> list[Note]:
    """Return what the probes that count have to show, strongest first."""
    probes = {m.probe for m in basis.members}
    held = {n.measurement: n for e in basis.told for n in detector.notes(e) if n.probe in probes}
    return sorted(held.values(), key=lambda n: (-len(n.proof), -n.score, n.at, n.measurement))


def _continued(fresh: Incident, previous: Incident | None, now: float) -> Incident:
    """Return an incident as the next word on one that was told before, or as the first."""
    closed = fresh.state is IncidentState.CLOSED
    if previous is None:
        return msgspec.structs.replace(fresh, opened_at=now, closed_at=now if closed else None)
    return msgspec.structs.replace(
        fresh,
        id=previous.id,
        group=previous.group,
        group_llr=previous.group_llr,
        opened_at=previous.opened_at,
        closed_at=(previous.closed_at or now) if closed else None,
        revision=previous.revision,
    )


def _onset(members: Sequence[AffectedProbe], *, standing: bool) -> Interval:
    """Return when what members saw began."""
    if standing:
        return Interval(earliest=None, latest=min(m.onset.latest for m in members))
    return join([m.onset for m in members if m.onset.earliest is not None] or [m.onset for m in members])


def _end(cluster: Sequence[Episode], members: Iterable[AffectedProbe]) -> Interval | None:
    """Return the end, once every episode is closed."""
    if any(e.closed_bin is None for e in cluster):
        return None
    ends = [m.end for m in members if m.end is not None]
    last = max((end.latest for end in ends), default=0.0)
    # Roles come back one by one; an end is when the last of them did, so brackets long before it do not count.
    late = [end for end in ends if end.latest >= last - 2 * BIN]
    return join(late) if late else None


def _window(onset: Interval, end: Interval | None, now: float) -> tuple[float, float]:
    """Return the span of time in which an incident is looked at, UNIX seconds."""
    until = end.earliest if end is not None and end.earliest is not None else now
    return onset.latest, max(until, onset.latest)


def _state(cluster: Sequence[Episode]) -> IncidentState:
    """Return where an incident stands."""
    if all(e.closed_bin is not None for e in cluster):
        return IncidentState.CLOSED
    live = [e for e in cluster if e.closed_bin is None]
    if all(e.standing for e in live):
        return IncidentState.STANDING
    return IncidentState.OPEN if any(e.confirmed for e in cluster) else IncidentState.UNCONFIRMED


def _shares(
    cluster: Sequence[Episode], detector: Detector, borne_out: Callable[[AffectedProbe], bool]
) -> tuple[MechanismShare, ...]:
    """Return which mechanisms were seen, where, and from when to when; country cells repeat what ASN cells say."""
    counts: dict[Mechanism, list[tuple[Episode, AffectedProbe, int]]] = defaultdict(list)
    for each in cluster:
        for member in filter(borne_out, each.members):
            for rule in member.rules:
                if rule.mechanism is not None:
                    counts[rule.mechanism].append((each, member, rule.bins))
    shares = []
    for mechanism, found in counts.items():
        bins = {(m.probe, e.key.role, e.key.layer, e.key.family): n for e, m, n in sorted(found, key=lambda f: f[2])}
        ends = [m.end for e, m, _ in found if m.end is not None]
        shares.append(
            MechanismShare(
                mechanism=mechanism,
                asns=tuple(sorted({m.asn for _, m, _ in found})),
                roles=tuple(sorted({TargetRole(e.key.role) for e, _, _ in found})),
                verdicts=sum(bins.values()),
                onset=join([m.onset for _, m, _ in found]),
                end=join(ends) if ends and all(e.closed_bin is not None for e, _, _ in found) else None,
                witnesses=detector.witnesses(m.probe for _, m, _ in found),
            )
        )
    return tuple(sorted(shares, key=lambda s: (-s.verdicts, s.mechanism)))


def _duty(cluster: Sequence[Episode]) -> float | None:
    """Return the share of bins that failed, where the block went on and off."""
    if not any(e.reopened for e in cluster) and len({e.key for e in cluster}) == len(cluster):
        return None
    failing = sum(m.failing_bins for e in cluster for m in e.members)
    observed = sum(m.observed_bins for e in cluster for m in e.members)
    return round(failing / observed, 3) if observed else None


def _proofs(notes: Iterable[Note], detector: Detector) -> set[str]:
    """Return the signs that two witnesses have: one alone can write any sign into its packets."""
    held: dict[str, set[str]] = defaultdict(set)
    for note in notes:
        for sign in note.proof:
            held[sign].add(detector.witness(note.probe))
    return {sign for sign, who in held.items() if len(who) >= WITNESSES}


def _evidence(notes: Iterable[Note], detector: Detector) -> tuple[str, ...]:
    """Return the measurements to show, strongest first, taking turns between rules and witnesses.

    Each way of failing is shown, and nobody's evidence crowds out that of the others.
    """
    turns: dict[tuple[str, str], int] = defaultdict(int)
    ranked = []
    for place, note in enumerate(notes):
        turn = note.rule, detector.witness(note.probe)
        ranked.append((turns[turn], place, note.measurement))
        turns[turn] += 1
    return tuple(measurement for _, _, measurement in sorted(ranked)[:_MOST_EVIDENCE])


def _identity(topic: Topic, onset: Interval) -> str:
    """Return a stable id: kind, country, service and the onset as first told."""
    words = "\0".join((*topic, str(int(onset.latest))))
    return hashlib.sha256(words.encode()).hexdigest()[:12]
