"""The envelope around everything that is sealed, and the batch inside it.

The body stays ``msgspec.Raw`` so that the collector can validate, journal and forward an envelope without decoding what
is in it, and so that one bad measurement of a batch does not take its neighbours with it.
"""

import msgspec

from balise_wire import SCHEMA
from balise_wire.word import Word
from balise_wire.words import ClockState


class Kind(Word):
    """What the body holds."""

    MEASUREMENT = "measurement"
    """A JSON array of Measurement."""
    EVENT = "event"
    """A JSON array of Event."""
    HEALTH = "health"
    META = "meta"
    RECEIPT = "receipt"
    ASSIGNMENT = "assignment"
    COMMAND = "command"
    """A JSON array of Request: all that are open."""
    STATE = "state"
    """A State, sealed by its probe: the proof inside the plain one."""
    CARRIED = "carried"
    """A JSON array of frames in base64 (RFC 4648 4), boxed or not, that an earlier run of the probe sealed and that it
    passes on as they are, under a sequence of this envelope's own. On the topic of measurements."""
    UNKNOWN = "unknown"


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who sent what, when, and in which place of its stream."""

    schema: int = SCHEMA
    kind: Kind
    id: str
    """32 hex digits."""
    probe: str
    """The probe that sends it or, from the collector, the one it is for."""
    stream: str = ""
    """Identity of the spool that ``sequence`` counts in: a reinstalled probe starts a new stream."""
    session: int = 0
    sequence: int = 0
    """1, 2, 3, ... within ``stream``; 0 for messages that are not spooled. Of a state: within ``session``."""
    oldest: int = 0
    """Lowest sequence of ``stream`` that the probe still held when it sealed this: what is below and never arrived was
    given up and will not come. 0: not said (an older program)."""
    sent_at: float
    """UNIX seconds on the sender's clock when the envelope was sealed."""
    clock_state: ClockState = ClockState.UNSYNCED
    historical: bool = False
    """Sealed while the broker was out of reach: it may arrive long after its measurements."""
    boot: str = ""
    """Opaque name of the run of the machine that ``uptime`` counts in; empty where the sender does not say."""
    uptime: float = 0.0
    """Seconds since that run began when the envelope was sealed, on a clock that nothing steps or corrects."""
    checked: float | None = None
    """Seconds by which ``sent_at`` can be off at most, as the collector's signed answers bound it; ``None``: not
    known."""
    body: msgspec.Raw


MAX_BATCH_BYTES = 256 * 1024
"""Largest sealed message a probe sends and a collector accepts."""
MAX_BODY_BYTES = 4 * 1024 * 1024
"""Largest envelope after decompression: the bound that makes a decompression bomb harmless."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def encode_envelope(envelope: Envelope) -> bytes:
    """Return the envelope as JSON."""
    return _encoder.encode(envelope)


def decode_envelope(data: bytes) -> Envelope:
    """Read an envelope from JSON.

    Raises:
        msgspec.DecodeError: malformed JSON, a missing field or a word outside the closed lists
            (``ValidationError`` is its subclass).
    """
    return _decoder.decode(data)
