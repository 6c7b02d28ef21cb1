"""A probe as the collector sees one: its measurements, sealed as real probes do. Must not live here: expectations."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.fleet.members import Member
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.measurement import Measurement, Network
from balise_wire.seal import Sealer, public_bytes
from balise_wire.topics import Leaf, topic
from balise_wire.words import Arm, ClockState, Design, Experiment, ProbeRole, TargetRole

EPOCH = 1_589_733_000.0
"""2020-05-17T16:30:00Z: where the tests' time begins."""


@dataclass
class FieldProbe:
    """A probe as the collector sees one: an id, a key, a stream of sealed batches."""

    id: str = "k7m2q9xd"
    country: str = "PK"
    asn: int = 64501
    role: ProbeRole = ProbeRole.PROBE
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    stream: str = field(default_factory=lambda: secrets.token_hex(8))
    sequence: int = 0

    @property
    def public_hex(self) -> str:
        """The public key as 64 hex digits."""
        return public_bytes(self.key.public_key()).hex()

    @property
    def network(self) -> Network:
        """Where the probe stands."""
        return Network(country=self.country, asn=self.asn)

    @property
    def member(self) -> Member:
        """The probe as the operator approved it."""
        return Member(id=self.id, public_key=self.public_hex, network=self.network, role=self.role)

    @property
    def topic(self) -> str:
        """The topic of its batches."""
        return topic(self.id, Leaf.MEASUREMENT)

    def measurement(self, started: float = EPOCH, **changes: Any) -> Measurement:
        """One healthy TCP measurement."""
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
            "network": self.network,
            "catalogue": "2026-11-01+000000000000",
            "software": "0.1.0",
            "observations": (
                TcpObservation(
                    arm=Arm.SUBJECT, at=started, address="198.18.0.10", port=443, syns=3, synacks=3, rtt_ms=41.5
                ),
            ),
        }
        return Measurement(**{**usual, **changes})

    def envelope(self, body: bytes, **changes: Any) -> Envelope:
        """The next envelope of the stream around a body."""
        self.sequence += 1
        usual: dict[str, Any] = {
            "kind": Kind.MEASUREMENT,
            "id": secrets.token_hex(16),
            "probe": self.id,
            "stream": self.stream,
            "sequence": self.sequence,
            "sent_at": EPOCH,
            "clock_state": ClockState.SYNCED,
            "body": msgspec.Raw(body),
        }
        return Envelope(**{**usual, **changes})

    def seal(self, envelope: Envelope) -> bytes:
        """Seal an envelope with the probe's key."""
        return Sealer(self.key).seal(encode_envelope(envelope))

    def batch(self, *measurements: Measurement, **changes: Any) -> bytes:
        """One sealed batch of measurements."""
        return self.seal(self.envelope(msgspec.json.encode(list(measurements)), **changes))
