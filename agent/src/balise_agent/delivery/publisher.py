"""The way to the collector: batches out, receipts and assignments in, on the conductor's own thread.

Lives here: the MQTT session (3.1.1, QoS 1, last will), which broker comes next, what is resent and when, and what may
be forgotten. Must not live here: measuring, deciding what an assignment may ask, or anything that blocks.

PUBACK proves nothing (a broker killed -9 lost hundreds of acknowledged messages); only a receipt that the collector
signed for this probe lets the spool forget. While the collector says that it is offline the queue is held: the rows are
safe on our disk, and resending them into a broker's bounded queue would push each other out.
"""

import logging
import random
import socket
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paho.mqtt import client as mqtt

from balise_agent.delivery.dial import NO_ANSWER, SEGMENTS, Dial, Lookup
from balise_agent.delivery.mqtt_stream import StreamClient
from balise_agent.delivery.spool.spool import Spool
from balise_agent.delivery.tcp_bytes import Traffic
from balise_agent.system.clock import Clock
from balise_agent.system.config import Broker
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.reactor import READ, WRITE, Reactor, Timer
from balise_wire import SCHEMA
from balise_wire.envelope import MAX_BODY_BYTES, Envelope, Kind, decode_envelope, encode_envelope
from balise_wire.profiles import AT_ONCE, BATCH, CONNECTION, Pace
from balise_wire.seal import Sealer, SealError, unseal
from balise_wire.status import CollectorState, Health, Meta, Receipt, State
from balise_wire.topics import COLLECTOR_STATE, Leaf, topic
from balise_wire.words import Lifecycle

_log = logging.getLogger(__name__)

WINDOW: Final = 32
"""Batches on air without a receipt."""
_GREETING_SECONDS: Final = 15.0
"""From the open stream to the broker's CONNACK and SUBACK, real seconds."""
_SETTLE_SECONDS: Final = 0.2
"""From SUBACK to the first batch: the retained receipt arrives in between and may make it needless."""
_RECEIPT_SECONDS: Final = 10.0
"""Real seconds after which an unreceipted batch is sent again; doubled each time nothing comes back."""
_RECEIPT_SECONDS_MOST: Final = 300.0
_BACKOFF_SECONDS: Final = 2.0
"""First back-off in clock seconds; the real wait is a random part of it ("full jitter"), the pace has the longest."""
_STANDS_SECONDS: Final = 60.0
"""Real seconds after which a session counts as a success. Each connection costs 10 KB of the host's day: a network that
lets us in and cuts us off at once is met with the same back-off as one that does not let us in."""
_BACKOFF_FLOOR: Final = 0.05
_REFUSED_SECONDS: Final = 300.0
"""First back-off where every broker refuses this probe: only a person, or a new certificate, changes that."""
_REFUSED_SECONDS_MOST: Final = 3600.0
_REFUSED: Final = "the broker refuses this probe: "
_REFUSING_ALERTS: Final = ("certificate", "unknown ca", "access denied")
"""Words of TLS alerts (RFC 8446 6.2) that speak of *our* certificate."""
_STALLS: Final = 2
"""Connections in a row that stood and stalled, before smaller segments are tried."""
_NO_GREETING: Final = "the broker did not greet in time"
_GOODBYE_SECONDS: Final = 2.0
_LAST_RECEIPTS_SECONDS: Final = 0.7
_TICK_SECONDS: Final = 1.0
_OLDEST_STEP: Final = 500
"""Sequences that go before the state says the lowest one held again."""
_LARGEST_INBOX: Final = MAX_BODY_BYTES
_LAST_GOOD: Final = "last good broker"


class Listener(Protocol):
    """Who is told what arrived."""

    def assigned(self, frame: bytes) -> None:
        """A sealed assignment arrived; nothing of it is verified yet."""

    def lifecycle(self) -> Lifecycle:
        """What the probe says of itself when it connects."""

    def may_deliver(self, size: int) -> bool:
        """Whether the host's line has ``size`` bytes left today for what is recorded."""

    def may_talk(self) -> bool:
        """Whether it has anything left for us at all."""

    def narrowed(self, segment: int) -> None:
        """Full packets are lost on the way to the broker; from now on segments have ``segment`` bytes, 0 again any."""

    def greeted(self) -> None:
        """A broker takes our messages from now on; nothing of the spool went out in this session yet."""


class Counters:
    """What the publisher did since start; read by health and by tests."""

    def __init__(self) -> None:
        self.connections = 0
        self.sent_batches = 0
        self.sent_bytes = 0
        self.received_bytes = 0
        self.receipts = 0
        self.forged = 0
        """Messages on our topics that the collector did not sign for us."""
        self.resends = 0
        self.receipt_at: float | None = None
        """UNIX seconds of the last receipt for our stream, on the probe's clock."""


class Publisher:
    """One MQTT session after the other, for as long as the program runs."""

    def __init__(
        self,
        brokers: Sequence[Broker],
        *,
        probe: str,
        meta: Meta,
        sealer: Sealer,
        collector: Ed25519PublicKey,
        spool: Spool,
        clock: Clock,
        reactor: Reactor,
        lookup: Lookup,
        listener: Listener,
        chance: random.Random,
        pace: Pace = AT_ONCE,
        boot: str = "",
    ) -> None:
        self._brokers = tuple(brokers)
        self._probe = probe
        self._meta = meta
        self._sealer = sealer
        self._collector = collector
        self._spool = spool
        self._clock = clock
        self._reactor = reactor
        self._lookup = lookup
        self._listener = listener
        self._chance = chance
        self._pace = pace
        self._boot = boot
        self._traffic = Traffic()
        self._stalls = 0
        self._narrowed = 0
        """Index into SEGMENTS."""
        self._resting = False
        self._dates_passed_over = False
        """Certificates were found outside their dates and no signed time was heard yet: the clock may be the liar."""
        self.counters = Counters()
        self.session = 0
        self.collector_online = True
        """False only while the collector itself says so."""
        self.connected_at: float | None = None
        """UNIX seconds since when a broker takes our messages, on the probe's clock; None while none does."""
        self.trouble: Trouble | None = None
        """Why no broker takes our messages, once all were tried."""
        self._place = self._first_place()
        self._failures = 0
        self._refusals = 0
        self._dial: Dial | None = None
        self._client: StreamClient | None = None
        self._watched: socket.socket | None = None
        self._watched_for = 0
        self._timer: Timer | None = None
        self._next_dial = 0.0
        self._stands_since = float("inf")
        """Monotonic seconds at which the session was greeted."""
        self._deadline = float("inf")
        self._ready_at = float("inf")
        self._cursor = 0
        self._stream = spool.stream
        self._on_air: dict[int, float] = {}
        self._patience = _RECEIPT_SECONDS
        self._told_oldest = 0
        self._states = 0
        """States published in this session."""
        self._goodbye = 0
        self._part_at = float("inf")
        self._parted = False

    @property
    def connected(self) -> bool:
        """Whether a broker takes our messages now."""
        return self._ready_at < float("inf")

    @property
    def broker(self) -> str:
        """The broker that is used or tried, for people."""
        return f"{self._brokers[self._place].host}:{self._brokers[self._place].port}" if self._brokers else "none"

    def crossed(self) -> tuple[int, int]:
        """Return the bytes out and in since start as the line carried them; an estimate where the kernel is silent."""
        if not self._traffic.blind:
            return self._traffic.crossed()
        told = self.counters
        around = (told.sent_batches * BATCH + told.connections * CONNECTION) // 2
        return told.sent_bytes + around, told.received_bytes + around

    # --- time ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; from here on the reactor drives."""
        self._reactor.soon(self._tick)

    def poke(self) -> None:
        """There is something new to send."""
        self._arm(0.0)

    def _tick(self) -> None:
        """Do what is due: dial, give up, keep alive, send, resend."""
        now = self._clock.monotonic()
        if self._client is not None:
            self._client.loop_misc()
            if now >= self._deadline:
                self._lost("no goodbye in time" if self._parted else _NO_GREETING)
            self._deliver(now)
            self._take_leave(now)
            self._rest()
            self._rewatch()
        elif self._dial is None and self._brokers and self._may_dial(now):
            self._start_dial()
        self._arm(self._pause())

    def _may_dial(self, now: float) -> bool:
        return not self._parted and now >= self._next_dial and self._listener.may_talk()

    def _rest(self) -> None:
        """Sign off where the host's line has nothing left for us today; ``_may_dial`` waits for the next."""
        if self.connected and not self._parted and not self._resting and not self._listener.may_talk():
            self._resting = True
            self._publish(Leaf.STATE, self._state(Lifecycle.SLEEPING), retain=True)
            if self._client is not None:
                self._client.disconnect()

    def _pause(self) -> float:
        """Real seconds until the next tick."""
        if self._dial is not None:
            return _TICK_SECONDS
        now = self._clock.monotonic()
        moments = [now + _TICK_SECONDS, self._deadline]
        if not self._goodbye:
            moments.append(self._part_at)
        if self._client is None and self._next_dial > now:
            moments.append(self._next_dial)
        elif self._ready_at > now:
            moments.append(self._ready_at)
        return max(0.0, min(moments) - now)

    def _arm(self, seconds: float) -> None:
        """Let the reactor tick later, and only once."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.after(seconds, self._tick)

    # --- connecting ---------------------------------------------------------------------------------------------------

    def _first_place(self) -> int:
        """Index of the broker that worked last time."""
        last = self._spool.noted(_LAST_GOOD)
        return next((at for at, broker in enumerate(self._brokers) if f"{broker.host}:{broker.port}" == last), 0)

    def _start_dial(self) -> None:
        self._dial = Dial(
            self._brokers[self._place],
            reactor=self._reactor,
            lookup=self._lookup,
            opened=self._stream_open,
            failed=self._lost,
            check_time=self._clock.machine_vouched and not self._dates_passed_over,
            follow=self._traffic.follow,
            segment=SEGMENTS[self._narrowed],
        )
        self._dial.start()

    def _stream_open(self, stream: socket.socket) -> None:
        """Start MQTT on the open stream. A new client each time: the spool alone remembers what is not delivered."""
        self._dial = None
        broker = self._brokers[self._place]
        self.session = self._spool.next_session(self._clock.now())
        self._states = 0
        client = StreamClient(self._probe, stream, websocket=broker.transport == "websockets", tls=broker.tls)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_socket_register_write = self._want_write
        client.on_socket_unregister_write = self._want_write
        client.will_set(topic(self._probe, Leaf.STATE), self._state(Lifecycle.LOST), qos=1, retain=True)
        if broker.username:
            client.username_pw_set(broker.username, _password(broker))
        self._client = client
        self._watched = stream
        self._watched_for = 0
        self._deadline = self._clock.monotonic() + _GREETING_SECONDS
        self._rewatch()
        client.connect(broker.host, broker.port, broker.keepalive or self._pace.keepalive)

    def _lost(self, why: str) -> None:
        """Put the session away and plan the next attempt: the next broker at once, a whole round with back-off."""
        client, self._client = self._client, None
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None
        if self._watched is not None:
            self._reactor.unwatch(self._watched)
            self._watched = None
        if client is not None:
            client.abandon()
        self._look_for_a_stall(why)
        self._traffic.settle()
        if self._clock.monotonic() - self._stands_since >= _STANDS_SECONDS:
            self._failures = 0
        self._stands_since = float("inf")
        _log.log(logging.INFO if self._parted else logging.WARNING, "broker %s: %s", self.broker, why)
        self._deadline = self._ready_at = float("inf")
        self.connected_at = None
        self._on_air.clear()
        if is_about_dates(why) and self._clock.checked is None:
            # A machine's clock may lie by months and call itself synchronised. The authority is pinned; its dates are
            # looked at again as soon as the collector's signed time says what day it is.
            self._dates_passed_over = True
        wait = 0.0 if self._resting else self._backoff(why)
        self._resting = False
        self._next_dial = self._clock.monotonic() + wait
        self._arm(wait)

    def _look_for_a_stall(self, why: str) -> None:
        """Count connections that stood and carried small packets alone; after the second, try smaller segments.

        Our own segments stall where the way out is narrow; the broker's, with its certificate, where the way back is.
        """
        unheard = NO_ANSWER in why or why == _NO_GREETING
        if self._parted or not (self._traffic.stalled() or (unheard and self._traffic.stood())):
            return
        self._stalls += 1
        if self._stalls >= _STALLS:
            self._stalls = 0
            self._narrowed = (self._narrowed + 1) % len(SEGMENTS)
            self._listener.narrowed(self.segment)

    @property
    def segment(self) -> int:
        """Bytes of the largest segment that is used towards brokers, 0 where nothing bounds it."""
        return SEGMENTS[self._narrowed]

    def _backoff(self, why: str) -> float:
        """Count a failure, turn to the next broker, and return the real seconds until it is tried."""
        fronts = max(1, len(self._brokers))
        self._failures += 1
        self._refusals = self._refusals + 1 if is_refusal(why) else 0
        self._place = (self._place + 1) % fronts
        refused = self._refusals >= fronts
        if self._failures >= fronts:
            kind = ProblemId.BROKER_REFUSES if refused else ProblemId.BROKER_UNREACHABLE
            self.trouble = Trouble(id=kind, detail=why)
        rounds = min((self._failures - 1) // fronts, 10)
        if refused:
            most = min(_REFUSED_SECONDS_MOST, _REFUSED_SECONDS * 2.0**rounds)
            return self._clock.real_seconds(self._chance.uniform(most / 2.0, most))
        most = min(self._pace.redial, _BACKOFF_SECONDS * 2.0**rounds)
        return max(_BACKOFF_FLOOR, self._clock.real_seconds(self._chance.uniform(0.0, most)))

    def retry(self) -> None:
        """Something changed (a new certificate): try at once, and begin to count anew."""
        self._failures = self._refusals = 0
        if self._client is None and self._dial is None and not self._parted:
            self._next_dial = self._clock.monotonic()
            self._arm(0.0)

    # --- paho's calls back --------------------------------------------------------------------------------------------

    def _socket_ready(self, mask: int) -> None:
        """Let paho read and write; TLS may hold more than one record that select does not see."""
        client = self._client
        if client is None:
            return
        try:
            if mask & READ:
                client.loop_read()
                while self._client is client and client.buffered():
                    client.loop_read()
            if mask & WRITE and self._client is client:
                client.loop_write()
        except Exception as error:  # noqa: BLE001 - a stranger's bytes end this connection, never the probe
            if self._client is client:
                self._lost(f"the broker sent what cannot be read: {type(error).__name__}")
        self._rewatch()

    def _want_write(self, *_: object) -> None:
        self._rewatch()

    def _rewatch(self) -> None:
        """Watch for what is needed now: always for reading, for writing only with something to write."""
        if self._client is not None and self._watched is not None:
            mask = READ | WRITE if self._client.want_write() else READ
            if mask != self._watched_for:
                self._watched_for = mask
                self._reactor.watch(self._watched, self._socket_ready, mask)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            _log.error("broker %s refuses this probe: %s; check username, certificate and id", self.broker, reason)
            if self._client is not None:
                self._client.alert = f"{_REFUSED}{reason}"
            return  # paho ends the connection, and _on_disconnect plans the next
        self.counters.connections += 1
        self.collector_online = True  # until its retained word says otherwise, which follows the SUBACK
        topics = [(topic(self._probe, leaf), 1) for leaf in (Leaf.RECEIPT, Leaf.ASSIGNMENT)]
        client.subscribe([*topics, (COLLECTOR_STATE, 1)])

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _mid: int, _reasons: Any, _properties: Any) -> None:
        """The session stands: say so, and begin to send a moment later."""
        self._deadline = float("inf")
        self._ready_at = self._clock.monotonic() + _SETTLE_SECONDS
        self._stands_since = self._clock.monotonic()
        self._refusals = 0
        self.trouble = None
        self.connected_at = self._clock.now()
        self._cursor = 0
        self._patience = _RECEIPT_SECONDS
        self._spool.note(_LAST_GOOD, self.broker)
        self._publish(Leaf.META, self._sealed(Kind.META, self._meta), retain=True)
        self.announce()
        self._listener.greeted()
        self._arm(_SETTLE_SECONDS)
        _log.info("broker %s: connected, session %d", self.broker, self.session)

    def _on_disconnect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if client is self._client:
            told = self._client.alert or f"connection ended: {reason}"
            self._lost("signed off" if self._parted or self._resting else told)

    def _on_publish(self, client: mqtt.Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        if self._goodbye and mid == self._goodbye:
            client.disconnect()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.counters.received_bytes += len(message.payload)
        if message.topic == COLLECTOR_STATE:
            self._collector_said(bytes(message.payload))
        elif message.topic == topic(self._probe, Leaf.RECEIPT):
            self._receipted(bytes(message.payload), live=not message.retain)
        elif message.topic == topic(self._probe, Leaf.ASSIGNMENT):
            # An assignment says that the collector knows us now: what it did not receipt before may be welcome.
            self._rewind()
            self._listener.assigned(bytes(message.payload))

    # --- messages in --------------------------------------------------------------------------------------------------

    def _collector_said(self, payload: bytes) -> None:
        try:
            said = msgspec.json.decode(payload, type=CollectorState)
        except msgspec.DecodeError:
            self.counters.forged += 1
            return
        if said.online and not self.collector_online:
            self._rewind()
            self.poke()
        if said.online != self.collector_online:
            _log.info("the collector says that it is %s", "online" if said.online else "offline: holding the queue")
        self.collector_online = said.online

    def _receipted(self, frame: bytes, *, live: bool) -> None:
        """Forget what the collector signed for, and take its time as a hint."""
        try:
            envelope = open_sealed(frame, self._collector, Kind.RECEIPT, self._probe)
            if other := other_schema(envelope):
                _log.warning("a receipt was ignored: %s", other)
                return
            receipt = msgspec.json.decode(envelope.body, type=Receipt)
        except (SealError, msgspec.DecodeError) as error:
            self.counters.forged += 1
            _log.warning("a receipt was ignored: %s", error)
            return
        self.counters.receipts += 1
        self._clock.hint(receipt.at, live=live, since=self._answers(receipt))
        self._hold_dates_against_the_clock()
        if receipt.stream != self._spool.stream:
            return
        if self._spool.is_behind(receipt):
            # An older copy of the card: its next numbers were used already, and this receipt would cover them.
            self._spool.begin_anew(f"a receipt names {max((receipt.through, *receipt.beyond))}, never given out here")
            return
        self.counters.receipt_at = self._clock.now() if live else receipt.at
        self._spool.forget(receipt)
        if self._spool.oldest() - self._told_oldest > _OLDEST_STEP:
            # A collector that reads it nowhere else may wait at a gap that will never be filled.
            self.announce()
        delivered = self._covered(receipt)
        for sequence in delivered:
            del self._on_air[sequence]
        if delivered:
            self._stalls = 0
            self._patience = _RECEIPT_SECONDS
            self.poke()

    def _covered(self, receipt: Receipt) -> list[int]:
        """Return what is on air and covered by a receipt."""
        if receipt.stream != self._spool.stream:
            return []
        beyond = set(receipt.beyond)
        return [sequence for sequence in self._on_air if sequence <= receipt.through or sequence in beyond]

    def _answers(self, receipt: Receipt) -> float | None:
        """Return when the last message was sent that a receipt is the first to cover: it was signed after that."""
        return max((self._on_air[sequence] for sequence in self._covered(receipt)), default=None)

    def _hold_dates_against_the_clock(self) -> None:
        """End a session that began without a look at certificates' dates, where the signed time says to look."""
        if self._dates_passed_over and self._clock.machine_vouched and self._clock.checked is not None:
            self._dates_passed_over = False
            _log.warning(
                "broker %s: its certificate is outside its dates, and this machine's clock is right", self.broker
            )
            if self._client is not None:
                self._client.alert = "the broker's certificate has expired, by the collector's signed time as well"
                self._client.disconnect()

    # --- messages out -------------------------------------------------------------------------------------------------

    def announce(self) -> None:
        """Publish the retained state: lifecycle, session, stream and the lowest sequence still held."""
        if self.connected:
            self._told_oldest = self._spool.oldest()
            self._publish(Leaf.STATE, self._state(self._listener.lifecycle()), retain=True)

    def evicted(self) -> None:
        """Rows went without a receipt: tell the collector the new lowest sequence, or it would wait for ever."""
        if self._spool.oldest() != self._told_oldest:
            self.announce()

    def health(self, health: Health) -> None:
        """Publish the board's health, once and unspooled: an old one is worth nothing."""
        if not self.connected:
            return
        self._publish(Leaf.HEALTH, self._sealed(Kind.HEALTH, health), qos=0)

    def _sealed(self, kind: Kind, body: Health | Meta) -> bytes:
        """Return a message that is in no stream, under our seal."""
        envelope = Envelope(
            kind=kind,
            id=f"{self._chance.getrandbits(128):032x}",
            probe=self._probe,
            stream=self._spool.stream,
            session=self.session,
            oldest=self._spool.oldest(),
            sent_at=self._clock.now(),
            clock_state=self._clock.state(),
            boot=self._boot,
            uptime=round(self._clock.steady(), 1),
            checked=self._clock.checked,
            body=msgspec.Raw(msgspec.json.encode(body)),
        )
        return self._sealer.seal(encode_envelope(envelope))

    def _state(self, lifecycle: Lifecycle) -> bytes:
        """Return a state with its proof: nobody but us says what we still hold, or that we left.

        The last will is sealed when the connection is made. Its number is 0: a broker may publish it at any time.
        """
        if lifecycle is not Lifecycle.LOST:
            self._states += 1
        now = self._clock.now()
        state = State(
            state=lifecycle, session=self.session, stream=self._spool.stream, oldest=self._spool.oldest(), at=now
        )
        proof = Envelope(
            kind=Kind.STATE,
            id=f"{self._chance.getrandbits(128):032x}",
            probe=self._probe,
            stream=state.stream,
            session=state.session,
            sequence=0 if lifecycle is Lifecycle.LOST else self._states,
            oldest=state.oldest,
            sent_at=now,
            clock_state=self._clock.state(),
            body=msgspec.Raw(msgspec.json.encode(state)),
        )
        return msgspec.json.encode(msgspec.structs.replace(state, proof=self._sealer.seal(encode_envelope(proof))))

    def _publish(self, leaf: Leaf, payload: bytes, *, qos: int = 1, retain: bool = False) -> int:
        """Hand one message to paho and return its id."""
        if self._client is None:
            return 0
        self.counters.sent_bytes += len(payload)
        return self._client.publish(topic(self._probe, leaf), payload, qos=qos, retain=retain).mid

    def _deliver(self, now: float) -> None:
        """Keep the window full, oldest first; start over when receipts are overdue."""
        if now < self._ready_at or not self.collector_online:
            return
        if self._spool.stream != self._stream:
            # A damaged file, or a disk that takes nothing: the numbers of another stream begin anew.
            self._stream = self._spool.stream
            self._rewind()
            self.announce()
        if self._on_air and now - min(self._on_air.values()) >= self._patience:
            self.counters.resends += len(self._on_air)
            self._patience = min(self._patience * 2.0, _RECEIPT_SECONDS_MOST)
            self._rewind()
        room = WINDOW - len(self._on_air)
        if room <= 0:
            return
        going = 0
        for row in self._spool.rows(self._cursor, room):
            going += len(row.frame) + BATCH
            if not self._listener.may_deliver(going):
                return
            self._cursor = row.sequence
            self._on_air[row.sequence] = now
            self.counters.sent_batches += 1
            self._publish(Leaf.EVENT if row.kind is Kind.EVENT else Leaf.MEASUREMENT, row.frame)
        self._rewatch()

    def _rewind(self) -> None:
        """Begin again at the oldest row; repeats are dropped by their id."""
        self._cursor = 0
        self._on_air.clear()

    # --- the end ------------------------------------------------------------------------------------------------------

    def part(self) -> None:
        """Say goodbye: the last rows go out, their receipts are waited for a moment, then the state, then the end."""
        self._parted = True
        if not self.connected or self._client is None:
            self._lost("parting without a connection")
            return
        now = self._clock.monotonic()
        self._deadline = now + _GOODBYE_SECONDS
        self._part_at = now + _LAST_RECEIPTS_SECONDS
        self._deliver(max(now, self._ready_at))
        self._take_leave(now)
        self._arm(self._pause())

    def _take_leave(self, now: float) -> None:
        """Publish the last state once everything on air is receipted, or its time is over."""
        if self._parted and not self._goodbye and (not self._on_air or now >= self._part_at):
            self._goodbye = self._publish(Leaf.STATE, self._state(Lifecycle.DISCONNECTED), retain=True)
            self._rewatch()

    def close(self) -> None:
        """Let go of everything at once, without a goodbye: the broker says ``lost`` for us."""
        self._parted = True
        if not self.parted:
            self._lost("closed")
        if self._timer is not None:
            self._timer.cancel()

    @property
    def parted(self) -> bool:
        """Whether the goodbye is over, one way or another."""
        return self._parted and self._client is None and self._dial is None


def is_refusal(why: str) -> bool:
    """Tell whether the end of a connection says that the broker does not take this probe's certificate."""
    told = why.lower().replace("_", " ")
    return told.startswith(_REFUSED) or ("alert" in told and any(word in told for word in _REFUSING_ALERTS))


def is_about_dates(why: str) -> bool:
    """Tell whether a handshake failed over a certificate's dates (OpenSSL's words for X509_V_ERR 9 and 10)."""
    return "certificate is not yet valid" in why or "certificate has expired" in why


def open_sealed(frame: bytes, collector: Ed25519PublicKey, kind: Kind, probe: str) -> Envelope:
    """Return the envelope of a message from the collector to this probe.

    Raises:
        SealError: not signed by the collector, not of that kind, or meant for another probe.
        msgspec.DecodeError: signed, and still not an envelope.
    """
    envelope = decode_envelope(unseal(frame, collector, most=_LARGEST_INBOX))
    if envelope.kind is not kind or envelope.probe != probe:
        raise SealError(f"kind {envelope.kind} for {envelope.probe}, not {kind} for this probe")
    return envelope


def other_schema(envelope: Envelope) -> str:
    """Say why an envelope cannot be read by our words (law 3 of docs/wire.md); empty when it can."""
    return "" if envelope.schema == SCHEMA else f"schema {envelope.schema} where this program reads {SCHEMA}; update it"


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
