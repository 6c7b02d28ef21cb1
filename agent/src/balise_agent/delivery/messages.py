"""Messages outside the stream of batches: what the probe says of itself under its seal, and what the collector answers.

Lives here: health, meta and state as bytes for the broker; the opening of what the collector sealed for this probe.
Must not live here: when anything is said, or what follows from what was read.
"""

import random
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_agent.delivery.spool.spool import Spool
from balise_agent.system.clock import Clock
from balise_wire import SCHEMA
from balise_wire.envelope import MAX_BODY_BYTES, Envelope, Kind, decode_envelope, encode_envelope
from balise_wire.seal import Sealer, SealError, unseal
from balise_wire.status import Health, Meta, Receipt, State
from balise_wire.words import Lifecycle

_LARGEST_INBOX: Final = MAX_BODY_BYTES


class OtherSchemaError(ValueError):
    """A message whose words may mean something else than ours (docs/wire.md, law 3)."""


@dataclass(frozen=True)
class Author:
    """Who signs, and what every message says of the moment it is signed in."""

    probe: str
    sealer: Sealer
    spool: Spool
    clock: Clock
    rng: random.Random
    """For ids alone; they are no secret."""
    boot: str = ""

    def sealed(self, kind: Kind, body: Health | Meta, session: int) -> bytes:
        """Return a message that is in no stream, under our seal."""
        envelope = Envelope(
            kind=kind,
            id=self._id(),
            probe=self.probe,
            stream=self.spool.stream,
            session=session,
            oldest=self.spool.oldest(),
            sent_at=self.clock.now(),
            clock_state=self.clock.state(),
            boot=self.boot,
            uptime=round(self.clock.steady(), 1),
            checked=self.clock.checked,
            body=msgspec.Raw(msgspec.json.encode(body)),
        )
        return self.sealer.seal(encode_envelope(envelope))

    def state(self, lifecycle: Lifecycle, session: int, number: int) -> bytes:
        """Return a state with its proof: nobody but us says what we still hold, or that we left.

        Args:
            lifecycle: what the probe says of itself.
            session: it holds in.
            number: of the state within its session. The last will is sealed when the connection is made and has 0: a
                broker may publish it at any time.
        """
        now = self.clock.now()
        state = State(state=lifecycle, session=session, stream=self.spool.stream, oldest=self.spool.oldest(), at=now)
        proof = Envelope(
            kind=Kind.STATE,
            id=self._id(),
            probe=self.probe,
            stream=state.stream,
            session=session,
            sequence=number,
            oldest=state.oldest,
            sent_at=now,
            clock_state=self.clock.state(),
            body=msgspec.Raw(msgspec.json.encode(state)),
        )
        return msgspec.json.encode(msgspec.structs.replace(state, proof=self.sealer.seal(encode_envelope(proof))))

    def _id(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"


def open_receipt(frame: bytes, collector: Ed25519PublicKey, probe: str) -> Receipt:
    """Return a receipt that the collector signed for this probe.

    Raises:
        SealError, msgspec.DecodeError: see ``open_sealed``.
        OtherSchemaError: in words that this program does not read.
    """
    envelope = open_sealed(frame, collector, Kind.RECEIPT, probe)
    if other := other_schema(envelope):
        raise OtherSchemaError(other)
    return msgspec.json.decode(envelope.body, type=Receipt)


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
