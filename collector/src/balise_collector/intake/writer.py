"""From MQTT into the journal: the one thread that writes, and everything that is said back to the probes.

Ownership: paho's threads only enqueue; this writer thread owns the journal connection, the registry connection and the
sealing key, and does in this order: validate, commit, acknowledge, receipt. Nothing is acknowledged or receipted that
is not durably committed, so a kill at any line costs a repeat, never a loss. Must not live here: judgement (pipeline).
"""

import dataclasses
import logging
import queue
import secrets
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.fleet.assignment import Issued, assignment_for, dated, due, stopped
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.claims import asked_of
from balise_collector.fleet.members import NO_TASKS, Fleet, Member
from balise_collector.fleet.orders import Able, Taken, within
from balise_collector.fleet.profiles import fitted, results_per_day
from balise_collector.fleet.quota import OVER, Item, Quotas, weight
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.whereabouts import Sighting, Where, compare
from balise_collector.intake.announce import read_announcement
from balise_collector.intake.answers import Requesting
from balise_collector.intake.broker import Arrival, Connection, Delivery, Down, Up
from balise_collector.intake.broker_identity import BrokerIdentity
from balise_collector.intake.doubles import Doubles
from balise_collector.intake.observing import BROKER_LOG, complaint, sighting
from balise_collector.intake.origins import FreshOrigins
from balise_collector.intake.unboxing import letters
from balise_collector.intake.validate import Accepted, Quarantined, Spoken, read_state
from balise_collector.journal import Batch, Notice, NoticeKind, Presence, Refused, Report
from balise_collector.journal.clock_offset import ProbeClocks
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.run import damage
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError, DamagedError, JournalError
from balise_collector.system.faults import words_of
from balise_collector.system.identity import box_key
from balise_collector.system.rate import Bucket, Pace
from balise_wire.assignment import Assignment
from balise_wire.box import Opener, public_hex
from balise_wire.dictionary import COMMON
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.seal import Sealer
from balise_wire.status import Acceptance, CollectorState, Health, Receipt, acceptance, overtaken
from balise_wire.topics import COLLECTOR_STATE, Leaf, parse_topic, topic
from balise_wire.words import ClockState, Lifecycle

_log = logging.getLogger(__name__)
GROUP_MOST: Final = 64
"""Messages in one commit; below any sensible receive window, or the broker would wait for us and we for it."""
GROUP_SECONDS: Final = 0.050
"""Longest wait for company, in real seconds."""
_GAP_SECONDS: Final = 0.003
"""A queue that stays empty so long has no company coming: with a broker's window of 20, 64 never arrive."""
_IDLE_SECONDS: Final = 0.5
_RETRY_SECONDS: Final = 2.0
"""Pause before a commit that failed (a full disk) is tried again."""
_ASSIGN_EVERY: Final = 3600.0
"""Clock seconds between two looks whether an assignment changed or nears its end."""
_IDENTITY_EVERY: Final = 3600.0
"""Real seconds between two looks at our own certificate: its dates are the machine's."""
_WORD_WEIGHT: Final = 0.5
"""What an event or a health report costs of a probe's quota, in results."""
_TELL_QUOTA_EVERY: Final = 3600.0
"""Clock seconds between two lines of the log about one probe that sends too much."""
_COPY_EVERY: Final = 3600.0
"""Real seconds between two copies of the registry, at most."""
_STATES: Final = Pace(burst=60.0, per_second=0.1)
"""States of one probe that are written down at once, and then one in ten clock seconds: the newest, when it may be."""
_WATCH_EVERY: Final = 30.0
"""Clock seconds after which an idle collector writes down that it still listens."""


class Group:
    """What one commit is made of, and what is owed when it is done."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.batches: list[Batch] = []
        self.refused: list[Refused] = []
        self.presence: list[Presence] = []
        self.health: list[Report] = []
        self.notices: list[Notice] = []
        self.sightings: list[Sighting] = []
        self.owed: dict[str, str] = {}
        """Stream of the receipt owed, by probe."""
        self.able: dict[str, Able] = {}
        """What members say that they can do."""
        self.fresh: set[tuple[str, str]] = set()
        """Probe and id of measurements that are new with this group."""
        self.spenders: set[str] = set()
        """Whose accounts changed."""


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


class Ingest(threading.Thread):
    """The writer thread."""

    def __init__(self, config: Config, clock: Clock, key: Ed25519PrivateKey, catalogue: Catalogue) -> None:
        """Prepare; ``start`` opens the files and connects."""
        super().__init__(name="ingest", daemon=True)
        self._config = config
        self._clock = clock
        self._sealer = Sealer(key, dictionary=COMMON)
        box = box_key(key)
        self._opener = Opener([box])
        self._sealed_to = public_hex(box.public_key())
        self._catalogue = catalogue
        self._clocks = ProbeClocks(laboratory=clock.laboratory)
        self._queue: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._identity = _identity_of(config)
        self._identity_at = self._copied_at = self._clock.monotonic()
        self._connections = [
            Connection(broker, self._queue.put, self._identity, observe=bool(config.network.origins))
            for broker in config.broker
        ]
        self._fleet = Fleet()
        self._learned: Mapping[tuple[str, int], tuple[str, ...]] = {}
        self._relearned = threading.Event()
        self._health: dict[str, Health] = {}
        self._last_watch = 0.0
        self._assigned_at = 0.0
        self._stream_of: dict[str, str] = {}
        self._state_paces: dict[str, Bucket] = {}
        self._late_states: dict[str, Spoken] = {}
        self._doubles = Doubles()
        self._same_provider = tuple(frozenset(group) for group in config.network.same_provider)
        self._origins = FreshOrigins(Path(config.network.origins)) if config.network.origins else None
        self._reports = Reports()
        self._told_old: dict[str, str] = {}
        self._quotas = Quotas(float(config.collector.quota_times))
        self._told_quota: dict[str, float] = {}
        """When the log last said that a probe was over its quota, UNIX seconds."""
        self._to_assign: set[str] = set()
        """Whose assignment is looked at in the next turn."""
        self.failed: BaseException | None = None
        """What ended the thread, where it did not end by ``stop``."""

    def stop(self) -> None:
        """Ask the thread to finish its group, say offline, and end."""
        self._stopping.set()

    def health(self) -> dict[str, Health]:
        """Return the last health of each probe (a copy; any thread may ask)."""
        return dict(self._health)

    def connected(self) -> dict[str, bool]:
        """Return whether each broker's connection stands."""
        return {connection.name: connection.up for connection in self._connections}

    def learn(self, addresses: Mapping[tuple[str, int], tuple[str, ...]]) -> None:
        """Take addresses that references found, by (host, family); assignments are made anew (any thread)."""
        self._learned = dict(addresses)
        self._relearned.set()

    # ------------------------------------------------------------ the thread

    def run(self) -> None:
        """Gather, commit, answer, until stopped."""
        try:
            self._open()
            while not self._stopping.is_set():
                self._turn()
            self._close()
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the program, loudly
            self.failed = error
            _log.exception("ingest ended")

    def _open(self) -> None:
        self._journal = SqliteJournal(
            self._config.journal_file, quarantine_bytes=self._config.collector.quarantine_bytes
        )
        self._health = {probe: row.health for probe, row in self._journal.latest_health().items()}
        self._registry = SqliteRegistry(self._config.fleet_file)
        self._fleet = self._registry.fleet()
        self._requesting = Requesting(self._registry, self._clock.now())
        self._quotas = Quotas(float(self._config.collector.quota_times), self._journal.accounts())
        for connection in self._connections:
            connection.start()

    def _turn(self) -> None:
        arrivals = self._gather()
        if self._registry.changed():
            self._fleet = self._registry.fleet()
            _log.info("fleet changed: %d approved", len(self._fleet.active()))
            self._quotas.forget(self._fleet.members)
            self._keep_copies()
            for probe in self._state_paces.keys() - self._fleet.members.keys():
                del self._state_paces[probe]
                self._late_states.pop(probe, None)
            self._assigned_at = 0.0
            self._requesting.changed()
        if self._relearned.is_set():
            self._relearned.clear()
            self._assigned_at = 0.0
        if self._clock.now() - self._assigned_at >= _ASSIGN_EVERY:
            if self._origins is not None:
                self._origins.freshen()
            self._publish_assignments(self._connections)
        elif self._to_assign:
            self._publish_assignments(self._connections, only=self._to_assign)
        self._to_assign = set()
        deliveries = [arrival for arrival in arrivals if isinstance(arrival, Delivery)]
        if deliveries:
            self._take(deliveries)
        for arrival in arrivals:
            if isinstance(arrival, Up):
                self._greet(arrival.connection)
            elif isinstance(arrival, Down) and not any(connection.up for connection in self._connections):
                self._journal.watch(None)
        if self._late_states:
            self._hear_late_states()
        self._note_reports()
        self._tell_requests(self._connections)
        self._keep_watch()
        self._keep_identity()
        if self._clock.monotonic() - self._copied_at >= _COPY_EVERY:
            self._keep_copies()

    def _gather(self) -> list[Arrival]:
        """Wait for one arrival, then for company: up to 64 of them, 50 ms, or a gap of 3 ms."""
        try:
            arrivals = [self._queue.get(timeout=_IDLE_SECONDS / max(1.0, min(self._clock.scale, 10.0)))]
        except queue.Empty:
            return []
        until = self._clock.monotonic() + GROUP_SECONDS
        while len(arrivals) < GROUP_MOST:
            try:
                arrivals.append(self._queue.get(timeout=min(_GAP_SECONDS, max(0.0, until - self._clock.monotonic()))))
            except queue.Empty:
                break
        return arrivals

    def _take(self, deliveries: list[Delivery]) -> None:
        """Validate a group, commit it however long that takes, then acknowledge and answer."""
        received_at = self._clock.now()
        for group in self._kept(deliveries, received_at):
            self._note_able(group)
            self._note_reports()
            self._requesting.note()
            for delivery in group.deliveries:
                delivery.connection.ack(delivery)
            for probe, stream in group.owed.items():
                self._publish_receipt(probe, stream, self._connections)
            for batch in group.batches:
                # In order up to its newest batch, which came as it was sealed: nothing of it is still under way.
                live = batch.sequence and not batch.historical
                if live and self._journal.position(batch.probe, batch.stream).through >= batch.sequence:
                    self._quotas.caught_up(batch.probe, received_at)

    def _kept(self, deliveries: list[Delivery], received_at: float) -> list[Group]:
        """Return what was committed: one group or, where a message makes our own code raise, each message by itself."""
        group = Group()
        for delivery in deliveries:
            group.deliveries.append(delivery)
            if delivery.topic.startswith(BROKER_LOG):
                self._overhear(delivery, group, received_at)
                continue
            try:
                self._sort(delivery, group, received_at)
            except Exception as error:  # noqa: BLE001 - whatever a message can make us do, it costs itself
                self._refuse_as_fault(delivery, group, error)
        try:
            return [group] if self._commit(group, received_at) else []
        except DamagedError:
            raise
        except Exception as error:  # noqa: BLE001 - as above: a value that cannot be a row
            if len(deliveries) > 1:
                return [kept for delivery in deliveries for kept in self._kept([delivery], received_at)]
            alone = Group()
            alone.deliveries.extend(deliveries)
            self._refuse_as_fault(deliveries[0], alone, error)
            return [alone] if self._commit(alone, received_at) else []

    def _overhear(self, delivery: Delivery, group: Group, received_at: float) -> None:
        """Take from the broker's own words from which network a probe connects; its address is kept by nobody."""
        if self._origins is None:
            return
        told = complaint(delivery.topic, delivery.payload)
        if told:
            _log.warning("the broker says: %s", told)
        seen = sighting(delivery.payload, received_at, self._origins.look_up)
        member = self._fleet.members.get(seen.probe) if seen is not None else None
        if seen is None or member is None or not member.speaks:
            return
        group.sightings.append(seen)
        if compare(member.network, seen, self._same_provider) is Where.DIFFERS:
            where = f"AS{seen.asn}, {seen.country or '??'}"
            _log.warning("probe %s connects from %s, where its record says AS%d", seen.probe, where, member.network.asn)
            group.notices.append(Notice(probe=seen.probe, kind=NoticeKind.ELSEWHERE, detail=f"seen in {where}"))

    @staticmethod
    def _refuse_as_fault(delivery: Delivery, group: Group, error: Exception) -> None:
        """Put a message into the quarantine that we cannot deal with; it is acknowledged, so that others come."""
        parsed = parse_topic(delivery.topic)
        reason = f"our own fault, please report it: {words_of(error)}"
        if delivery.topic.startswith(BROKER_LOG):
            _log.error("a line of the broker's log: %s", type(error).__name__)  # it may hold an address: nothing of it
            return
        _log.error("a message on %r is set aside: %s", delivery.topic[:200], reason)
        group.refused.append(_refused(delivery, parsed.probe if parsed else "", reason))

    def _sort(self, delivery: Delivery, group: Group, received_at: float) -> None:
        """Put one delivery where it belongs in the group."""
        if delivery.topic == COLLECTOR_STATE:
            return  # our own word, retained: the subscription to every state brings it back
        parsed = parse_topic(delivery.topic)
        leaf = parsed.leaf if parsed else None
        if leaf is Leaf.STATE:
            spoken = read_state(delivery.topic, delivery.payload, self._fleet) if delivery.payload else None
            if isinstance(spoken, Spoken):
                self._hear_state(spoken, group)
            elif spoken is not None:
                group.refused.append(_refused(delivery, spoken.probe, spoken.reason))
            return
        probe = parsed.probe if parsed and parsed.probe in self._fleet.members else ""
        if probe and not self._quotas.knock(probe, received_at):
            self._over_quota(probe, "more messages than any backlog has; they come again", group, received_at)
            return
        if leaf is Leaf.META:
            self._hear_announcement(delivery, group, received_at)
            return
        for frame, outcome in letters(
            delivery.topic,
            delivery.payload,
            self._fleet,
            received_at,
            self._opener,
            clocks=self._clocks,
            gate=self._quotas.may_open,
        ):
            self._admit(delivery._replace(payload=frame), outcome, group, received_at)

    def _admit(self, delivery: Delivery, outcome: Accepted | Quarantined, group: Group, received_at: float) -> None:
        """Put one signed message into the group, or what is wrong with it."""
        if isinstance(outcome, Quarantined):
            _log.info("quarantined from %s: %s", outcome.probe or "nobody", outcome.reason)
            group.refused.append(_refused(delivery, outcome.probe, outcome.reason))
            if outcome.reason.startswith(OVER):
                self._over_quota(outcome.probe, outcome.reason, group, received_at)
            if outcome.envelope is not None and outcome.envelope.sequence:
                # Verified and kept in the quarantine: it need not come again.
                group.batches.append(_batch(self._fleet, outcome.probe, outcome.envelope, outcome.raw))
                group.owed[outcome.probe] = outcome.envelope.stream
            return
        self._hear(delivery, outcome, group, received_at)

    def _hear(self, delivery: Delivery, accepted: Accepted, group: Group, received_at: float) -> None:
        """Put an accepted message into the group."""
        probe = accepted.member.id
        envelope = accepted.envelope
        twofold = self._doubles.hear(envelope, received_at)
        if twofold:
            _log.warning("two boards speak as probe %s: %s", probe, twofold)
            group.notices.append(Notice(probe=probe, kind=NoticeKind.CLONED, detail=twofold))
        if accepted.claimed is not None:
            said = f"says AS{accepted.claimed.asn}, {accepted.claimed.access}"
            group.notices.append(Notice(probe=probe, kind=NoticeKind.CLAIMS, detail=said))
        accepted = self._within_quota(delivery, accepted, group, received_at)
        self._reports.hear(accepted, received_at)
        self._requesting.hear(probe, accepted.events, received_at)
        if accepted.health is not None:
            self._health[probe] = accepted.health
            group.health.append(
                Report(
                    probe=probe,
                    health=accepted.health,
                    session=envelope.session,
                    stream=envelope.stream,
                    oldest=envelope.oldest,
                )
            )
        for rejection in accepted.rejected:
            reason = f"{envelope.kind} {rejection.index} of batch {envelope.id}: {rejection.reason}"
            _log.info("quarantined from %s: %s", probe, reason)
            group.refused.append(Refused(probe=probe, topic=delivery.topic, reason=reason, raw=rejection.raw))
        if envelope.kind in {Kind.MEASUREMENT, Kind.EVENT, Kind.CARRIED}:
            batch = msgspec.structs.replace(
                _batch(self._fleet, probe, envelope, delivery.payload),
                measurements=tuple((place, measurement.id) for place, measurement in accepted.measurements),
                events=tuple(msgspec.json.encode(event) for event in accepted.events),
                clock_offset=accepted.dating.offset,
                clock_doubtful=accepted.dating.doubtful,
            )
            group.batches.append(batch)
            if envelope.sequence:
                group.owed[probe] = envelope.stream

    def _within_quota(self, delivery: Delivery, accepted: Accepted, group: Group, at: float) -> Accepted:
        """Return what of a message its probe's quota covers; the rest is kept in the quarantine, and told.

        What is here already costs nothing: a probe sends again what it was not receipted for.
        """
        probe, shift = accepted.member.id, -accepted.dating.offset
        group.spenders.add(probe)
        found = self._journal.fresh(probe, [one.id for _, one in accepted.measurements])
        fresh = [one for _, one in accepted.measurements if one.id in found and (probe, one.id) not in group.fresh]
        told = [Item(at, _WORD_WEIGHT)] * (len(accepted.events) + (accepted.health is not None))
        taken = self._quotas.admit(probe, [*(Item(one.started + shift, weight(one)) for one in fresh), *told], at)
        group.fresh.update((probe, one.id) for one, good in zip(fresh, taken, strict=False) if good)
        if all(taken):
            return accepted
        over = {one.id for one, good in zip(fresh, taken, strict=False) if not good}
        words_over = not all(taken[len(fresh) :])
        measurements = tuple((place, one) for place, one in accepted.measurements if one.id not in over)
        reason = self._quotas.reason(probe, taken.count(False), len(taken))
        # Where anything of it is taken, the journal keeps the frame.
        raw = b"" if measurements else delivery.payload
        group.refused.append(Refused(probe=probe, topic=delivery.topic, reason=reason, raw=raw))
        self._over_quota(probe, reason, group, at)
        return msgspec.structs.replace(
            accepted,
            measurements=measurements,
            events=() if words_over else accepted.events,
            health=None if words_over else accepted.health,
        )

    def _over_quota(self, probe: str, reason: str, group: Group, at: float) -> None:
        """Tell the operator of a probe that sends too much: a notice, and a line of the log in an hour."""
        group.notices.append(Notice(probe=probe, kind=NoticeKind.QUOTA, detail=reason))
        if at - self._told_quota.get(probe, float("-inf")) >= _TELL_QUOTA_EVERY:
            self._told_quota[probe] = at
            _log.warning("probe %s: %s", probe, reason)

    def _hear_state(self, spoken: Spoken, group: Group) -> None:
        """Note presence; a probe that just connected is told at once how far we have its stream.

        Of a probe that says its state without end the newest is kept back until it may be written down.
        """
        if spoken.probe not in self._fleet.members:
            return
        now = self._clock.now()
        pace = self._state_paces.setdefault(spoken.probe, Bucket(_STATES, now))
        if not pace.take(now):
            self._late_states[spoken.probe] = spoken
            return
        self._late_states.pop(spoken.probe, None)
        state = spoken.state
        group.presence.append(
            Presence(
                probe=spoken.probe,
                state=state.state,
                session=max(0, min(state.session, 2**53)),
                proved=spoken.proved,
                number=spoken.number,
                stream=state.stream[:64],
                oldest=state.oldest if spoken.proved else 0,
            )
        )
        if state.stream and state.state is not Lifecycle.LOST:
            group.owed[spoken.probe] = state.stream[:64]

    def _hear_late_states(self) -> None:
        """Note the states that were kept back, where they may be written down by now."""
        for probe, spoken in list(self._late_states.items()):
            group = Group()
            try:
                self._hear_state(spoken, group)
                if group.presence and self._commit(group, self._clock.now()) and group.owed:
                    self._publish_receipt(probe, group.owed[probe], self._connections)
            except Exception as error:  # noqa: BLE001 - a value that cannot be a row costs itself
                _log.error("a state of probe %s is set aside: %s", probe, words_of(error))
                self._late_states.pop(probe, None)

    def _hear_announcement(self, delivery: Delivery, group: Group, received_at: float) -> None:
        """Remember who asks to be approved; an empty payload only clears the retained message."""
        if not delivery.payload:
            return
        heard = read_announcement(delivery.topic, delivery.payload, received_at)
        if isinstance(heard, str):
            group.refused.append(_refused(delivery, "", heard))
            return
        stranger = heard.stranger
        member = self._fleet.members.get(stranger.id)
        if member is not None and member.public_key == stranger.public_key:
            group.able[member.id] = heard.able
        else:
            # A known id with another key was reinstalled, or is somebody else: the operator decides.
            try:
                self._registry.note_pending(stranger)
            except JournalError as error:
                _log.error("%s", error)
                return
            _log.info("probe %s asks to be approved with key %s", stranger.id, stranger.public_key)

    def _note_able(self, group: Group) -> None:
        """Write down what members can do; where that is news, what they are asked is looked at again."""
        for probe, able in group.able.items():
            order = self._fleet.order_of(probe)
            if able == order.able:
                continue
            try:
                self._registry.note_able(self._fleet.members[probe], able)
            except JournalError as error:
                _log.error("%s", error)  # it says it again at its next connection
                continue
            orders = {**self._fleet.orders, probe: msgspec.structs.replace(order, able=able)}
            self._fleet = dataclasses.replace(self._fleet, orders=orders)
            self._to_assign.add(probe)

    def _note_reports(self) -> None:
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
                    self._quotas.accounts(group.spenders),
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

    def _keep_copies(self) -> None:
        """Keep sound copies of what nothing else knows, whenever it changed and once in a while."""
        self._copied_at = self._clock.monotonic()
        for path in damage.shared_files(self._config):
            damage.keep_copy(path)

    def _keep_watch(self) -> None:
        """Write down now and then that we listen, so that a silence of probes is told from one of ours."""
        now = self._clock.now()
        if now - self._last_watch < _WATCH_EVERY or not any(connection.up for connection in self._connections):
            return
        self._last_watch = now
        try:
            self._journal.append((), (), (), now)
        except JournalError as error:
            _log.error("%s", error)

    def _keep_identity(self) -> None:
        """Renew our own certificate in time; the connection that stands goes on, the next one shows the new one."""
        now = self._clock.monotonic()
        if self._identity is None or now - self._identity_at < _IDENTITY_EVERY:
            return
        self._identity_at = now
        try:
            if self._identity.ensure():
                for connection in self._connections:
                    connection.take_identity()
                _log.info("our certificate for the broker was renewed")
        except (ConfigError, JournalError) as error:
            _log.error("our certificate for the broker is not renewed: %s", error)  # there is a month to mend it

    # ------------------------------------------------------------ what is said back

    def _greet(self, connection: Connection) -> None:
        """Say everything retained again: the broker may have been killed and have forgotten it."""
        self._last_watch = 0.0
        try:
            self._journal.watch(self._clock.now())
        except JournalError as error:
            _log.error("%s", error)
        self._publish_state(online=True)
        self._publish_assignments([connection], again=True)
        self._tell_requests(self._connections)
        self._tell_requests([connection], again=True)
        for probe, stream in self._stream_of.items():
            self._publish_receipt(probe, stream, [connection])

    def _publish_state(self, *, online: bool) -> None:
        payload = msgspec.json.encode(CollectorState(online=online, at=self._clock.now()))
        for connection in self._connections:
            connection.publish(COLLECTOR_STATE, payload)

    def _publish_receipt(self, probe: str, stream: str, connections: list[Connection]) -> None:
        """Tell a probe what it may forget."""
        self._stream_of[probe] = stream
        position = self._journal.position(probe, stream)
        receipt = Receipt(stream=stream, through=position.through, beyond=position.beyond, at=self._clock.now())
        frame = self._seal(Kind.RECEIPT, probe, msgspec.json.encode(receipt))
        for connection in connections:
            connection.publish(topic(probe, Leaf.RECEIPT), frame)

    def _tell_requests(self, connections: list[Connection], *, again: bool = False) -> None:
        """Tell probes what is asked of them beside their timetables, where it changed or (``again``) in any case."""

        def send(probe: str, body: bytes) -> None:
            frame = self._seal(Kind.COMMAND, probe, body) if body else b""
            for connection in connections:
                connection.publish(topic(probe, Leaf.COMMAND), frame)

        halted = self._fleet.halted()
        speaking = frozenset(one.id for one in self._fleet.active() if one.network.country not in halted)
        self._requesting.tell(self._clock.now(), speaking, send, again=again)

    def _publish_assignments(
        self, connections: list[Connection], *, again: bool = False, only: Collection[str] | None = None
    ) -> None:
        """Give approved probes (``only`` these) what they are to do, where it changed or (``again``) in any case."""
        now = self._clock.now()
        if only is None:
            self._assigned_at = now
        written = False
        for member in self._fleet.active():
            if only is not None and member.id not in only:
                continue
            try:
                written |= self._assign(member, now, connections, again=again)
            except JournalError as error:
                _log.error("%s", error)  # a version that a restart would forget is not given out; the next look tries
            except Exception as error:  # noqa: BLE001 - one probe's assignment costs that probe alone
                _log.error("no new assignment for %s: our own fault: %s", member.id, words_of(error))
        if written:
            self._fleet = self._registry.fleet()  # what was just assigned is what may be measured

    def _assign(self, member: Member, now: float, connections: list[Connection], *, again: bool) -> bool:
        """Give one probe what it is to do; whether that was written down anew."""
        issued = self._registry.issued(member.id)
        assignment, left_out = self._assignment_of(member, issued)
        if assignment.targets:
            since = max(member.approved_at, member.enrolled_at or 0.0)
            self._quotas.expect(member.id, results_per_day(assignment) / 24.0, since)
        following = due(assignment, issued, now, left_out)
        self._tell_old(member, left_out)
        if following is None and self._fleet.tasks_of(member.id) is NO_TASKS:
            # A registry of an earlier version: what it issued is written down now, under the next number.
            following = msgspec.structs.replace(issued, version=issued.version + 1)
        if following is not None:
            self._registry.issue(member.id, following, asked_of(assignment, self._learned), now)
        if following is not None or again:
            self._publish_assignment(member.id, dated(assignment, following or issued), connections)
        return following is not None

    def _tell_old(self, member: Member, left_out: Mapping[str, int]) -> None:
        """Say once in the log what a probe is too old for, and again when that changes."""
        order = self._fleet.order_of(member.id)
        if order.able is None:
            return  # it has not introduced itself, so nothing is known of its age
        lacks = (*order.lacks, *(f"{skill} ({n} left out)" for skill, n in left_out.items()))
        told = ", ".join(lacks)
        if told != self._told_old.get(member.id, ""):
            _log.warning("probe %s is too old for: %s", member.id, told or "nothing any more")
            self._told_old[member.id] = told

    def _assignment_of(self, member: Member, issued: Issued) -> tuple[Assignment, Mapping[str, int]]:
        """Return what a probe is to do, as far as it can and may, and what was left out as it is too old for it."""
        config = self._config
        halt = self._fleet.halted().get(member.network.country)
        if halt is not None:
            # Made of nothing that could fail. It names the key as well: a task that does not would mean that this
            # collector opens no boxes.
            stop = stopped(self._catalogue.version, halt.reason, issued.interval or config.timetable.interval)
            return msgspec.structs.replace(stop, sealed_to=self._sealed_to), issued.left_out
        task = assignment_for(member, self._catalogue, config.timetable, config.budget, self._learned)
        task, left_out = within(task, self._fleet.order_of(member.id).able)
        task = fitted(task, member.profile, laboratory=bool(config.network.laboratory) or self._clock.laboratory)
        return msgspec.structs.replace(task, sealed_to=self._sealed_to), left_out

    def _publish_assignment(self, probe: str, assignment: Assignment, connections: list[Connection]) -> None:
        frame = self._seal(Kind.ASSIGNMENT, probe, msgspec.json.encode(assignment))
        for connection in connections:
            connection.publish(topic(probe, Leaf.ASSIGNMENT), frame)

    def _seal(self, kind: Kind, probe: str, body: bytes) -> bytes:
        """Seal a message of the collector to one probe."""
        envelope = Envelope(
            kind=kind,
            id=secrets.token_hex(16),
            probe=probe,
            sent_at=self._clock.now(),
            clock_state=ClockState.LABORATORY if self._clock.laboratory else ClockState.SYNCED,
            body=msgspec.Raw(body),
        )
        return self._sealer.seal(encode_envelope(envelope))

    def _close(self) -> None:
        """Commit what is at hand, say offline, and let go."""
        payload = msgspec.json.encode(CollectorState(online=False, at=self._clock.now()))
        said = [connection.publish(COLLECTOR_STATE, payload) for connection in self._connections]
        for info in said:
            if info is not None:
                info.wait_for_publish(timeout=1.0)
        for connection in self._connections:
            connection.stop()
        self._journal.close()
        self._registry.close()


def _identity_of(config: Config) -> BrokerIdentity | None:
    """Return who we are to brokers of our own authority, with its certificate made; ``None`` where there are none."""
    if not any(broker.own_authority for broker in config.broker):
        return None
    identity = BrokerIdentity(config.state_dir, config.authority_dir)
    identity.ensure()
    return identity


def _batch(fleet: Fleet, probe: str, envelope: Envelope, frame: bytes) -> Batch:
    """The journal's view of a verified message; its items are filled in by the caller."""
    return Batch(
        probe=probe,
        public_key=fleet.members[probe].public_key,
        stream=envelope.stream,
        sequence=envelope.sequence,
        session=envelope.session,
        oldest=envelope.oldest,
        sent_at=envelope.sent_at,
        clock_state=envelope.clock_state,
        historical=envelope.historical,
        frame=frame,
    )


def _refused(delivery: Delivery, probe: str, reason: str) -> Refused:
    return Refused(probe=probe, topic=delivery.topic, reason=reason, raw=delivery.payload)
