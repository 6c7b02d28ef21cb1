"""What the collector says to one probe: sealed with its own key. Must not live here: what it says."""

import secrets

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.system.clock import Clock
from balise_wire.dictionary import COMMON
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.seal import Sealer
from balise_wire.words import ClockState


class ProbeSealer:
    """Seals messages of the collector; used in the writer's thread alone."""

    def __init__(self, key: Ed25519PrivateKey, clock: Clock) -> None:
        """Take the collector's key."""
        self._sealer = Sealer(key, dictionary=COMMON)
        self._clock = clock

    def seal(self, kind: Kind, probe: str, body: bytes) -> bytes:
        """Seal a body of ``kind`` (JSON) for one probe."""
        envelope = Envelope(
            kind=kind,
            id=secrets.token_hex(16),
            probe=probe,
            sent_at=self._clock.now(),
            clock_state=ClockState.LABORATORY if self._clock.laboratory else ClockState.SYNCED,
            body=msgspec.Raw(body),
        )
        return self._sealer.seal(encode_envelope(envelope))
