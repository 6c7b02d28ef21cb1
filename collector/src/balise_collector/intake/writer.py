"""From groups into the journal: validate, commit, acknowledge, receipt, in this order.

Nothing is acknowledged or receipted that is not durably committed, so a kill at any line costs a repeat, never a loss.
Lives here: that order, and what a new connection is told. Must not live here: the thread (ingest.py), what a message
means (sort.py), what is said to probes (receipts.py, assignments.py), judgement (conclude/pipeline.py).
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.quota import Quotas
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.intake.answers import Requesting
from balise_collector.intake.assignments import AssignmentMaker, Assignments
from balise_collector.intake.broker import Arrival, Connection, Delivery, Down, Up
from balise_collector.intake.connection_log import ConnectionLog
from balise_collector.intake.current_fleet import CurrentFleet
from balise_collector.intake.origins import FreshOrigins
from balise_collector.intake.receipts import Receipts
from balise_collector.intake.sealing import ProbeSealer
from balise_collector.intake.sort import Group, Sorter, SorterParts, refuse_as_fault
from balise_collector.intake.states import StatePacing
from balise_collector.intake.validate import Accepted
from balise_collector.journal.clock_offset import ProbeClocks
from balise_collector.journal.interface import Journal
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.faults import words_of
from balise_collector.system.identity import box_key
from balise_wire.box import Opener, public_hex
from balise_wire.envelope import Kind
from balise_wire.status import CollectorState
from balise_wire.topics import COLLECTOR_STATE, Leaf, parse_topic, topic

_log = logging.getLogger(__name__)
_RETRY_SECONDS: Final = 2.0
"""Pause before a commit that failed (a full disk) is tried again."""
_WATCH_EVERY: Final = 30.0
"""Clock seconds after which an idle collector writes down that it still listens."""


class IntakeWriter:
    """Owns the journal, the registry and the sealing key of the thread that it is used in."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        key: Ed25519PrivateKey,
        catalogue: Catalogue,
        journal: Journal,
        registry: FleetRegistry,
        connections: Sequence[Connection],
        stopping: threading.Event,
    ) -> None:
        """Take up what the files say; nothing is published yet.

        Args:
            config: the settings.
            clock: time.
            key: the collector's: it seals, and boxes are made for it.
            catalogue: of what assignments are made.
            journal: written here and nowhere else.
            registry: whose fleet may speak.
            connections: to the brokers.
            stopping: ends the wait for a disk that is full.
        """
        box = box_key(key)
        self._clock = clock
        self._journal = journal
        self._connections = connections
        self._stopping = stopping
        self.health = {probe: row.health for probe, row in journal.latest_health().items()}
        """The last health of each probe."""
        self.current = CurrentFleet(registry)
        self.quotas = Quotas(float(config.collector.quota_times), journal.accounts())
        self._sealer = sealer = ProbeSealer(key, clock)
        self._requesting = Requesting(registry, clock.now())
        self._receipts = Receipts(journal, sealer, clock.now)
        maker = AssignmentMaker(config, catalogue, public_hex(box.public_key()), clock.laboratory)
        self.assignments = Assignments(maker, self.current, registry, self.quotas, sealer, clock)
        origins = FreshOrigins(Path(config.network.origins)) if config.network.origins else None
        self._connection_log = ConnectionLog(origins, tuple(frozenset(group) for group in config.network.same_provider))
        self._states = StatePacing(clock.now)
        by = SorterParts(
            quotas=self.quotas,
            clocks=ProbeClocks(laboratory=clock.laboratory),
            opener=Opener([box]),
            states=self._states,
            connections=self._connection_log,
            hear=self._hear,
            note_pending=registry.note_pending,
        )
        self._sorter = Sorter(self.current, journal, by, self.health)
        self._last_watch = 0.0

    def look_at_fleet(self) -> bool:
        """Take a changed registry into account; whether it has changed (DamagedError)."""
        if not self.current.has_changed():
            return False
        fleet = self.current.fleet
        _log.info("fleet changed: %d approved", len(fleet.active()))
        self.quotas.forget(fleet.members)
        self._states.forget(fleet.members)
        self.assignments.look_soon()
        self._requesting.changed()
        return True

    def turn(self, arrivals: Sequence[Arrival]) -> None:
        """Give out what is due, take what has arrived, answer."""
        if self.assignments.is_due():
            self._connection_log.freshen()
        self.assignments.turn(self._connections)
        deliveries = [arrival for arrival in arrivals if isinstance(arrival, Delivery)]
        if deliveries:
            self.take(deliveries)
        for arrival in arrivals:
            if isinstance(arrival, Up):
                self._greet(arrival.connection)
            elif isinstance(arrival, Down) and not self._is_connected():
                self._journal.watch(None)
        self._hear_late_states()
        self.assignments.note_reports()
        self._tell_requests(self._connections)
        self._keep_watch()

    def _hear(self, accepted: Accepted, at: float) -> None:
        """Take what a verified message says of what its probe was given or asked to do."""
        self.assignments.hear(accepted, at)
        self._requesting.hear(accepted.member.id, accepted.events, at)

    def _is_connected(self) -> bool:
        return any(connection.up for connection in self._connections)

    def take(self, deliveries: list[Delivery]) -> None:
        """Validate a group, commit it however long that takes, then acknowledge and answer."""
        received_at = self._clock.now()
        for group in self._kept(deliveries, received_at):
            self.assignments.note_able(group.able)
            self.assignments.note_reports()
            self._requesting.note()
            for delivery in group.deliveries:
                delivery.connection.ack(delivery)
            for probe, stream in group.owed.items():
                self._receipts.publish(probe, stream, self._connections)
            for batch in group.batches:
                # In order up to its newest batch, which came as it was sealed: nothing of it is still under way.
                live = batch.sequence and not batch.historical
                if live and self._journal.position(batch.probe, batch.stream).through >= batch.sequence:
                    self.quotas.caught_up(batch.probe, received_at)

    def _kept(self, deliveries: list[Delivery], received_at: float) -> list[Group]:
        """Return what was committed: one group or, where a message makes our own code raise, each message by itself."""
        group = Group()
        for delivery in deliveries:
            self._sorter.sort(delivery, group, received_at)
        try:
            return [group] if self._commit(group, received_at) else []
        except DamagedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a message can make us do, it costs itself: a value that cannot be a row
            if len(deliveries) > 1:
                return [kept for delivery in deliveries for kept in self._kept([delivery], received_at)]
            alone = Group()
            alone.deliveries.extend(deliveries)
            refuse_as_fault(deliveries[0], parse_topic(deliveries[0].topic), alone, error)
            return [alone] if self._commit(alone, received_at) else []

    def _hear_late_states(self) -> None:
        """Note the states that were kept back, where they may be written down by now."""
        for spoken in self._states.late():
            group = Group()
            try:
                heard = self._states.hear(spoken) if spoken.probe in self.current.fleet.members else None
                if heard is None:
                    continue
                group.take_state(heard)
                if self._commit(group, self._clock.now()) and group.owed:
                    self._receipts.publish(spoken.probe, group.owed[spoken.probe], self._connections)
            except Exception as error:  # noqa: BLE001 - a value that cannot be a row costs itself
                _log.error("a state of probe %s is set aside: %s", spoken.probe, words_of(error))
                self._states.drop(spoken.probe)

    def _commit(self, group: Group, received_at: float) -> bool:
        """Commit; on failure say why and try again until it works or we are stopped. Nothing is acknowledged before."""
        told = False
        while True:
            try:
                self._journal.append(
                    group.batches,
                    group.refused,
                    group.presence,
                    received_at,
                    group.health,
                    group.notices,
                    self.quotas.accounts(group.spenders),
                    group.sightings,
                )
            except DamagedError:
                raise  # trying again writes nothing: the file is made anew first
            except JournalError as error:
                _log.error("%s", error)
                if not told:
                    self._publish_state(online=False)
                    told = True
                if self._stopping.wait(_RETRY_SECONDS):
                    return False
            else:
                if told:
                    _log.info("the journal commits again")
                    self._publish_state(online=True)
                return True

    def _keep_watch(self) -> None:
        """Write down now and then that we listen, so that a silence of probes is told from one of ours."""
        now = self._clock.now()
        if now - self._last_watch < _WATCH_EVERY or not self._is_connected():
            return
        self._last_watch = now
        try:
            self._journal.append((), (), (), now)
        except JournalError as error:
            _log.error("%s", error)

    # ------------------------------------------------------------ what brokers are told

    def _greet(self, connection: Connection) -> None:
        """Say everything retained again: the broker may have been killed and have forgotten it."""
        self._last_watch = 0.0
        try:
            self._journal.watch(self._clock.now())
        except JournalError as error:
            _log.error("%s", error)
        self._publish_state(online=True)
        self.assignments.publish([connection], again=True)
        self._tell_requests(self._connections)
        self._tell_requests([connection], again=True)
        self._receipts.repeat(connection)

    def _publish_state(self, *, online: bool) -> None:
        payload = msgspec.json.encode(CollectorState(online=online, at=self._clock.now()))
        for connection in self._connections:
            connection.publish(COLLECTOR_STATE, payload)

    def _tell_requests(self, connections: Sequence[Connection], *, again: bool = False) -> None:
        """Tell probes what is asked of them beside their timetables, where it changed or (``again``) in any case."""

        def send(probe: str, body: bytes) -> None:
            frame = self._sealer.seal(Kind.COMMAND, probe, body) if body else b""
            for connection in connections:
                connection.publish(topic(probe, Leaf.COMMAND), frame)

        fleet = self.current.fleet
        halted = fleet.halted()
        speaking = frozenset(one.id for one in fleet.active() if one.network.country not in halted)
        self._requesting.tell(self._clock.now(), speaking, send, again=again)

    def say_offline(self) -> None:
        """Tell every broker that we end, and wait a moment for it to be on its way."""
        payload = msgspec.json.encode(CollectorState(online=False, at=self._clock.now()))
        said = [connection.publish(COLLECTOR_STATE, payload) for connection in self._connections]
        for info in said:
            if info is not None:
                info.wait_for_publish(timeout=1.0)
