"""The way to the collector: batches out, receipts and assignments in, on the probe's one thread.

Lives here: one session after the other, and what is sent, held or resent in it. Who measures takes what arrived out of
a queue (``take``); this object calls nobody but the reactor. Must not live here: measuring, deciding what an assignment
may ask, or anything that blocks; MQTT is session.py, what is in flight window.py, the next attempt backoff.py.

While the collector says that it is offline the queue is held: the rows are safe on our disk, and resending them into a
broker's bounded queue would push each other out.
"""

import logging
import math
import socket
from collections import deque
from typing import Final

import msgspec

from balise_agent.delivery.connector import NO_GREETING, Connector
from balise_agent.delivery.messages import Author, OtherSchemaError, open_receipt
from balise_agent.delivery.parts import Arrival, Assigned, Counters, Delivery, Greeted, Narrowed, Requested
from balise_agent.delivery.session import MqttSession, Opened
from balise_agent.delivery.window import Window
from balise_agent.system.config import Broker
from balise_agent.system.problems import Trouble
from balise_agent.system.reactor import Timer
from balise_wire.envelope import Kind
from balise_wire.profiles import BATCH, CONNECTION
from balise_wire.seal import SealError
from balise_wire.status import CollectorState, Health, Receipt
from balise_wire.topics import COLLECTOR_STATE, Leaf, topic
from balise_wire.words import Lifecycle

_log = logging.getLogger(__name__)

_GREETING_SECONDS: Final = 15.0
"""From the open stream to the broker's CONNACK and SUBACK, real seconds."""
_SETTLE_SECONDS: Final = 0.2
"""From SUBACK to the first batch: the retained receipt arrives in between and may make it needless."""
_GOODBYE_SECONDS: Final = 2.0
_LAST_RECEIPTS_SECONDS: Final = 0.7
_TICK_SECONDS: Final = 1.0
_OLDEST_STEP: Final = 500
"""Sequences that go before the state says the lowest one held again."""


class Publisher:
    """One MQTT session after the other, for as long as the program runs."""

    def __init__(self, delivery: Delivery) -> None:
        self._parts = delivery
        self._spool = delivery.spool
        self._clock = delivery.clock
        self._reactor = delivery.reactor
        self._author = Author(
            delivery.probe, delivery.sealer, delivery.spool, delivery.clock, delivery.rng, delivery.boot
        )
        self._arrivals: deque[Arrival] = deque()
        self._reported = (0, 0)
        self.connector = Connector(delivery)
        self.window = Window(delivery.spool)
        self.counters = Counters()
        self.session = 0
        """Number of the session; 0 before the first."""
        self.collector_online = True
        """False only while the collector itself says so."""
        self.connected_at: float | None = None
        """UNIX seconds since when a broker takes our messages, on the probe's clock; None while none does."""
        self._lifecycle = Lifecycle.INIT
        self.mqtt: MqttSession | None = None
        """The session that stands, or that is not greeted yet."""
        self._timer: Timer | None = None
        self._deadline = math.inf
        self._ready_at = math.inf
        self._told_oldest = 0
        self._states = 0
        """States published in this session."""
        self._resting = False
        self._goodbye = 0
        self._part_at = math.inf
        self._parted = False

    # --- what others see ----------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether a broker takes our messages now."""
        return self._ready_at < math.inf

    @property
    def settled(self) -> bool:
        """Whether the moment after the greeting is over, and batches go out."""
        return self._clock.monotonic() >= self._ready_at

    @property
    def parted(self) -> bool:
        """Whether the goodbye is over, one way or another."""
        return self._parted and self.mqtt is None and not self.connector.busy

    @property
    def broker(self) -> str:
        """The broker that is used or tried, for people."""
        return self.connector.name

    @property
    def trouble(self) -> Trouble | None:
        """Why no broker takes our messages, once all were tried."""
        return self.connector.trouble

    @property
    def segment(self) -> int:
        """Bytes of the largest segment that is used towards brokers, 0 where nothing bounds it."""
        return self.connector.segment

    def crossed(self) -> tuple[int, int]:
        """Return the bytes out and in since start as the line carried them; an estimate where the kernel is silent."""
        if not self.connector.traffic.blind:
            return self.connector.traffic.crossed()
        told = self.counters
        around = (told.sent_batches * BATCH + told.connections * CONNECTION) // 2
        return told.sent_bytes + around, told.received_bytes + around

    def report(self) -> None:
        """Bring the account of the line up to this moment."""
        before, self._reported = self._reported, self.crossed()
        sent, received = self._reported
        self._parts.budget.reported(max(0, sent - before[0]), max(0, received - before[1]))

    def take(self) -> list[Arrival]:
        """Take what arrived since the last call, in order."""
        taken = list(self._arrivals)
        self._arrivals.clear()
        return taken

    # --- time ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; from here on the reactor drives."""
        self._reactor.soon(self.tick)

    def poke(self) -> None:
        """There is something new to send."""
        self._arm(0.0)

    def tick(self) -> None:
        """Do what is due: dial, give up, keep alive, send, resend."""
        now = self._clock.monotonic()
        self.report()
        if self.mqtt is not None:
            self.mqtt.tick()
            if now >= self._deadline:
                self.ended("no goodbye in time" if self._parted else NO_GREETING)
            self._deliver(now)
            self._take_leave(now)
            self._rest()
        elif self.connector.due(now) and not self._parted and not self._parts.budget.silent:
            self.connector.start(self._stream_open, self.ended)
        self._arm(self.pause())

    def pause(self) -> float:
        """Real seconds until the next tick."""
        if self.connector.busy:
            return _TICK_SECONDS
        now = self._clock.monotonic()
        moments = [now + _TICK_SECONDS, self._deadline]
        if not self._goodbye:
            moments.append(self._part_at)
        if self.mqtt is None and self.connector.next_at > now:
            moments.append(self.connector.next_at)
        elif self._ready_at > now:
            moments.append(self._ready_at)
        return max(0.0, min(moments) - now)

    def _arm(self, seconds: float) -> None:
        """Let the reactor tick later, and only once."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.after(seconds, self.tick)

    # --- connecting ---------------------------------------------------------------------------------------------------

    def _stream_open(self, stream: socket.socket) -> None:
        """Start MQTT on the open stream."""
        broker = self.connector.broker
        self.session = self._spool.next_session(self._clock.now())
        self._states = 0
        self.mqtt = MqttSession(
            Opened(stream, broker, _password(broker), broker.keepalive or self._parts.pace.keepalive),
            probe=self._parts.probe,
            will=self._author.state(Lifecycle.LOST, self.session, 0),
            reactor=self._reactor,
            owner=self,
        )
        self._deadline = self._clock.monotonic() + _GREETING_SECONDS
        self.mqtt.begin()

    def retry(self) -> None:
        """Something changed (a new certificate): try at once, and begin to count anew."""
        self.connector.retry()
        if self.mqtt is None and not self.connector.busy and not self._parted:
            self._arm(0.0)

    # --- session.SessionOwner -----------------------------------------------------------------------------------------

    def accepted(self) -> None:
        """See SessionOwner."""
        self.counters.connections += 1
        self.collector_online = True  # until its retained word says otherwise, which follows the SUBACK

    def greeted(self) -> None:
        """See SessionOwner: say so, and begin to send a moment later."""
        self._deadline = math.inf
        self._ready_at = self._clock.monotonic() + _SETTLE_SECONDS
        self.connector.greeted()
        self.connected_at = self._clock.now()
        self.window.begin()
        self._publish(Leaf.META, self._author.sealed(Kind.META, self._parts.meta, self.session), retain=True)
        self._tell_state()
        self._arrivals.append(Greeted())
        self._arm(_SETTLE_SECONDS)
        _log.info("broker %s: connected, session %d", self.broker, self.session)

    def heard(self, name: str, payload: bytes, *, live: bool) -> None:
        """See SessionOwner."""
        self.counters.received_bytes += len(payload)
        if name == COLLECTOR_STATE:
            self._collector_said(payload)
        elif name == topic(self._parts.probe, Leaf.RECEIPT):
            self._receipted(payload, live=live)
        elif name == topic(self._parts.probe, Leaf.ASSIGNMENT):
            # An assignment says that the collector knows us now: what it did not receipt before may be welcome.
            self.window.rewind()
            self._arrivals.append(Assigned(payload))
        elif name == topic(self._parts.probe, Leaf.COMMAND):
            self._arrivals.append(Requested(payload))

    def acknowledged(self, message: int) -> None:
        """See SessionOwner."""
        if self._goodbye and message == self._goodbye and self.mqtt is not None:
            self.mqtt.disconnect()

    def ended(self, why: str) -> None:
        """See SessionOwner: put the session away and plan the next attempt."""
        session, self.mqtt = self.mqtt, None
        if session is not None:
            session.close()
        if not self._parted and self.connector.narrows(why):
            self._arrivals.append(Narrowed(self.segment))
        _log.log(logging.INFO if self._parted else logging.WARNING, "broker %s: %s", self.broker, why)
        wait = self.connector.ended(why, at_once=self._resting)
        self.report()
        self._deadline = self._ready_at = math.inf
        self.connected_at = None
        self.window.rewind()
        self._resting = False
        self._arm(wait)

    # --- messages in --------------------------------------------------------------------------------------------------

    def _collector_said(self, payload: bytes) -> None:
        try:
            said = msgspec.json.decode(payload, type=CollectorState)
        except msgspec.DecodeError:
            self.counters.forged += 1
            return
        if said.online and not self.collector_online:
            self.window.rewind()
            self.poke()
        if said.online != self.collector_online:
            _log.info("the collector says that it is %s", "online" if said.online else "offline: holding the queue")
        self.collector_online = said.online

    def _receipted(self, frame: bytes, *, live: bool) -> None:
        """Forget what the collector signed for, and take its time as a hint."""
        try:
            receipt = open_receipt(frame, self._parts.collector, self._parts.probe)
        except (SealError, msgspec.DecodeError) as error:
            self.counters.forged += 1
            _log.warning("a receipt was ignored: %s", error)
            return
        except OtherSchemaError as error:
            _log.warning("a receipt was ignored: %s", error)
            return
        self.counters.receipts += 1
        self._clock.hint(receipt.at, live=live, since=self.window.sent_before(receipt))
        self._hold_dates_against_the_clock()
        if receipt.stream == self._spool.stream:
            self._forget(receipt, live=live)

    def _forget(self, receipt: Receipt, *, live: bool) -> None:
        if self._spool.is_behind(receipt):
            # An older copy of the card: its next numbers were used already, and this receipt would cover them.
            self._spool.begin_anew(f"a receipt names {max((receipt.through, *receipt.beyond))}, never given out here")
            return
        self.counters.receipt_at = self._clock.now() if live else receipt.at
        self._spool.forget(receipt)
        if self._spool.oldest() - self._told_oldest > _OLDEST_STEP:
            # A collector that reads it nowhere else may wait at a gap that will never be filled.
            self._tell_state()
        if self.window.receipted(receipt):
            self.connector.passed()
            self.poke()

    def _hold_dates_against_the_clock(self) -> None:
        """End a session that began without a look at certificates' dates, where the signed time says to look."""
        if self.connector.dates_count_now():
            _log.warning(
                "broker %s: its certificate is outside its dates, and this machine's clock is right", self.broker
            )
            if self.mqtt is not None:
                self.mqtt.disconnect("the broker's certificate has expired, by the collector's signed time as well")

    # --- messages out -------------------------------------------------------------------------------------------------

    def announce(self, lifecycle: Lifecycle) -> None:
        """Say a new lifecycle now and at the beginning of each session: with session, stream and the lowest row."""
        self._lifecycle = lifecycle
        self._tell_state()

    def evicted(self) -> None:
        """Rows went without a receipt: tell the collector the new lowest sequence, or it would wait for ever."""
        if self._spool.oldest() != self._told_oldest:
            self._tell_state()

    def health(self, health: Health) -> None:
        """Publish the board's health, once and unspooled: an old one is worth nothing."""
        if self.connected:
            self._publish(Leaf.HEALTH, self._author.sealed(Kind.HEALTH, health, self.session), qos=0)

    def _tell_state(self) -> None:
        if self.connected:
            self._told_oldest = self._spool.oldest()
            self._publish(Leaf.STATE, self._state(self._lifecycle), retain=True)

    def _state(self, lifecycle: Lifecycle) -> bytes:
        self._states += 1
        return self._author.state(lifecycle, self.session, self._states)

    def _publish(self, leaf: Leaf, payload: bytes, *, qos: int = 1, retain: bool = False) -> int:
        """Hand one message to the session and return its id."""
        if self.mqtt is None:
            return 0
        self.counters.sent_bytes += len(payload)
        return self.mqtt.publish(leaf, payload, qos=qos, retain=retain)

    def _deliver(self, now: float) -> None:
        """Keep the window full, oldest first; start over when receipts are overdue."""
        if now < self._ready_at or not self.collector_online:
            return
        if self.window.follow_stream():
            self._tell_state()
        self.counters.resends += self.window.overdue(now)
        going = 0
        for row in self.window.next_rows():
            going += len(row.frame) + BATCH
            if not self._parts.budget.delivers(going):
                return
            self.window.sent(row, now)
            self.counters.sent_batches += 1
            self._publish(Leaf.EVENT if row.kind is Kind.EVENT else Leaf.MEASUREMENT, row.frame)

    def _rest(self) -> None:
        """Sign off where the host's line has nothing left for us today; ``_may_dial`` waits for the next."""
        if self.connected and not self._parted and not self._resting and self._parts.budget.silent:
            self._resting = True
            self._publish(Leaf.STATE, self._state(Lifecycle.SLEEPING), retain=True)
            if self.mqtt is not None:
                self.mqtt.disconnect()

    # --- the end ------------------------------------------------------------------------------------------------------

    def part(self) -> None:
        """Say goodbye: the last rows go out, their receipts are waited for a moment, then the state, then the end."""
        self._parted = True
        if not self.connected or self.mqtt is None:
            self.ended("parting without a connection")
            return
        now = self._clock.monotonic()
        self._deadline = now + _GOODBYE_SECONDS
        self._part_at = now + _LAST_RECEIPTS_SECONDS
        self.report()
        self._deliver(max(now, self._ready_at))
        self._take_leave(now)
        self._arm(self.pause())

    def _take_leave(self, now: float) -> None:
        """Publish the last state once everything on air is receipted, or its time is over."""
        if self._parted and not self._goodbye and (self.window.empty or now >= self._part_at):
            self._goodbye = self._publish(Leaf.STATE, self._state(Lifecycle.DISCONNECTED), retain=True)

    def close(self) -> None:
        """Let go of everything at once, without a goodbye: the broker says ``lost`` for us."""
        self._parted = True
        if not self.parted:
            self.ended("closed")
        if self._timer is not None:
            self._timer.cancel()


def _password(broker: Broker) -> str | None:
    """Read the broker's password; a file that vanished since the start is met as a refusal by the broker."""
    if not broker.password_file:
        return None
    try:
        with open(broker.password_file, encoding="utf-8") as file:  # noqa: PTH123 - one line, one file
            return file.read().strip()
    except OSError as error:
        _log.error("password file: %s", error)
        return None
