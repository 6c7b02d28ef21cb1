"""The book of incidents: episodes of one service, country and kind become one incident, and every version is kept.

Lives here: clustering of episodes in time, the making of an Incident from its episodes, and revisions. Must not live
here: detection, wording, storage, clocks. One entry is one event on one service in one country.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from balise_collector.detect.cells import WORLD, CellEvent, Episode, EventKind, Member, Note
from balise_collector.detect.detector import INTERNET
from balise_collector.detect.fold import INTERMITTENT, join
from balise_collector.incidents.grade import grade
from balise_collector.incidents.grouping import group
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
from balise_collector.judge.verdict import State
from balise_collector.system.faults import Faults
from balise_wire.bins import BIN
from balise_wire.mechanisms import Mechanism
from balise_wire.words import TargetRole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from balise_collector.detect.detector import Detector

_MOST_EVIDENCE: Final = 20
_FAR: Final = 1 << 40
TOGETHER: Final = 12
"""Bins within which one probe's trouble begins together with what others confirm: an hour."""
Topic = tuple[IncidentKind, str, str]
"""(kind, country, service): what one incident at a time can be about."""


class ChangeKind(StrEnum):
    """What has happened to an incident."""

    OPENED = "opened"
    GREW = "grew"
    CLOSED = "closed"
    REOPENED = "reopened"
    REVISED = "revised"
    """Late data or a second look changed what it says."""
    WITHDRAWN = "withdrawn"
    """Late data have shown that it never was; its revisions stay."""


class IncidentChange(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One new revision of one incident."""

    kind: ChangeKind
    incident: Incident
    at: float
    """UNIX seconds on the collector's clock."""


@dataclass(slots=True)
class _Entry:
    """One incident with all it ever said."""

    incident: Incident
    episodes: set[str]
    first_bin: int
    last_bin: int
    withdrawn: bool = False


def kind_of(found: Episode) -> IncidentKind:
    """Return what sort of event an episode is."""
    states: dict[State, int] = defaultdict(int)
    edge = 0
    for member in found.members:
        for rule in member.rules:
            states[rule.state] += rule.bins
            edge += rule.bins if rule.mechanism is Mechanism.EDGE_DOWN else 0
    if found.key.country == WORLD:
        return IncidentKind.EDGE_FAULT if edge * 2 > sum(states.values()) else IncidentKind.SERVICE_FAULT
    if found.key.service == INTERNET:
        return IncidentKind.OUTAGE
    if states[State.SERVER_SIDE] * 2 > sum(states.values()):
        return IncidentKind.SERVER_SIDE
    return IncidentKind.INTERFERENCE


class IncidentBook:
    """Every incident, current and past."""

    def __init__(self, incidents: Iterable[Incident] = (), faults: Faults | None = None) -> None:
        """Start from the newest revision of each stored incident; their episodes join again by time.

        A topic that cannot be told is noted in ``faults``, and costs itself.
        """
        self._faults = faults or Faults()
        self._episodes: dict[Topic, dict[str, Episode]] = defaultdict(dict)
        self._topics: dict[str, Topic] = {}
        """What each episode is about, by its id: that may change with its rules."""
        self._entries: dict[Topic, list[_Entry]] = defaultdict(list)
        for each in incidents:
            first, last = _bins(each)
            self._entries[each.kind, each.country, each.service].append(_Entry(each, set(), first, last))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Return the newest revision of every incident that stands, oldest onset first."""
        standing = (e.incident for entries in self._entries.values() for e in entries if not e.withdrawn)
        return tuple(sorted(standing, key=lambda i: (i.onset.latest, i.id)))

    def apply(
        self, events: Iterable[CellEvent], detector: Detector, fleet: FleetView, now: float
    ) -> tuple[IncidentChange, ...]:
        """Take in what the detector says and return every incident that reads differently now.

        Args:
            events: from ``Detector.advance``.
            detector: asked for coverage, references and evidence.
            fleet: which providers are known.
            now: UNIX seconds on the collector's clock.
        """
        touched: set[Topic] = set()
        for event in events:
            found = event.episode
            topic = (kind_of(found), found.key.country, found.key.service)
            touched.add(topic)
            old = self._topics.pop(found.id, None)
            if old is not None:
                touched.add(old)
                self._episodes[old].pop(found.id, None)
            if event.kind is not EventKind.WITHDRAWN:
                self._topics[found.id] = topic
                self._episodes[topic][found.id] = found
        # What is open also changes by what others see: clean providers, references.
        touched |= {t for t, entries in self._entries.items() if any(_is_live(e) for e in entries)}
        changes: list[IncidentChange] = []
        for topic in sorted(touched):
            with self._faults.set_aside(f"incident {'/'.join(topic)}"):
                changes.extend(self._settle(topic, detector, fleet, now))
        with self._faults.set_aside("grouping"):
            changes = self._grouped(changes, now)
        return tuple(changes)

    def forget(self, before: int) -> None:
        """Let go of the episodes of incidents that ended before a bin: the detector has, and what was told stands."""
        for topic, entries in self._entries.items():
            for entry in entries:
                if entry.episodes and entry.last_bin + INTERMITTENT < before:
                    for name in entry.episodes:
                        self._topics.pop(name, None)
                        self._episodes[topic].pop(name, None)
                    entry.episodes = set()

    # ------------------------------------------------------------ episodes to incidents

    def _settle(self, topic: Topic, detector: Detector, fleet: FleetView, now: float) -> list[IncidentChange]:
        """Make the incidents of one topic anew from its episodes."""
        clusters = _clusters(list(self._episodes[topic].values()))
        entries = self._entries[topic]
        changes: list[IncidentChange] = []
        free = [e for e in entries if not e.withdrawn]
        for cluster in clusters:
            first, last = _reach(_told(cluster))
            entry = _same_event(free, cluster, first, last)
            if entry is not None:
                free.remove(entry)
            before = sum(e.last_bin < first for e in entries if e is not entry and not e.withdrawn)
            fresh = _incident(topic, cluster, detector, fleet, now, before, entry.incident if entry else None)
            fresh = self._masked(fresh)
            if entry is None:
                entry = _Entry(fresh, set(), first, last)
                entries.append(entry)
                changes.append(IncidentChange(kind=ChangeKind.OPENED, incident=fresh, at=now))
            elif _reads(fresh) != _reads(entry.incident):
                fresh = msgspec.structs.replace(fresh, revision=entry.incident.revision + 1)
                changes.append(IncidentChange(kind=_change(entry.incident, fresh), incident=fresh, at=now))
                entry.incident = fresh
            entry.episodes = {e.id for e in cluster}
            entry.first_bin, entry.last_bin = first, last
        for entry in free:
            if entry.episodes:  # An entry without episodes is older than the detector's memory: it stands as it is.
                entry.withdrawn = True
                gone = msgspec.structs.replace(
                    entry.incident, revision=entry.incident.revision + 1, state=IncidentState.WITHDRAWN, closed_at=now
                )
                changes.append(IncidentChange(kind=ChangeKind.WITHDRAWN, incident=gone, at=now))
        return changes

    def _masked(self, incident: Incident) -> Incident:
        """Say so where another fault hid the moment it began: the service's own, or the network's (mission.md S6)."""
        hiding = [
            *self._entries.get((IncidentKind.SERVICE_FAULT, WORLD, incident.service), ()),
            *self._entries.get((IncidentKind.OUTAGE, incident.country, INTERNET), ()),
        ]
        begun = incident.onset.earliest
        if incident.kind is not IncidentKind.INTERFERENCE or begun is None:
            return incident
        for entry in hiding:
            other = entry.incident
            ended = other.end.latest if other.end else float("inf")
            if (
                not entry.withdrawn
                and other.confirmed
                and other.onset.latest <= incident.onset.latest
                and ended >= begun
            ):
                return msgspec.structs.replace(incident, onset=msgspec.structs.replace(incident.onset, masked=True))
        return incident

    def _grouped(self, changes: list[IncidentChange], now: float) -> list[IncidentChange]:
        """Give coinciding incidents of a country their group, and add revisions where that is news."""
        countries = {c.incident.country for c in changes}
        for country in sorted(countries):
            entries = [e for (_, c, _), held in self._entries.items() if c == country for e in held if not e.withdrawn]
            # That two things began together is news of both: what one probe saw must not be told through the other.
            found = group([e.incident for e in entries if e.incident.confirmed], now)
            for entry in entries:
                name, ratio = found.get(entry.incident.id, ("", None))
                if (entry.incident.group, entry.incident.group_llr) == (name, ratio):
                    continue
                revised = msgspec.structs.replace(entry.incident, group=name, group_llr=ratio)
                place = next((n for n, c in enumerate(changes) if c.incident.id == revised.id), None)
                if place is not None:
                    changes[place] = msgspec.structs.replace(changes[place], incident=revised)
                elif entry.incident.group != name:
                    revised = msgspec.structs.replace(revised, revision=revised.revision + 1)
                    changes.append(IncidentChange(kind=ChangeKind.REVISED, incident=revised, at=now))
                entry.incident = revised
        return changes


# ---------------------------------------------------------------- clusters


def _is_live(entry: _Entry) -> bool:
    """Whether an incident is still open."""
    return not entry.withdrawn and entry.incident.state is not IncidentState.CLOSED and bool(entry.episodes)


def _bins(incident: Incident) -> tuple[int, int]:
    """Return the bins an incident covers."""
    last = _FAR if incident.end is None else int(incident.end.latest // BIN)
    return int(incident.onset.latest // BIN), last


def _reach(cluster: Sequence[Episode]) -> tuple[int, int]:
    """Return the bins a cluster covers."""
    return (
        min(int(e.onset.latest // BIN) for e in cluster),
        max(_FAR if e.closed_bin is None else e.closed_bin for e in cluster),
    )


def _same_event(entries: Sequence[_Entry], cluster: Sequence[Episode], first: int, last: int) -> _Entry | None:
    """Return the entry that a cluster goes on: one that holds its episodes, else one of its sort at its time.

    Of several at its time, after a restart, it is a confirmed one where the cluster is confirmed, and another where it
    is not: what one probe saw must not take the place of what was told.
    """
    ids = {e.id for e in cluster}
    confirmed = any(e.confirmed for e in cluster)
    standing = all(e.standing for e in cluster)
    near = [
        e
        for e in entries
        if e.first_bin <= last + INTERMITTENT
        and first <= e.last_bin + INTERMITTENT
        and (e.incident.onset.earliest is None) is standing
    ]
    near.sort(key=lambda e: (not e.episodes & ids, e.incident.confirmed is not confirmed))
    return near[0] if near else None


def _clusters(episodes: Sequence[Episode]) -> list[list[Episode]]:
    """Join episodes that overlap or follow within two hours.

    What stands since before our time is an event of its own: a block that begins beside it must not hide in it. One
    probe's word joins an event that others confirm where it begins together with it, and none otherwise.
    """
    told = [e for e in episodes if e.confirmed and not e.standing]
    clusters = _linked(told)
    alone = []
    for each in (e for e in episodes if not e.confirmed and not e.standing):
        home = next((c for c in clusters if abs(_begun(c) - int(each.onset.latest // BIN)) <= TOGETHER), None)
        if home is None:
            alone.append(each)
        else:
            home.append(each)
    since_ever = [e for e in episodes if e.standing and not any(_covers(c, e) for c in clusters)]
    standing = _linked([e for e in since_ever if e.confirmed])
    lonely = []
    for each in (e for e in since_ever if not e.confirmed):
        # Nobody saw them begin, so nothing but the probe itself tells that they are one event.
        probes = {m.probe for m in each.members}
        home = next((c for c in standing if probes <= {m.probe for e in c for m in e.members}), None)
        if home is None:
            lonely.append(each)
        else:
            home.append(each)
    return [*clusters, *_linked(alone), *standing, *_linked(lonely)]


def _covers(cluster: Sequence[Episode], standing: Episode) -> bool:
    """Whether a cluster already holds the probes of a standing episode at its time.

    A probe that was switched on during a block fails from its first measurement; the others tell when it began.
    """
    probes = {m.probe for e in cluster for m in e.members}
    first, last = _reach(cluster)
    return {m.probe for m in standing.members} <= probes and first <= standing.opened_bin <= last


def _begun(cluster: Sequence[Episode]) -> int:
    """Return the first bin of the confirmed part of a cluster."""
    return min(int(e.onset.latest // BIN) for e in cluster if e.confirmed)


def _linked(episodes: Sequence[Episode]) -> list[list[Episode]]:
    """Chain episodes by time."""
    clusters: list[list[Episode]] = []
    for each in sorted(episodes, key=lambda e: (e.onset.latest, e.id)):
        start = int(each.onset.latest // BIN)
        if clusters and start <= _reach(clusters[-1])[1] + INTERMITTENT:
            clusters[-1].append(each)
        else:
            clusters.append([each])
    return clusters


# ---------------------------------------------------------------- one incident


def _end(cluster: Sequence[Episode], members: Iterable[Member]) -> Interval | None:
    """Return the end, once every episode is closed."""
    if any(e.closed_bin is None for e in cluster):
        return None
    ends = [m.end for m in members if m.end is not None]
    last = max((end.latest for end in ends), default=0.0)
    # Roles come back one by one; an end is when the last of them did, so brackets long before it do not count.
    late = [end for end in ends if end.latest >= last - 2 * BIN]
    return join(late) if late else None


def _state(cluster: Sequence[Episode]) -> IncidentState:
    """Return where an incident stands."""
    if all(e.closed_bin is not None for e in cluster):
        return IncidentState.CLOSED
    live = [e for e in cluster if e.closed_bin is None]
    if all(e.standing for e in live):
        return IncidentState.STANDING
    return IncidentState.OPEN if any(e.confirmed for e in cluster) else IncidentState.UNCONFIRMED


def _told(cluster: Sequence[Episode]) -> Sequence[Episode]:
    """Return the episodes that an incident speaks of: those that several witnesses confirm, where there are any.

    What one alone saw beside them is kept with them, and neither dates, ends, nor widens anything.
    """
    return [e for e in cluster if e.confirmed] or cluster


def _shares(
    cluster: Sequence[Episode], detector: Detector, borne_out: Callable[[Member], bool]
) -> tuple[MechanismShare, ...]:
    """Return which mechanisms were seen, where, and from when to when; country cells repeat what ASN cells say."""
    counts: dict[Mechanism, list[tuple[Episode, Member, int]]] = defaultdict(list)
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


def _incident(
    topic: Topic,
    cluster: Sequence[Episode],
    detector: Detector,
    fleet: FleetView,
    now: float,
    before: int,
    previous: Incident | None,
) -> Incident:
    """Make one incident from its episodes."""
    kind, country, service = topic
    told = _told(cluster)
    roles = sorted({e.key.role for e in told})
    layers = sorted({e.key.layer for e in told})
    standing = all(e.standing for e in told)
    flat = [m for e in cluster for m in e.members]
    everybody = [m for e in told for m in e.members]
    onset, end = _onset(everybody, standing=standing), _end(told, everybody)
    seen = detector.coverage(country, service, roles, layers, *_window(onset, end, now))
    hit = counted_in(flat, seen)

    def borne_out(member: Member) -> bool:
        return member.asn in hit

    sure = [*filter(borne_out, everybody)] or everybody
    if len(sure) < len(everybody):
        # Whom the other homes of the same provider contradict tells neither when it began nor when it ended.
        onset, end = _onset(sure, standing=standing), _end(told, sure)
    window = _window(onset, end, now)
    abroad = detector.coverage(WORLD, service, roles, layers, *window) if country != WORLD else seen
    count = references(abroad, country) if service != INTERNET else ReferenceCount()
    where = locality(kind, count) if service != INTERNET else Locality.LOCAL
    known = fleet.known_asns(country) if country != WORLD else frozenset()
    reach = scope([m for m in flat if borne_out(m)] or flat, seen, known)
    probes = {m.probe for m in sure}
    notes = sorted(
        {n.measurement: n for e in told for n in detector.notes(e) if n.probe in probes}.values(),
        key=lambda n: (-len(n.proof), -n.score, n.at, n.measurement),
    )
    rules = {r.rule for m in sure for r in m.rules}
    state = _state(told)
    witnesses = detector.witnesses(m.probe for m in sure) if any(e.confirmed for e in cluster) else 1
    return Incident(
        id=previous.id if previous else _identity(topic, onset),
        kind=kind,
        state=state,
        country=country,
        service=service,
        roles=tuple(TargetRole(role) for role in roles),
        layers=tuple(layers),
        onset=onset,
        end=end,
        scope=reach,
        mechanisms=_shares(told, detector, borne_out if sure is not everybody else lambda _member: True),
        locality=where,
        references=count,
        grade=grade(kind, where, reach, _proofs(notes, detector), rules, witnesses),
        score=max(e.score for e in told),
        evidence=_evidence(notes, detector),
        group=previous.group if previous else "",
        group_llr=previous.group_llr if previous else None,
        opened_at=previous.opened_at if previous else now,
        closed_at=(previous.closed_at if previous and previous.closed_at else now)
        if state is IncidentState.CLOSED
        else None,
        recurrences=before,
        duty_cycle=_duty(told),
        rules_version=RULES_VERSION,
        revision=previous.revision if previous else 1,
        witnesses=witnesses,
    )


def _onset(members: Sequence[Member], *, standing: bool) -> Interval:
    """Return when what members saw began."""
    if standing:
        return Interval(earliest=None, latest=min(m.onset.latest for m in members))
    return join([m.onset for m in members if m.onset.earliest is not None] or [m.onset for m in members])


def _window(onset: Interval, end: Interval | None, now: float) -> tuple[float, float]:
    """Return the stretch of time in which an incident is looked at, UNIX seconds."""
    until = end.earliest if end is not None and end.earliest is not None else now
    return onset.latest, max(until, onset.latest)


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


# ---------------------------------------------------------------- revisions


def _reads(incident: Incident) -> tuple[object, ...]:
    """Return what a reader would notice; sums, counts of bins and evidence lists move all the time."""
    shares = tuple((s.mechanism, s.asns, s.roles) for s in incident.mechanisms)
    return (
        incident.state,
        incident.confirmed,
        incident.roles,
        incident.layers,
        incident.onset,
        incident.end,
        (incident.scope.affected, incident.scope.clean, incident.scope.not_measured, incident.scope.affected_probes),
        shares,
        incident.locality,
        incident.grade,
        incident.recurrences,
        bool(incident.evidence),
    )


def _change(old: Incident, new: Incident) -> ChangeKind:
    """Return how a reader would name the step from one revision to the next."""
    closed = IncidentState.CLOSED
    if new.state is closed and old.state is not closed:
        return ChangeKind.CLOSED
    if old.state is closed and new.state is not closed:
        return ChangeKind.REOPENED
    if old.state is closed:
        return ChangeKind.REVISED
    grown = set(new.scope.affected) > set(old.scope.affected) or set(new.roles) > set(old.roles)
    return ChangeKind.GREW if grown else ChangeKind.REVISED
