"""A probe's side of MQTT, as small as it can be: it keeps every batch until the collector's signed receipt covers it.

Lives here: publishing, resending on a new connection and after a time-out, forgetting on receipts. Must not live here:
expectations.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any

import msgspec
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from balise_wire.envelope import Kind, decode_envelope
from balise_wire.measurement import Measurement
from balise_wire.request import Request
from balise_wire.seal import unseal
from balise_wire.status import Event, Meta, Receipt, State
from balise_wire.topics import Leaf, topic
from balise_wire.words import Lifecycle
from tests.collector.field_probe import FieldProbe


class FieldLine:
    """Connects one probe to a broker and keeps its spool."""

    def __init__(self, probe: FieldProbe, port: int, collector_key: Any, *, tls: ssl.SSLContext | None = None) -> None:
        self.probe = probe
        self.spool: dict[int, bytes] = {}
        self.recorded: list[str] = []
        self.receipts: list[Receipt] = []
        self.retained: dict[str, bytes] = {}
        self.requests: list[Request] | None = None
        """Those that were open at the last word; ``None`` before one."""
        self._key = collector_key
        self._lock = threading.Lock()
        self._sessions = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=probe.id, clean_session=True)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port, keepalive=10)
        self._client.loop_start()

    def record(self, *measurements: Measurement, **changes: Any) -> None:
        """Put one batch on the spool and on air."""
        frame = self.probe.batch(*measurements, **changes)
        with self._lock:
            self.spool[self.probe.sequence] = frame
            self.recorded.extend(m.id for m in measurements)
        self._send(frame)

    def resend(self) -> None:
        """Send everything that no receipt has covered yet: what a probe does after a time-out."""
        with self._lock:
            frames = list(self.spool.values())
        for frame in frames:
            self._send(frame)

    def announce(self, *skills: str) -> None:
        """Say who we are: plain as probes of the first version do, sealed with what we can do where that is given."""
        meta = Meta(
            public_key=self.probe.public_hex, software="0.1.0", country=self.probe.country, asn=self.probe.asn,
            skills=skills,
        )  # fmt: skip
        body = msgspec.json.encode(meta)
        sealed = self.probe.seal(self.probe.envelope(body, kind=Kind.META, stream="", sequence=0)) if skills else body
        self._client.publish(topic(self.probe.id, Leaf.META), sealed, qos=1, retain=True)

    def tell(self, *events: Event) -> None:
        """Send events, in the stream."""
        frame = self.probe.seal(self.probe.envelope(msgspec.json.encode(events), kind=Kind.EVENT))
        self._client.publish(topic(self.probe.id, Leaf.EVENT), frame, qos=1)

    def send(self, leaf: Leaf, payload: bytes) -> None:
        """Publish anything on one of the probe's topics."""
        self._client.publish(topic(self.probe.id, leaf), payload, qos=1)

    def stop(self) -> None:
        """Sign off and end paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _send(self, frame: bytes) -> None:
        if self._client.is_connected():
            self._client.publish(self.probe.topic, frame, qos=1)

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        self._sessions += 1
        client.subscribe([(topic(self.probe.id, leaf), 1) for leaf in (Leaf.RECEIPT, Leaf.ASSIGNMENT, Leaf.COMMAND)])
        client.subscribe("balise/v1/collector/state", 1)
        state = State(
            state=Lifecycle.READY, session=self._sessions, stream=self.probe.stream, oldest=min(self.spool, default=0)
        )
        client.publish(topic(self.probe.id, Leaf.STATE), msgspec.json.encode(state), qos=1, retain=True)
        self.resend()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        leaf, payload = message.topic.rsplit("/", 1)[1], bytes(message.payload)
        if leaf == "state":
            self.retained["collector"] = payload
            return
        if leaf == "command" and not payload:
            self.requests = []
            return
        envelope = decode_envelope(unseal(payload, self._key, most=1 << 20))
        self.retained[leaf] = bytes(envelope.body)
        if leaf == "command":
            self.requests = msgspec.json.decode(envelope.body, type=list[Request])
        if leaf == "receipt":
            receipt = msgspec.json.decode(envelope.body, type=Receipt)
            self.receipts.append(receipt)
            if receipt.stream == self.probe.stream:
                covered = set(receipt.beyond)
                with self._lock:
                    self.spool = {n: f for n, f in self.spool.items() if n > receipt.through and n not in covered}
