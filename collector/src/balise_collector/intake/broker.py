"""One MQTT connection of the collector: paho's network thread on one side, a queue on the other.

Lives here: connecting and reconnecting, subscriptions, the last will, and acknowledgements bound to the connection that
delivered the message (a stale one acknowledged *new* messages after a reconnect, in a trial). Must not live here: what
a message means (writer.py). paho's thread only enqueues; everything slow happens in the writer's thread.
"""

import contextlib
import logging
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from balise_collector.intake.broker_identity import BrokerIdentity
from balise_collector.intake.observing import BROKER_LOG
from balise_collector.system.config import Broker, BrokerTransport
from balise_collector.system.errors import ConfigError
from balise_wire.status import CollectorState
from balise_wire.topics import COLLECTOR_STATE, ROOT, Leaf

_log = logging.getLogger(__name__)
SUBSCRIPTIONS: Final = (
    (Leaf.MEASUREMENT, 1),
    (Leaf.EVENT, 1),
    (Leaf.STATE, 1),
    (Leaf.META, 1),
    (Leaf.HEALTH, 0),
)
_BACK_OFF: Final = (1, 30)
"""Real seconds before the first and at most before a later attempt to reconnect."""


class Delivery(NamedTuple):
    """One message as the network thread hands it over."""

    connection: "Connection"
    generation: int
    """Which connection delivered it; an acknowledgement is only good on that one."""
    mid: int
    qos: int
    topic: str
    payload: bytes


class Up(NamedTuple):
    """The connection stands and is subscribed: everything retained is to be said again."""

    connection: "Connection"


class Down(NamedTuple):
    """The connection is gone."""

    connection: "Connection"


Arrival = Delivery | Up | Down


class Connection:
    """A persistent session with one broker."""

    def __init__(
        self,
        broker: Broker,
        arrived: Callable[[Arrival], None],
        identity: BrokerIdentity | None = None,
        *,
        observe: bool = False,
    ) -> None:
        """Prepare a connection; ``arrived`` is called in paho's thread and must not block.

        ``identity`` is who we are to a broker of our own authority; its files must be there. ``observe``: hear what the
        broker would write into a log (observing.py).

        Raises:
            ConfigError: a certificate or password file that cannot be used.
        """
        self.name = f"{broker.host}:{broker.port}"
        self._broker = broker
        self._identity = identity if broker.own_authority else None
        self._observe = observe
        self._context: ssl.SSLContext | None = None
        self._arrived = arrived
        self._generation = 0
        self._up = False
        self._turn = threading.Lock()
        self._client = self._make_client()

    def _make_client(self) -> mqtt.Client:
        broker = self._broker
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            clean_session=False,
            transport="websockets" if broker.transport is BrokerTransport.WEBSOCKETS else "tcp",
            manual_ack=True,
            reconnect_on_failure=True,
        )
        if broker.transport is BrokerTransport.WEBSOCKETS:
            client.ws_set_options(path=broker.path)
        try:
            if broker.tls or self._identity is not None:
                self._context = self._identity.context() if self._identity is not None else _tls_context(broker)
                client.tls_set_context(self._context)
            if broker.username:
                password = Path(broker.password_file).read_text("utf-8").strip() if broker.password_file else None
                client.username_pw_set(broker.username, password)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"[broker] {self.name}: {error}; see ca_file, cert_file, key_file, password_file"
            ) from None
        client.reconnect_delay_set(*_BACK_OFF)
        client.will_set(COLLECTOR_STATE, msgspec.json.encode(CollectorState(online=False)), qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def start(self) -> None:
        """Connect in the background, and again whenever the connection is lost."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=self._broker.keepalive)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect (so that no last will is sent) and end paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        return self._up

    def take_identity(self) -> None:
        """Show the certificate of today from the next connection on (ConfigError where it cannot be read)."""
        if self._identity is None or self._context is None:
            return
        try:
            self._identity.load(self._context)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"[broker] {self.name}: our own certificate: {error}; start the collector anew") from None

    def ack(self, delivery: Delivery) -> bool:
        """Acknowledge a delivery on the connection that made it; False (and nothing sent) where that one is gone."""
        with self._turn:
            # The generation cannot change while we hold the turn, and paho drops its outgoing packets on reconnect.
            if delivery.generation != self._generation or not self._up:
                return False
            if delivery.qos:
                self._client.ack(delivery.mid, delivery.qos)
            return True

    def publish(self, topic: str, payload: bytes) -> mqtt.MQTTMessageInfo | None:
        """Publish retained at QoS 1; ``None`` while there is no connection (it is said again when there is)."""
        if not self._up:
            return None
        return self._client.publish(topic, payload, qos=1, retain=True)

    # ------------------------------------------------------------ paho's thread

    def _on_connect(self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            _log.error("broker %s refuses us: %s; check [broker] username, certificate and ACL", self.name, reason)
            return
        with self._turn:
            self._generation += 1
            self._up = True
        wanted = [(f"{ROOT}/+/{leaf}", qos) for leaf, qos in SUBSCRIPTIONS]
        # At QoS 0 nothing of it waits for us while we are away: the broker keeps no address either.
        client.subscribe([*wanted, *([(f"{BROKER_LOG}+", 0)] if self._observe else [])])
        _log.info("broker %s: connected", self.name)
        self._arrived(Up(self))

    def _on_connect_fail(self, _client: mqtt.Client, _userdata: Any) -> None:
        _log.warning("broker %s cannot be reached; trying again in 1 to 30 s", self.name)

    def _on_disconnect(self, _client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self._turn:
            was, self._up = self._up, False
            self._generation += 1
        if was:
            _log.warning("broker %s: connection lost (%s)", self.name, reason)
            self._arrived(Down(self))

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        topic = ""
        with contextlib.suppress(UnicodeDecodeError):  # an empty topic is refused with its reason, like any other
            topic = message.topic
        self._arrived(Delivery(self, self._generation, message.mid, message.qos, topic, bytes(message.payload)))


def _tls_context(broker: Broker) -> ssl.SSLContext:
    """TLS 1.3 only: older versions send the client certificate in clear (RFC 8705 section 8)."""
    context = ssl.create_default_context(cafile=broker.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if broker.cert_file:
        context.load_cert_chain(broker.cert_file, broker.key_file)
    return context
