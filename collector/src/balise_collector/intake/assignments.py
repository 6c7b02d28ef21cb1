"""What probes are to do: kept in the registry, published where it changed, and what they said of it.

Lives here: when an assignment is looked at, its version, and what a probe says that it took up, can do, or cannot be
read of. Must not live here: what an assignment holds (fleet/assignment.py, profiles.py), who is in the fleet.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

import msgspec

from balise_collector.fleet.assignment import Issued, assignment_for, dated, due, stopped
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.claims import asked_of
from balise_collector.fleet.members import NO_TASKS, Member
from balise_collector.fleet.orders import Able, Taken, within
from balise_collector.fleet.profiles import fitted, results_per_day
from balise_collector.fleet.quota import Quotas
from balise_collector.fleet.registry import AssignmentRegistry, WatchRegistry
from balise_collector.fleet.watches import watches_of
from balise_collector.intake.broker import Connection
from balise_collector.intake.current_fleet import CurrentFleet
from balise_collector.intake.sealing import ProbeSealer
from balise_collector.intake.validate import Accepted
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import JournalError
from balise_collector.system.faults import words_of
from balise_wire.assignment import Assignment, Watch
from balise_wire.envelope import Kind
from balise_wire.status import Acceptance, acceptance, overtaken
from balise_wire.topics import Leaf, topic

_log = logging.getLogger(__name__)
_ASSIGN_EVERY: Final = 3600.0
"""Clock seconds between two looks whether an assignment changed or nears its end."""


class TaskRegistry(AssignmentRegistry, WatchRegistry, Protocol):
    """What is kept of assignments, and the windows that they are to tell of."""


class Reports:
    """What probes said of their assignments, until the registry has it: at most one line of each kind a probe."""

    def __init__(self) -> None:
        self.taken: dict[str, Taken] = {}
        self.held: dict[str, int] = {}
        """The version that a probe refused an older one for."""
        self.unread: dict[str, frozenset[str]] = {}

    def __bool__(self) -> bool:
        return bool(self.taken or self.held or self.unread)

    def hear(self, accepted: Accepted, at: float) -> None:
        """Take what a verified message says of assignments, and what of it nobody here could read."""
        probe = accepted.member.id
        for event in accepted.events:
            self._note(probe, acceptance(event), at)
            self.held[probe] = max(self.held.get(probe, 0), overtaken(event) or 0)
        health = accepted.health
        if health is not None and health.assignment is not None and health.assignment > 0:
            self._note(probe, Acceptance(health.assignment, halted=bool(health.halted)), at)
        if not self.held.get(probe):
            self.held.pop(probe, None)
        if accepted.newer:
            self.unread[probe] = self.unread.get(probe, frozenset()) | accepted.newer

    def _note(self, probe: str, said: Acceptance | None, at: float) -> None:
        before = self.taken.get(probe)
        if said is not None and (before is None or said.version > before.version):
            self.taken[probe] = Taken(version=said.version, halted=said.halted, at=at)


class AssignmentMaker(msgspec.Struct, frozen=True):
    """What assignments are made of: the same for every probe."""

    config: Config
    catalogue: Catalogue
    sealed_to: str
    """Public key that probes box what they keep for, 64 hex digits."""
    laboratory: bool
    """One clock drives every program: no line has to bear anything."""

    def make(
        self,
        member: Member,
        current: CurrentFleet,
        issued: Issued,
        learned: Mapping[tuple[str, int], tuple[str, ...]],
        watches: tuple[Watch, ...] = (),
    ) -> tuple[Assignment, Mapping[str, int]]:
        """Return what a probe is to do, as far as it can and may, and what was left out as it is too old for it."""
        config = self.config
        halt = current.fleet.halted().get(member.network.country)
        if halt is not None:
            # Made of nothing that could fail. It names the key as well: a task that does not would mean that this
            # collector opens no boxes.
            stop = stopped(self.catalogue.version, halt.reason, issued.interval or config.timetable.interval)
            return msgspec.structs.replace(stop, sealed_to=self.sealed_to), issued.left_out
        task = assignment_for(member, self.catalogue, config.timetable, config.budget, learned, _dangerous(config))
        silent = dict.fromkeys((*task.silent_addresses, *config.catalogue.silent_addresses))
        task = msgspec.structs.replace(task, silent_addresses=tuple(silent), helpers=config.catalogue.helpers)
        task, left_out = within(task, current.fleet.order_of(member.id).able)
        task = fitted(task, member.profile, laboratory=bool(config.network.laboratory) or self.laboratory)
        return msgspec.structs.replace(task, sealed_to=self.sealed_to, watches=watches), left_out


def _dangerous(config: Config) -> frozenset[str]:
    """Return the countries in which measuring may cost hosts much, on the operator's word."""
    return frozenset(country for country, risk in config.burst.risk.items() if risk == "high")


class Assignments:
    """Each probe's assignment, in the writer's thread."""

    def __init__(
        self,
        maker: AssignmentMaker,
        current: CurrentFleet,
        registry: TaskRegistry,
        quotas: Quotas,
        sealer: ProbeSealer,
        clock: Clock,
    ) -> None:
        """Prepare; nothing is given out yet.

        Args:
            maker: makes them.
            current: the fleet of now; read again where something was given out, for that may be measured from then on.
            registry: where they are kept.
            quotas: told what each probe's timetable makes it send.
            sealer: seals them.
            clock: time.
        """
        self._maker = maker
        self._current = current
        self._registry = registry
        self._quotas = quotas
        self._sealer = sealer
        self._clock = clock
        self._learned: Mapping[tuple[str, int], tuple[str, ...]] = {}
        self._looked_at = 0.0
        self._reports = Reports()
        self._told_old: dict[str, str] = {}
        self._to_assign: set[str] = set()
        """Whose assignment is looked at in the next turn."""

    def learn(self, learned: Mapping[tuple[str, int], tuple[str, ...]]) -> None:
        """Take addresses that references found, by (host, family); every assignment is looked at anew."""
        self._learned = learned
        self.look_soon()

    def look_soon(self) -> None:
        """Have every assignment looked at in the next turn."""
        self._looked_at = 0.0

    def is_due(self) -> bool:
        """Whether it is time to look at all of them."""
        return self._clock.now() - self._looked_at >= _ASSIGN_EVERY

    def turn(self, connections: Iterable[Connection]) -> None:
        """Give out what is due: all of them where it is time, else those of which something was heard."""
        if self.is_due():
            self.publish(connections)
        elif self._to_assign:
            self.publish(connections, only=self._to_assign)
        self._to_assign = set()

    # ------------------------------------------------------------ what probes say

    def hear(self, accepted: Accepted, at: float) -> None:
        """Take what a verified message says of assignments (``at``: UNIX seconds, ours)."""
        self._reports.hear(accepted, at)

    def note_able(self, said: Mapping[str, Able]) -> None:
        """Write down what members can do; where that is news, what they are asked is looked at again."""
        for probe, able in said.items():
            if able == self._current.fleet.order_of(probe).able:
                continue
            try:
                self._registry.note_able(self._current.fleet.members[probe], able)
            except JournalError as error:
                _log.error("%s", error)  # it says it again at its next connection
                continue
            self._current.note_able(probe, able)
            self._to_assign.add(probe)

    def note_reports(self) -> None:
        """Write down what probes said of their assignments; what cannot be written is kept for the next turn."""
        if not self._reports:
            return
        reports, self._reports = self._reports, Reports()
        try:
            for probe, taken in reports.taken.items():
                if taken.version > self._registry.issued(probe).version:
                    reports.held[probe] = max(taken.version, reports.held.get(probe, 0))
                else:
                    self._registry.note_taken(probe, taken)
            for probe, version in reports.held.items():
                if self._registry.catch_up(probe, version):
                    _log.warning(
                        "probe %s holds assignment %d, which is newer than ours: counting on from it", probe, version
                    )
                    self._to_assign.add(probe)
            for probe, words in reports.unread.items():
                self._registry.note_unread(probe, words)
        except JournalError as error:
            _log.error("%s", error)
            self._reports = reports

    # ------------------------------------------------------------ what they are told

    def publish(
        self, connections: Iterable[Connection], *, again: bool = False, only: Collection[str] | None = None
    ) -> None:
        """Give approved probes (``only`` these) what they are to do, where it changed or (``again``) in any case."""
        now = self._clock.now()
        if only is None:
            self._looked_at = now
        written = False
        for member in self._current.fleet.active():
            if only is not None and member.id not in only:
                continue
            try:
                written |= self._assign(member, now, connections, again=again)
            except JournalError as error:
                _log.error("%s", error)  # a version that a restart would forget is not given out; the next look tries
            except Exception as error:  # noqa: BLE001 - one probe's assignment costs that probe alone
                _log.error("no new assignment for %s: our own fault: %s", member.id, words_of(error))
        if written:
            self._current.read()  # what was just assigned is what may be measured

    def _assign(self, member: Member, now: float, connections: Iterable[Connection], *, again: bool) -> bool:
        """Give one probe what it is to do; whether that was written down anew."""
        issued = self._registry.issued(member.id)
        measured = [service.id for service in self._maker.catalogue.services]
        watches = watches_of(member, self._registry.watches(), measured, now)
        assignment, left_out = self._maker.make(member, self._current, issued, self._learned, watches)
        if assignment.targets:
            since = max(member.approved_at, member.enrolled_at or 0.0)
            self._quotas.expect(member.id, results_per_day(assignment) / 24.0, since)
        following = due(assignment, issued, now, left_out)
        self._tell_old(member, left_out)
        if following is None and self._current.fleet.tasks_of(member.id) is NO_TASKS:
            # A registry of an earlier version: what it issued is written down now, under the next number.
            following = msgspec.structs.replace(issued, version=issued.version + 1)
        if following is not None:
            self._registry.issue(member.id, following, asked_of(assignment, self._learned), now)
        if following is not None or again:
            self._publish_one(member.id, dated(assignment, following or issued), connections)
        return following is not None

    def _tell_old(self, member: Member, left_out: Mapping[str, int]) -> None:
        """Say once in the log what a probe is too old for, and again when that changes."""
        order = self._current.fleet.order_of(member.id)
        if order.able is None:
            return  # it has not introduced itself, so nothing is known of its age
        lacks = (*order.lacks, *(f"{skill} ({n} left out)" for skill, n in left_out.items()))
        told = ", ".join(lacks)
        if told != self._told_old.get(member.id, ""):
            _log.warning("probe %s is too old for: %s", member.id, told or "nothing any more")
            self._told_old[member.id] = told

    def _publish_one(self, probe: str, assignment: Assignment, connections: Iterable[Connection]) -> None:
        frame = self._sealer.seal(Kind.ASSIGNMENT, probe, msgspec.json.encode(assignment))
        for connection in connections:
            connection.publish(topic(probe, Leaf.ASSIGNMENT), frame)
