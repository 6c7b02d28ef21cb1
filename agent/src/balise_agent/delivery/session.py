"""One MQTT session (3.1.1, QoS 1, last will) on one open stream, carried by the probe's reactor.

Lives here: paho's calls back, and when its socket is watched. Must not live here: which broker, what is said, or
anything that outlives the session: the spool alone remembers what is not delivered. The private parts of paho are in
mqtt_stream.py.
"""

import logging
import socket
from dataclasses import dataclass
from typing import Any, Protocol

from paho.mqtt import client as mqtt

from balise_agent.delivery.backoff import REFUSED
from balise_agent.delivery.mqtt_stream import StreamClient
from balise_agent.system.config import Broker, BrokerTransport
from balise_agent.system.reactor import READ, WRITE, Reactor
from balise_wire.topics import COLLECTOR_STATE, Leaf, topic

_log = logging.getLogger(__name__)


class SessionOwner(Protocol):
    """Who is told how a session goes; nothing is told after its end, nor after ``MqttSession.close``."""

    def accepted(self) -> None:
        """The broker takes us (CONNACK)."""

    def greeted(self) -> None:
        """The subscriptions stand (SUBACK): messages may go out."""

    def heard(self, name: str, payload: bytes, *, live: bool) -> None:
        """A message came on a topic; ``live``: it is no retained one."""

    def acknowledged(self, message: int) -> None:
        """The broker has a message (PUBACK): no more than that."""

    def ended(self, why: str) -> None:
        """The connection is over."""


@dataclass(frozen=True)
class Opened:
    """What a session stands on."""

    stream: socket.socket
    broker: Broker
    password: str | None
    keepalive: int
    """Seconds; of the profile where the broker's entry says nothing."""


class MqttSession:
    """One session; made, begun, and closed once."""

    def __init__(self, opened: Opened, *, probe: str, will: bytes, reactor: Reactor, owner: SessionOwner) -> None:
        self._opened = opened
        self._probe = probe
        self._reactor = reactor
        self._owner = owner
        self._over = False
        self._leaving = False
        self._watched_for = 0
        broker = opened.broker
        websocket = broker.transport is BrokerTransport.WEBSOCKETS
        client = StreamClient(probe, opened.stream, websocket=websocket, tls=broker.tls)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_socket_register_write = self._want_write
        client.on_socket_unregister_write = self._want_write
        client.will_set(topic(probe, Leaf.STATE), will, qos=1, retain=True)
        if broker.username:
            client.username_pw_set(broker.username, opened.password)
        self._client = client

    @property
    def stream(self) -> socket.socket:
        """What it stands on."""
        return self._opened.stream

    @property
    def unacknowledged(self) -> int:
        """Messages that the broker has not acknowledged yet."""
        return self._client.unacknowledged()

    def begin(self) -> None:
        """Say CONNECT."""
        self._watch()
        broker = self._opened.broker
        self._client.connect(broker.host, broker.port, self._opened.keepalive)

    def publish(self, leaf: Leaf, payload: bytes, *, qos: int = 1, retain: bool = False) -> int:
        """Hand one message to the broker and return its id."""
        message = self._client.publish(topic(self._probe, leaf), payload, qos=qos, retain=retain).mid
        self._watch()
        return message

    def tick(self) -> None:
        """Keep alive; due about once a second."""
        self._client.loop_misc()
        self._watch()

    def disconnect(self, why: str = "") -> None:
        """Say DISCONNECT; ``ended`` follows, with ``why`` where it is not empty."""
        self._leaving = not why
        self._client.alert = why or self._client.alert
        self._client.disconnect()

    def close(self) -> None:
        """Let go of everything at once, without a goodbye."""
        self._over = True
        self._reactor.unwatch(self._opened.stream)
        self._client.abandon()

    def _watch(self) -> None:
        """Watch for what is needed now: always for reading, for writing only with something to write."""
        if self._over:
            return
        mask = READ | WRITE if self._client.want_write() else READ
        if mask != self._watched_for:
            self._watched_for = mask
            self._reactor.watch(self._opened.stream, self._ready, mask)

    # --- paho's calls back --------------------------------------------------------------------------------------------

    def _ready(self, mask: int) -> None:
        """Let paho read and write; TLS may hold more than one record that select does not see."""
        try:
            if mask & READ:
                self._read()
            if mask & WRITE and not self._over:
                self._client.loop_write()
        except Exception as error:  # noqa: BLE001 - a stranger's bytes end this connection, never the probe
            self._end(f"the broker sent what cannot be read: {type(error).__name__}")
        self._watch()

    def _read(self) -> None:
        self._client.loop_read()
        # A call back may have ended the session.
        while not self._over and self._client.buffered():
            self._client.loop_read()

    def _end(self, why: str) -> None:
        if not self._over:
            self._owner.ended(why)

    def _want_write(self, *_: object) -> None:
        self._watch()

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            told = "broker %s:%d refuses this probe: %s; check username, certificate and id"
            _log.error(told, self._opened.broker.host, self._opened.broker.port, reason)
            self._client.alert = f"{REFUSED}{reason}"
            return  # paho ends the connection, and _on_disconnect tells of it
        if not self._over:
            self._owner.accepted()
            topics = [(topic(self._probe, leaf), 1) for leaf in (Leaf.RECEIPT, Leaf.ASSIGNMENT, Leaf.COMMAND)]
            client.subscribe([*topics, (COLLECTOR_STATE, 1)])

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _mid: int, _reasons: Any, _properties: Any) -> None:
        if not self._over:
            self._owner.greeted()

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        told = self._client.alert or f"connection ended: {reason}"
        self._end("signed off" if self._leaving else told)

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        if not self._over:
            self._owner.acknowledged(mid)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if not self._over:
            self._owner.heard(message.topic, bytes(message.payload), live=not message.retain)
