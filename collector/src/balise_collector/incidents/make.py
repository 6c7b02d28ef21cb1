"""The making of one incident from its episodes: who is affected, since when, how, and how sure that is.

Pure; the detector is asked for what probes saw. Must not live here: which episodes are one event (clusters.py), or
what was said of it before (book.py).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from balise_collector.detect.detector import Detector
from balise_collector.detect.episodes import join
from balise_collector.detect.model import (
    INTERNET,
    WORLD,
    AffectedProbe,
    CellKey,
    Coverage,
    Episode,
    Note,
    Parts,
    ProviderSpan,
)
from balise_collector.detect.moments import first_edge
from balise_collector.incidents.clusters import spoken_of
from balise_collector.incidents.flows import flow_shares
from balise_collector.incidents.grade import LEAST, PROOFS, grade
from balise_collector.incidents.hypotheses import Hypothesis, Posterior, posterior
from balise_collector.incidents.hypotheses.claim import PRIORS_OF_LINES, PRIORS_OF_SERVICES, kind_of, kinds
from balise_collector.incidents.hypotheses.gather import Scene, gather
from balise_collector.incidents.hypotheses.model import Group
from balise_collector.incidents.locality import dead, locality, references
from balise_collector.incidents.model import (
    WITNESSES,
    Incident,
    IncidentKind,
    IncidentState,
    Interval,
    MechanismShare,
    OtherPath,
    ProviderTimes,
    Reason,
    ReferenceCount,
    Weighed,
)
from balise_collector.incidents.rates import by_provider, rate_shares
from balise_collector.incidents.scope import FleetView, counted_in, scope
from balise_collector.judge import RULES_VERSION
from balise_collector.judge.signs import RELAYED, THROUGH, THROUGH_FAILED
from balise_wire.bins import BIN
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TargetRole

Topic = tuple[str, str]
"""(country, service): what incidents are about; two of one topic at a time differ in what they speak of."""
_MOST_REASONS: Final = 6
_MOST_EVIDENCE: Final = 20
_SPARED: Final = 0.8
"""Share of what was asked over the other family that was well, for it to be spared."""
FORGED: Final = frozenset({"forged_packet", "silent_address_answered"})
"""Signs that are a packet or an answer which the service cannot have sent; on nothing else rests the word forged."""


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
    at_stake: frozenset[Mechanism]
    """What failed: who did not look at it says nothing."""

    @property
    def cells(self) -> frozenset[tuple[str, int, str]]:
        """(role, family, layer) of what failed."""
        return frozenset(_part(e.key) for e in self.told)

    @property
    def parts(self) -> Parts:
        """What failed, each sorted."""
        return _parts(self.told)


def make(
    topic: Topic,
    spoken: IncidentKind,
    cluster: Sequence[Episode],
    detector: Detector,
    fleet: FleetView,
    now: float,
    recurrences: int,
    previous: Incident | None,
) -> Incident:
    """Make one incident from its episodes.

    Args:
        topic: country, service.
        spoken: what its verdicts alone speak of; what it is told as, all hypotheses weighed, may differ.
        cluster: the episodes.
        detector: asked for coverage and notes.
        fleet: which providers, references and versions are known.
        now: UNIX seconds.
        recurrences: how many events of the topic came before it.
        previous: what was said of it last.
    """
    country, service = topic
    basis = _basis(topic, cluster, detector, now)
    count = _references(topic, basis, detector, fleet)
    known = fleet.known_asns(country) if country != WORLD else frozenset()
    reach = scope(basis.affected, basis.seen, _meanwhile(topic, basis, detector), known)
    notes = _notes(basis, detector)
    proofs = _proofs(notes, detector)
    weighed = _weighed(topic, basis, detector, fleet, notes) if country != WORLD else None
    kind, probability = _kind(spoken, weighed, count, previous, basis.parts.layers)
    where = locality(kind, count)
    confirmed = any(e.confirmed for e in cluster)
    until = _until(topic, basis, detector, spoken, previous)
    witnesses = _witnesses(topic, spoken, basis, detector, until) if confirmed else 1
    rules = _of_two(((r.rule, m.probe) for m in basis.members for r in m.rules), detector)
    fresh = Incident(
        id=_identity(topic, spoken, basis.onset),
        kind=kind,
        state=_state(basis.told),
        country=country,
        service=service,
        roles=tuple(TargetRole(role) for role in basis.parts.roles),
        layers=tuple(basis.parts.layers),
        families=tuple(basis.parts.families),
        onset=basis.onset,
        end=basis.end,
        scope=reach,
        mechanisms=_shares(basis, detector, notes),
        locality=where,
        references=count,
        grade=grade(kind, where, probability, reach, proofs, rules, witnesses),
        score=max(e.score for e in basis.told),
        evidence=_evidence(notes, detector),
        recurrences=recurrences,
        duty_cycle=_duty(basis.told),
        rules_version=RULES_VERSION,
        witnesses=witnesses,
        providers=_providers(basis, detector),
        forged=bool(FORGED & proofs),
        other_path=_other_path(basis, detector),
        claimed=_claimed(kind, service, weighed, previous),
    )
    return _continued(_explained(fresh, weighed), previous, now)


def _weighed(topic: Topic, basis: Basis, detector: Detector, fleet: FleetView, notes: Sequence[Note]) -> Posterior:
    """Weigh every hypothesis against what was seen from the beginning on."""
    country, service = topic
    signs: dict[str, frozenset[str]] = {}
    for note in notes:
        signs[note.probe] = signs.get(note.probe, frozenset()) | set(note.proof)
    scene = Scene(
        service=service,
        members=basis.affected,
        cells=basis.cells,
        cells_of=_cells_of(basis),
        home=detector.sights(country, *basis.window, at_stake=basis.at_stake),
        abroad=[s for s in detector.sights(WORLD, *basis.window, service) if s.country != country],
        signs=signs,
        proofs=PROOFS,
        witness=detector.witness,
        fleet=fleet,
        rates=by_provider(notes, {m.probe: m.asn for m in basis.affected}),
    )
    return posterior(gather(scene), PRIORS_OF_LINES if service == INTERNET else PRIORS_OF_SERVICES)


def _kind(
    spoken: IncidentKind,
    weighed: Posterior | None,
    count: ReferenceCount,
    previous: Incident | None,
    layers: Collection[str],
) -> tuple[IncidentKind, float]:
    """Return what it is told as, and how likely that is; the world's own cells speak for themselves."""
    if weighed is None:
        return spoken, 1.0
    possible = {
        IncidentKind.SERVICE_FAULT: dead(count),
        IncidentKind.EDGE_FAULT: count.failed > 0,
        # Where no packet reached a server none made the choice; and what is likelier than not is no claim yet.
        IncidentKind.SERVER_SIDE: spoken is IncidentKind.SERVER_SIDE
        or (
            bool(count.ok)
            and any(layer != Experiment.DNS for layer in layers)
            and kinds(weighed)[IncidentKind.SERVER_SIDE] >= LEAST["C"]
        ),
        # What the service itself said over verified TLS is nobody else's doing.
        IncidentKind.INTERFERENCE: spoken is not IncidentKind.SERVER_SIDE,
    }
    kind = kind_of(weighed, previous.kind if previous else None, possible)
    if previous is not None and _still_claimed(previous, weighed) and possible.get(previous.kind, True):
        kind = previous.kind
    return kind, kinds(weighed)[kind]


def _still_claimed(previous: Incident, weighed: Posterior) -> bool:
    """Tell whether what was told of a service stands: only what is next to certain takes it back.

    A block that pauses leaves successes behind, and successes alone make the homes' own doing likelier by the minute.
    """
    own = kinds(weighed)[IncidentKind.OWN_FAULT]
    return previous.confirmed and previous.kind is not IncidentKind.OUTAGE and own < LEAST["A"]


def _claimed(kind: IncidentKind, service: str, weighed: Posterior | None, previous: Incident | None) -> bool:
    """Tell whether enough speaks for it to be told to anybody but the operator.

    Of a service it must be settled that something of the service or of the way to it fails, whoever does that.
    """
    if weighed is None:
        return True
    if previous is not None and previous.kind is kind and _still_claimed(previous, weighed):
        return True
    masses = kinds(weighed)
    outage, own = masses[IncidentKind.OUTAGE], masses[IncidentKind.OWN_FAULT]
    if kind is IncidentKind.OUTAGE:
        return service == INTERNET and outage >= LEAST["C"]
    return kind is not IncidentKind.OWN_FAULT and 1.0 - outage - own >= LEAST["C"]


def _until(topic: Topic, basis: Basis, detector: Detector, spoken: IncidentKind, previous: Incident | None) -> float:
    """Return until when homes' successes speak against a fault of the whole world, UNIX seconds.

    Before it is told: until now. What was told is taken back by homes that reached it *meanwhile*, so before a
    reference failed for the last time: behind that it may be over, which homes see before the references' cell closes.
    """
    start, end = basis.window
    if topic[0] != WORLD or previous is None or not previous.confirmed or previous.kind is not spoken:
        return end
    failed = {m.probe for m in basis.members}
    bin_ = end // BIN * BIN
    while bin_ > start:
        seen = detector.coverage(topic, basis.parts, bin_, min(bin_ + BIN - 1.0, end))
        if any(c.failed and c.probe in failed for c in seen):
            break
        bin_ -= BIN
    return bin_ - 1.0


def _witnesses(topic: Topic, spoken: IncidentKind, basis: Basis, detector: Detector, until: float) -> int:
    """Count independent witnesses; of a fault of the whole world, the countries that have seen it are.

    Where homes of two hosts anywhere reach it meanwhile it is no fault of the whole world.
    """
    found = detector.witnesses(m.probe for m in basis.members)
    if topic[0] != WORLD:
        return found
    found = min(found, len({m.country for m in basis.members}))
    return min(found, 1) if _reached_at_home(topic[1], spoken, basis, detector, until) else found


def _reached_at_home(service: str, spoken: IncidentKind, basis: Basis, detector: Detector, until: float) -> bool:
    """Whether homes of two hosts reach meanwhile what references do not: then it is no fault of the whole world.

    What they reached in the bins in which it began and ended may have been before it, and behind it. A service has
    other addresses than the dead ones of an edge, and homes that are sent to those reach it: where a home fails at the
    dead ones, as references do, the others say nothing.
    """
    start, end = max((basis.onset.latest // BIN + 1) * BIN, basis.window[0]), until
    if basis.end is not None and basis.end.earliest is not None:
        end = min(end, basis.end.earliest // BIN * BIN - 1.0)
    if start > end:
        return False
    if spoken is IncidentKind.EDGE_FAULT and detector.met_by_homes(service, basis.parts, start):
        return False
    well = [
        c.probe
        for country in detector.countries(service)
        for c in detector.coverage((country, service), basis.parts, start, end)
        if c.ok and c.failed * 4 <= c.ok
    ]
    return detector.witnesses(well) >= WITNESSES


def _providers(basis: Basis, detector: Detector) -> tuple[ProviderTimes, ...]:
    """Return beginning and end on each provider that counts, the first first."""
    held: defaultdict[int, list[ProviderSpan]] = defaultdict(list)
    counted = {m.asn for m in basis.affected}
    own = {(e.key.asn, _part(e.key)) for e in basis.told}
    for key, span in ((e.key, span) for e in basis.told for span in e.providers):
        # The country's cell closes by what most see: whoever goes on in it is told by a cell of its own.
        if span.asn in counted and (key.asn == span.asn or (span.asn, _part(key)) not in own):
            held[span.asn].append(span)
    found = []
    for asn, spans in held.items():
        onset = min((s.onset for s in spans), key=lambda o: o.latest)
        ends = [s.end for s in spans]
        over = [end for end in ends if end is not None]
        end = max(over, key=lambda e: e.latest) if over and len(over) == len(ends) else None
        who = detector.witnesses(probe for s in spans for probe in s.probes)
        found.append(ProviderTimes(asn=asn, onset=onset, end=end, witnesses=who))
    return tuple(sorted(found, key=lambda one: (one.onset.latest, one.asn)))


def _cells_of(basis: Basis) -> dict[int, frozenset[tuple[str, int, str]]]:
    """Return role, family and layer of the cells that failed, by the providers of who failed in them."""
    held: defaultdict[int, set[tuple[str, int, str]]] = defaultdict(set)
    for each in basis.told:
        for member in each.members:
            held[member.asn].add(_part(each.key))
    return {asn: frozenset(cells) for asn, cells in held.items()}


def _parts(told: Iterable[Episode]) -> Parts:
    """Return what failed of a service."""
    roles, families, layers = zip(*(_part(e.key) for e in told), strict=True)
    return Parts(sorted({*roles}), sorted({*families}), sorted({*layers}))


def _part(key: CellKey) -> tuple[str, int, str]:
    """Return which part of a service a cell sees: role, family and layer, whoever looks."""
    return key.role, key.family, key.layer


def _explained(fresh: Incident, weighed: Posterior | None) -> Incident:
    """Return an incident with the two likeliest hypotheses and what told them apart."""
    if weighed is None:
        return fresh
    first = [Weighed(hypothesis=one, probability=round(p, 3)) for one, p in weighed.ranked[:2]]
    said = [Reason(group=c.group, ok=c.ok, n=c.n, nats=c.nats) for c in weighed.contributions[:_MOST_REASONS]]
    # What the same homes reached over the other family is a fact, whichever hypothesis explains it.
    crossed = (c for c in weighed.contributions if c.group is Group.FAMILY and c.n > 1)
    spared = weighed.mass({Hypothesis.FAMILY_BLOCK}) >= LEAST["C"] or any(c.ok >= _SPARED * c.n for c in crossed)
    return msgspec.structs.replace(fresh, hypotheses=tuple(first), reasons=tuple(said), spared_family=spared)


def _basis(topic: Topic, cluster: Sequence[Episode], detector: Detector, now: float) -> Basis:
    """Say which probes count, and between which moments."""
    told = spoken_of(cluster)
    standing = all(e.standing for e in told)
    flat = [m for e in cluster for m in e.members]
    seen_by = [(e.key.layer, m) for e in told for m in e.members]
    everybody = [m for _, m in seen_by]
    onset, end = _onset(seen_by, standing=standing), _end(told, everybody)
    at_stake = frozenset(r.mechanism for m in everybody for r in m.rules if r.mechanism is not None)
    seen = detector.coverage(topic, _parts(told), *_window(onset, end, now), at_stake)
    hit = counted_in(flat, seen)

    def counts(member: AffectedProbe) -> bool:
        return member.asn in hit

    sure = [*filter(counts, everybody)]
    if sure and len(sure) < len(everybody):
        # Whom the other homes of the same provider contradict tells neither when it began nor when it ended.
        onset, end = _onset([(layer, m) for layer, m in seen_by if counts(m)], standing=standing), _end(told, sure)
    return Basis(
        told=told,
        members=sure or everybody,
        affected=[*filter(counts, flat)] or flat,
        counts=counts if sure else lambda _member: True,
        seen=seen,
        onset=onset,
        end=end,
        window=_window(onset, end, now),
        at_stake=at_stake,
    )


def _meanwhile(topic: Topic, basis: Basis, detector: Detector) -> Sequence[Coverage]:
    """Return what each probe saw behind the bin of the beginning; of what is not longer than that bin all of it."""
    start, until = basis.window
    behind = (start // BIN + 1) * BIN
    if until < behind:
        return basis.seen
    return detector.coverage(topic, basis.parts, behind, until, basis.at_stake)


def _references(topic: Topic, basis: Basis, detector: Detector, fleet: FleetView) -> ReferenceCount:
    """Ask the references abroad; of lines nobody abroad can say anything."""
    country, service = topic
    if service == INTERNET:
        return ReferenceCount()
    abroad = basis.seen
    if country != WORLD:
        abroad = detector.coverage((WORLD, service), basis.parts, *basis.window)
    return references(abroad, country, fleet.references())


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


def _onset(members: Sequence[tuple[str, AffectedProbe]], *, standing: bool) -> Interval:
    """Return when what members saw began, each in a layer; of addresses and of names the one that began first.

    An address may be closed for a while after each hello with a name: its ports are well until the first of them, so
    that the two intervals are of two moments and do not narrow each other.
    """
    if standing:
        return Interval(earliest=None, latest=min(m.onset.latest for _, m in members))
    known = [*_dated(members)] or members
    of_names = [m for layer, m in known if layer != Experiment.TCP]
    of_addresses = [m for layer, m in known if layer == Experiment.TCP]
    found = [(_begun(each), each) for each in (of_names, of_addresses) if each]
    # Of a roll-out the upper edge is of the last who began: of several ways the one counts that anybody met first.
    return min(found, key=lambda one: min(m.onset.latest for m in one[1]) if one[0].staggered else one[0].latest)[0]


def _dated(members: Sequence[tuple[str, AffectedProbe]]) -> Iterator[tuple[str, AffectedProbe]]:
    """Yield those who say when it began: who had it well before, and who met it at the very first look behind that.

    The latter say how late it can have been, of their own provider and layer: elsewhere it may have begun at another
    time. A home that met it before another one of them was last well is in trouble of its own, and says nothing.
    """
    well: dict[tuple[str, str, int], float] = {}
    for layer, member in members:
        if (earliest := member.onset.earliest) is not None:
            place = layer, member.country, member.asn
            well[place] = max(earliest, well.get(place, earliest))
    for layer, member in members:
        behind = well.get((layer, member.country, member.asn))
        if member.onset.earliest is not None or (behind is not None and member.onset.latest >= behind):
            yield layer, member


_OF_A_RATE: Final = frozenset({Mechanism.RATE_LIMIT, Mechanism.RATE_POLICE, Mechanism.RATE_SHAPE})
"""Ways that are looked at by the hour."""


def _begun(members: Sequence[AffectedProbe]) -> Interval:
    """Return when what members saw began: the first of what providers do each in a way of their own.

    Who blocks in another way carried an order out by other means: its moment narrows nobody else's. The first of
    several moments lies between the first of their lower edges and the first of their upper ones; the edge of one that
    is looked at rarely does not widen it (``first_edge``), and stays that provider's own.
    """
    by_way: defaultdict[Mechanism | None, list[AffectedProbe]] = defaultdict(list)
    for provider in _of_providers(members):
        by_way[_way(provider)].extend(provider)
    found = {way: _together(ours) for way, ours in by_way.items()}
    each = [*found.values()]
    joined = each[0] if len(each) == 1 else join(each)
    low = first_edge(
        [moment for way, moment in found.items() if way not in _OF_A_RATE],
        [moment for way, moment in found.items() if way in _OF_A_RATE],
    )
    return joined if joined.staggered or low is None else msgspec.structs.replace(joined, earliest=low)


def _of_providers(members: Iterable[AffectedProbe]) -> list[list[AffectedProbe]]:
    """Return members by provider, in the order in which each first comes."""
    found: defaultdict[tuple[str, int], list[AffectedProbe]] = defaultdict(list)
    for member in members:
        found[member.country, member.asn].append(member)
    return [*found.values()]


def _way(members: Iterable[AffectedProbe]) -> Mechanism | None:
    """Return the mechanism that most of what members saw is blocked by."""
    bins: Counter[Mechanism | None] = Counter()
    for rule in (rule for member in members for rule in member.rules):
        bins[rule.mechanism] += rule.bins if rule.mechanism else 0
    return max(bins, key=lambda way: (bins[way], way or ""), default=None)


def _together(members: Sequence[AffectedProbe]) -> Interval:
    """Return when what began at once did, provider by provider first: a roll-out is no block that lets flows pass."""
    parts = _of_providers(members) if any(m.passed_bins for m in members) else [list(members)]
    joined = [join([m.onset for m in ours], passing=any(m.passed_bins for m in ours)) for ours in parts]
    return joined[0] if len(joined) == 1 else join(joined)


def _end(cluster: Sequence[Episode], members: Sequence[AffectedProbe]) -> Interval | None:
    """Return the end, once every episode is closed."""
    if any(e.closed_bin is None for e in cluster):
        return None
    ends = [m.end for m in members if m.end is not None]
    last = max((end.latest if end.earliest is None else end.earliest for end in ends), default=0.0)
    # Roles come back one by one; an end is when the last of them did, so brackets long before it do not count. One that
    # looked again late has a wide bracket, which ends behind the others' and says no less of them.
    late = [end for end in ends if end.latest >= last - 2 * BIN]
    return join(late, passing=any(m.passed_bins for m in members)) if late else None


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


def _shares(basis: Basis, detector: Detector, notes: Sequence[Note]) -> tuple[MechanismShare, ...]:
    """Return which mechanisms were seen, where, and from when to when; country cells repeat what ASN cells say."""
    counts: dict[Mechanism, list[tuple[Episode, AffectedProbe, int]]] = defaultdict(list)
    rates, flows = rate_shares(notes, {m.probe: m.asn for m in basis.members}), flow_shares(notes)
    for each in basis.told:
        for member in filter(basis.counts, each.members):
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
                rate=rates.get(mechanism),
                flows=flows.get(mechanism),
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
    """Return the signs that two witnesses have."""
    return _of_two(((sign, note.probe) for note in notes for sign in note.proof), detector)


def _other_path(basis: Basis, detector: Detector) -> tuple[OtherPath, ...]:
    """Return what two witnesses found of each part by way of a proxy; where some reached it so, it works.

    One of them may be read on the way to the proxy, and the other not.
    """
    probes, found = {m.probe for m in basis.members}, set[tuple[str, str]]()
    for role in basis.parts.roles:
        notes = [n for e in basis.told if e.key.role == role for n in detector.notes(e) if n.probe in probes]
        seen = ((THROUGH.id if sign == RELAYED.id else sign, note.probe) for note in notes for sign in note.proof)
        found |= {(role, sign) for sign in _of_two(seen, detector)}
    told = {role: (role, THROUGH.id) in found for role, sign in found if sign in {THROUGH.id, THROUGH_FAILED.id}}
    return tuple(OtherPath(role=TargetRole(role), works=works) for role, works in sorted(told.items()))


def _of_two(found: Iterable[tuple[str, str]], detector: Detector) -> set[str]:
    """Return what two witnesses have, given (what, probe): one alone can write anything into its packets."""
    held: dict[str, set[str]] = defaultdict(set)
    for what, probe in found:
        held[what].add(detector.witness(probe))
    return {what for what, who in held.items() if len(who) >= WITNESSES}


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


def _identity(topic: Topic, spoken: IncidentKind, onset: Interval) -> str:
    """Return a stable id: what is spoken of, country, service and the onset as first told."""
    words = "\0".join((spoken, *topic, str(int(onset.latest))))
    return hashlib.sha256(words.encode()).hexdigest()[:12]
