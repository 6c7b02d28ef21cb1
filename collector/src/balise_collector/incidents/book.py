"""The book of incidents: episodes of one service, country and kind become one incident, and every version is kept.

Lives here: which incident a cluster of episodes goes on, and revisions. Must not live here: clustering (clusters.py),
what an incident says (make.py), detection, wording, storage, clocks. One entry is one event on one service in one
country.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from balise_collector.detect.cell_walk import INTERMITTENT
from balise_collector.detect.detector import Detector
from balise_collector.detect.model import INTERNET, WORLD, CellEvent, CellEventKind, Episode
from balise_collector.incidents.clusters import FAR, clusters, reach, spoken_of
from balise_collector.incidents.grouping import group
from balise_collector.incidents.make import Topic, make
from balise_collector.incidents.model import WITNESSES, Incident, IncidentKind, IncidentState
from balise_collector.incidents.scope import FleetView
from balise_collector.judge.verdict import VerdictState
from balise_collector.system.faults import Faults
from balise_wire.bins import BIN
from balise_wire.mechanisms import Mechanism

_WORLDS_OWN: Final = IncidentKind.SERVICE_FAULT


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
    spoken: IncidentKind | None = None
    """What its verdicts speak of; ``None`` where it was only read from the store."""


def spoken_by(found: Episode) -> IncidentKind:
    """Return what the verdicts of an episode speak of; what it is told as, all hypotheses weighed, may differ."""
    states: dict[VerdictState, int] = defaultdict(int)
    edge = 0
    for member in found.members:
        for rule in member.rules:
            states[rule.state] += rule.bins
            edge += rule.bins if rule.mechanism is Mechanism.EDGE_DOWN else 0
    if found.key.country == WORLD:
        return IncidentKind.EDGE_FAULT if edge * 2 > sum(states.values()) else IncidentKind.SERVICE_FAULT
    if found.key.service == INTERNET:
        return IncidentKind.OUTAGE
    if states[VerdictState.SERVER_SIDE] * 2 > sum(states.values()):
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
        """What each episode is about, by its id."""
        self._entries: dict[Topic, list[_Entry]] = defaultdict(list)
        for each in incidents:
            first, last = _bins(each)
            self._entries[each.country, each.service].append(_Entry(each, set(), first, last))

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
            topic = (found.key.country, found.key.service)
            touched.add(topic)
            if event.kind is CellEventKind.WITHDRAWN:
                self._topics.pop(found.id, None)
                self._episodes[topic].pop(found.id, None)
            else:
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
        """Make the incidents of one topic anew from its episodes: those that speak of one thing together."""
        spoken: defaultdict[IncidentKind, list[Episode]] = defaultdict(list)
        for each in self._episodes[topic].values():
            spoken[spoken_by(each)].append(each)
        found = [(kind, cluster) for kind in sorted(spoken) for cluster in clusters(spoken[kind])]
        entries = self._entries[topic]
        changes: list[IncidentChange] = []
        free = [e for e in entries if not e.withdrawn]
        for kind, cluster in found:
            first, last = reach(spoken_of(cluster))
            entry = _same_event(free, kind, cluster, (first, last))
            if entry is not None:
                free.remove(entry)
            before = sum(e.last_bin < first for e in entries if e is not entry and not e.withdrawn)
            fresh = make(topic, kind, cluster, detector, fleet, now, before, entry.incident if entry else None)
            fresh = self._masked(fresh)
            if entry is None:
                entry = _Entry(fresh, set(), first, last)
                entries.append(entry)
                changes.append(IncidentChange(kind=ChangeKind.OPENED, incident=fresh, at=now))
            elif _reads(fresh) != _reads(entry.incident):
                fresh = msgspec.structs.replace(fresh, revision=entry.incident.revision + 1)
                changes.append(IncidentChange(kind=_change(entry.incident, fresh), incident=fresh, at=now))
                entry.incident = fresh
            entry.episodes, entry.spoken = {e.id for e in cluster}, kind
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
            *(e for e in self._entries.get((WORLD, incident.service), ()) if e.incident.kind is _WORLDS_OWN),
            *(e for e in self._entries.get((incident.country, INTERNET), ()) if e.incident.kind is IncidentKind.OUTAGE),
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
            entries = [e for (c, _), held in self._entries.items() if c == country for e in held if not e.withdrawn]
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


# ---------------------------------------------------------------- entries


def _is_live(entry: _Entry) -> bool:
    """Whether an incident is still open."""
    return not entry.withdrawn and entry.incident.state is not IncidentState.CLOSED and bool(entry.episodes)


def _bins(incident: Incident) -> tuple[int, int]:
    """Return the bins an incident covers."""
    last = FAR if incident.end is None else int(incident.end.latest // BIN)
    return int(incident.onset.latest // BIN), last


def _same_event(
    entries: Sequence[_Entry], spoken: IncidentKind, cluster: Sequence[Episode], bins: tuple[int, int]
) -> _Entry | None:
    """Return the entry that a cluster goes on: one that holds its episodes, else one of its sort at its time.

    Of several at its time, after a restart, it is a confirmed one where the cluster is confirmed, and another where it
    is not: what one probe saw must not take the place of what was told. What stood since an unknown time goes on as
    itself where its beginning turns out.
    """
    ids = {e.id for e in cluster}
    first, last = bins
    confirmed = any(e.confirmed for e in cluster)
    standing = all(e.standing for e in cluster)
    near = [
        e
        for e in entries
        if e.first_bin <= last + INTERMITTENT
        and first <= e.last_bin + INTERMITTENT
        and ((e.incident.onset.earliest is None) is standing or (not standing and e.episodes & ids))
        and (bool(e.episodes & ids) or _may_speak_of(e, spoken))
    ]
    near.sort(
        key=lambda e: (not e.episodes & ids, e.incident.kind is not spoken, _is_confirmed(e.incident) is not confirmed)
    )
    return near[0] if near else None


def _is_confirmed(incident: Incident) -> bool:
    """Whether several witnesses saw it, whatever it is told as."""
    return incident.witnesses >= WITNESSES


def _may_speak_of(entry: _Entry, spoken: IncidentKind) -> bool:
    """Whether an incident can rest on verdicts that speak of one thing: a refusal is an event of its own.

    After a restart it is known only as what it was told.
    """
    if entry.spoken is not None:
        return entry.spoken is spoken
    told, refusal = entry.incident.kind, IncidentKind.SERVER_SIDE
    return told is spoken or told is refusal or spoken is not refusal


# ---------------------------------------------------------------- revisions


def _reads(incident: Incident) -> tuple[object, ...]:
    """Return what a reader would notice; sums, counts of bins and evidence lists move all the time."""
    shares = tuple((s.mechanism, s.asns, s.roles) for s in incident.mechanisms)
    return (
        incident.kind,
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
        incident.forged,
        incident.other_path,
        tuple((one.asn, one.end is None) for one in incident.providers),
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
