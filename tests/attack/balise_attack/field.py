"""A probe made by hand: its key, its messages, its connection. It can say anything, as a hostile one can.

Lives here: documented messages (docs/wire.md) and MQTT. Must not live here: expectations.
"""

from __future__ import annotations

import secrets
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from balise_wire.assignment import Assignment
from balise_wire.envelope import Envelope, Kind, decode_envelope, encode_envelope
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.seal import Sealer, public_bytes, unseal
from balise_wire.status import Receipt, State
from balise_wire.topics import Leaf, topic
from balise_wire.words import Arm, ClockState, Design, Experiment, Lifecycle, ProbeRole, TargetRole

_CONNECTS_WITHIN = 20.0


@dataclass
class FieldProbe:
    """One probe, or reference."""

    id: str
    country: str = "PK"
    asn: int = 64501
    role: ProbeRole = ProbeRole.PROBE
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    stream: str = field(default_factory=lambda: secrets.token_hex(8))
    sequence: int = 0
    session: int = 0
    certificate: bytes = b""
    receipts: list[Receipt] = field(default_factory=list)
    retained: dict[str, bytes] = field(default_factory=dict)
    """The newest opened body on each of our topics, by leaf."""
    client: mqtt.Client | None = None
    source: str = ""
    """The address that it connects from; empty: any."""

    # ------------------------------------------------------------ what it is

    @property
    def public_hex(self) -> str:
        """The public key as 64 hex digits."""
        return public_bytes(self.key.public_key()).hex()

    def request(self) -> x509.CertificateSigningRequest:
        """Return a certificate request by this key (RFC 2986), with an empty subject."""
        return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(self.key, None)

    def private_pem(self) -> bytes:
        """Return the private key in PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    # ------------------------------------------------------------ what it says

    def measurement(self, started: float, **changes: Any) -> Measurement:
        """Return a healthy TCP measurement with a healthy line; every field can be changed."""
        usual: dict[str, Any] = {
            "id": secrets.token_hex(16),
            "experiment": Experiment.TCP,
            "design": Design.SENTINEL,
            "target": "twitter/web/twitter.com/4",
            "service": "twitter",
            "role": TargetRole.WEB,
            "host": "twitter.com",
            "started": started,
            "ended": started + 0.2,
            "network": Network(country=self.country, asn=self.asn),
            "catalogue": "2026-11-01+000000000000",
            "software": "0.1.0",
            "line": LineHealth(
                at=started, gateway_ok=True, domestic_ok=1, domestic=1, international_ok=2, international=2,
                resolver_ok=True,
            ),
            "observations": (
                TcpObservation(
                    arm=Arm.SUBJECT, at=started, address="198.18.0.10", port=443, syns=3, synacks=3, rtt_ms=41.5
                ),
            ),
        }  # fmt: skip
        return Measurement(**{**usual, **changes})

    def seal(self, body: bytes, kind: Kind = Kind.MEASUREMENT, *, sent_at: float, **changes: Any) -> bytes:
        """Return the sealed frame of the stream's next envelope around a body."""
        self.sequence += 1
        usual: dict[str, Any] = {
            "kind": kind,
            "id": secrets.token_hex(16),
            "probe": self.id,
            "stream": self.stream,
            "session": self.session,
            "sequence": self.sequence,
            "sent_at": sent_at,
            "clock_state": ClockState.SYNCED,
            "body": msgspec.Raw(body),
        }
        return Sealer(self.key).seal(encode_envelope(Envelope(**{**usual, **changes})))

    def batch(self, *measurements: Measurement, sent_at: float, **changes: Any) -> bytes:
        """Return a sealed batch of measurements."""
        return self.seal(msgspec.json.encode(list(measurements)), sent_at=sent_at, **changes)

    # ------------------------------------------------------------ its connection

    def connect(self, port: int, authority: Path, collector: Ed25519PublicKey, folder: Path) -> None:
        """Connect over mutual TLS, subscribe and sign on."""
        file = folder / f"probe-{self.id}-{secrets.token_hex(4)}.pem"
        file.write_bytes(self.certificate + self.private_pem())
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(file)
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self.id, protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )  # fmt: skip
        client.tls_set_context(context)
        client.max_inflight_messages_set(1000)
        taken = threading.Event()

        def connected(client: mqtt.Client, *_: Any) -> None:
            leaves = (Leaf.RECEIPT, Leaf.ASSIGNMENT, Leaf.COMMAND)
            client.subscribe([(topic(self.id, leaf), 1) for leaf in leaves])
            self.session += 1
            self.say_state(client)
            taken.set()

        def heard(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
            leaf = message.topic.rsplit("/", 1)[1]
            envelope = decode_envelope(unseal(bytes(message.payload), collector, most=1 << 22))
            self.retained[leaf] = bytes(envelope.body)
            if leaf == "receipt":
                self.receipts.append(msgspec.json.decode(envelope.body, type=Receipt))

        client.on_connect, client.on_message = connected, heard
        client.connect("127.0.0.1", port, keepalive=30, bind_address=self.source)
        client.loop_start()
        self.client = client
        if not taken.wait(_CONNECTS_WITHIN):
            raise TimeoutError(f"the broker did not take {self.id}")

    def say_state(self, client: mqtt.Client, state: Lifecycle = Lifecycle.READY, oldest: int = 0) -> None:
        """Publish a state, plain and retained."""
        said = State(state=state, session=self.session, stream=self.stream, oldest=oldest)
        client.publish(topic(self.id, Leaf.STATE), msgspec.json.encode(said), qos=1, retain=True)

    def send(self, leaf: Leaf, payload: bytes, *, retain: bool = False) -> None:
        """Publish anything on one of our topics."""
        assert self.client is not None
        self.client.publish(topic(self.id, leaf), payload, qos=1, retain=retain)

    @property
    def through(self) -> int:
        """The sequence through which our stream was receipted."""
        return max((one.through for one in self.receipts if one.stream == self.stream), default=0)

    def assignment(self) -> Assignment | None:
        """Return the newest assignment that we were given."""
        body = self.retained.get("assignment")
        return msgspec.json.decode(body, type=Assignment) if body else None

    def leave(self) -> None:
        """Sign off."""
        if self.client is not None:
            self.client.disconnect()
            self.client.loop_stop()
            self.client = None
