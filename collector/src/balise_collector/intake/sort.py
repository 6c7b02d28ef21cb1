"""Where each delivery belongs: the topic is read here, once, and what it names goes to who reads such messages.

Lives here: the group that one commit is made of, and putting deliveries into it: batches, health, states,
announcements, what is refused and why, what is over a quota. Must not live here: commits, acknowledgements, answers
(writer.py), what is believable (validate.py).
"""

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from balise_collector.fleet.members import Fleet, Pending
from balise_collector.fleet.orders import Able
from balise_collector.fleet.quota import OVER, Item, Quotas, weight
from balise_collector.fleet.whereabouts import Sighting
from balise_collector.intake.announce import read_announcement
from balise_collector.intake.broker import Delivery
from balise_collector.intake.connection_log import ConnectionLog
from balise_collector.intake.current_fleet import CurrentFleet
from balise_collector.intake.doubles import Doubles
from balise_collector.intake.observing import BROKER_LOG
from balise_collector.intake.states import StatePacing
from balise_collector.intake.unboxing import letters
from balise_collector.intake.validate import Accepted, Quarantined, read_state
from balise_collector.journal import Batch, Notice, NoticeKind, Presence, RefusedMessage, Report
from balise_collector.journal.clock_offset import ProbeClocks
from balise_collector.journal.interface import JournalWriter
from balise_collector.system.errors import JournalError
from balise_collector.system.faults import words_of
from balise_wire.box import Opener
from balise_wire.envelope import Envelope, Kind
from balise_wire.status import Health
from balise_wire.topics import COLLECTOR_STATE, Leaf, ProbeTopic, parse_topic
from balise_wire.words import Lifecycle

_log = logging.getLogger(__name__)
_WORD_WEIGHT: Final = 0.5
"""What an event or a health report costs of a probe's quota, in results."""
_TELL_QUOTA_EVERY: Final = 3600.0
"""Clock seconds between two lines of the log about one probe that sends too much."""


class Group:
    """What one commit is made of, and what is owed when it is done."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.batches: list[Batch] = []
        self.refused: list[RefusedMessage] = []
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

    def take_state(self, heard: Presence) -> None:
        """Take a state; whoever just connected is told at once how far we have its stream."""
        self.presence.append(heard)
        if heard.stream and heard.state is not Lifecycle.LOST:
            self.owed[heard.probe] = heard.stream


class Addressed(NamedTuple):
    """A delivery whose topic is one of a probe's, as ``parse_topic`` read it."""

    delivery: Delivery
    topic: ProbeTopic


class SorterParts(NamedTuple):
    """What deliveries are sorted by: memories of what came before, kept by the writer."""

    quotas: Quotas
    clocks: ProbeClocks
    opener: Opener
    states: StatePacing
    connections: ConnectionLog
    hear: Callable[[Accepted, float], None]
    """Given each verified message and its receive time: it may say something of an assignment."""
    note_pending: Callable[[Pending], None]
    """Given each stranger that asks to be approved (JournalError)."""


class Sorter:
    """Puts deliveries into groups, in the writer's thread."""

    def __init__(
        self, current: CurrentFleet, journal: JournalWriter, by: SorterParts, health: dict[str, Health]
    ) -> None:
        """Prepare.

        Args:
            current: the fleet of now.
            journal: asked which measurements are here already.
            by: the memories.
            health: the last health of each probe, kept up here.
        """
        self._current = current
        self._journal = journal
        self._by = by
        self._quotas = by.quotas
        self._health = health
        self._doubles = Doubles()
        self._told_quota: dict[str, float] = {}
        """When the log last said that a probe was over its quota, UNIX seconds."""

    @property
    def _fleet(self) -> Fleet:
        return self._current.fleet

    def sort(self, delivery: Delivery, group: Group, received_at: float) -> None:
        """Put one delivery where it belongs; one that makes our own code raise goes to the quarantine."""
        group.deliveries.append(delivery)
        if delivery.topic.startswith(BROKER_LOG):
            self._by.connections.hear(delivery, self._fleet, group.sightings, group.notices, received_at)
            return
        topic = parse_topic(delivery.topic)
        try:
            self._sort(delivery, topic, group, received_at)
        except Exception as error:  # noqa: BLE001 - whatever a message can make us do, it costs itself
            refuse_as_fault(delivery, topic, group, error)

    def _sort(self, delivery: Delivery, topic: ProbeTopic | None, group: Group, received_at: float) -> None:
        if topic is None:
            if delivery.topic != COLLECTOR_STATE:  # our own word, retained: the subscription to states brings it back
                self._refuse_stranger(delivery, group)
            return
        addressed = Addressed(delivery, topic)
        if topic.leaf is Leaf.STATE:
            self._hear_state(addressed, group)
            return
        probe = topic.probe
        if probe in self._fleet.members and not self._quotas.knock(probe, received_at):
            self._over_quota(probe, "more messages than any backlog has; they come again", group, received_at)
        elif topic.leaf is Leaf.META:
            self._hear_announcement(addressed, group, received_at)
        else:
            self._open(addressed, group, received_at)

    @staticmethod
    def _refuse_stranger(delivery: Delivery, group: Group) -> None:
        reason = f"topic {delivery.topic[:200]!r} is none that a probe publishes sealed messages on"
        _log.info("quarantined from nobody: %s", reason)
        group.refused.append(_refused(delivery, "", reason))

    def _hear_state(self, addressed: Addressed, group: Group) -> None:
        """Note presence; a probe that just connected is told at once how far we have its stream."""
        delivery, topic = addressed
        if not delivery.payload:
            return
        spoken = read_state(topic, delivery.payload, self._fleet)
        if isinstance(spoken, Quarantined):
            group.refused.append(_refused(delivery, spoken.probe, spoken.reason))
        elif spoken.probe in self._fleet.members and (heard := self._by.states.hear(spoken)) is not None:
            group.take_state(heard)

    def _open(self, addressed: Addressed, group: Group, received_at: float) -> None:
        """Put every signed message of a delivery into the group."""
        delivery, topic = addressed
        for frame, outcome in letters(
            topic,
            delivery.payload,
            self._fleet,
            received_at,
            self._by.opener,
            clocks=self._by.clocks,
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
        self._by.hear(accepted, received_at)
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
            group.refused.append(RefusedMessage(probe=probe, topic=delivery.topic, reason=reason, raw=rejection.raw))
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
        group.refused.append(RefusedMessage(probe=probe, topic=delivery.topic, reason=reason, raw=raw))
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

    def _hear_announcement(self, addressed: Addressed, group: Group, received_at: float) -> None:
        """Remember who asks to be approved; an empty payload only clears the retained message."""
        delivery, topic = addressed
        if not delivery.payload:
            return
        heard = read_announcement(topic, delivery.payload, received_at)
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
                self._by.note_pending(stranger)
            except JournalError as error:
                _log.error("%s", error)
                return
            _log.info("probe %s asks to be approved with key %s", stranger.id, stranger.public_key)


def refuse_as_fault(delivery: Delivery, topic: ProbeTopic | None, group: Group, error: Exception) -> None:
    """Put a message into the quarantine that we cannot deal with; it is acknowledged, so that others come."""
    reason = f"our own fault, please report it: {words_of(error)}"
    if delivery.topic.startswith(BROKER_LOG):
        _log.error("a line of the broker's log: %s", type(error).__name__)  # it may hold an address: nothing of it
        return
    _log.error("a message on %r is set aside: %s", delivery.topic[:200], reason)
    group.refused.append(_refused(delivery, topic.probe if topic else "", reason))


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


def _refused(delivery: Delivery, probe: str, reason: str) -> RefusedMessage:
    return RefusedMessage(probe=probe, topic=delivery.topic, reason=reason, raw=delivery.payload)
