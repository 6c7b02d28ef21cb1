"""What goes on air and what lies on disk: envelopes, signed, and boxed for the collector where it opens boxes.

Lives here: from records to a batch, from one record to its copy on disk, from what only the collector opens to a
carrier; and whether a frame that was kept is still what was written. Must not live here: the database, or when to seal.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from balise_wire.box import Boxer, is_box, is_whole, renumbered
from balise_wire.envelope import MAX_BATCH_BYTES, MAX_BODY_BYTES, Envelope, Kind, decode_envelope, encode_envelope
from balise_wire.seal import Sealer, SealError, key_id, signer, unseal
from balise_wire.words import ClockState

LARGEST_FRAME: Final = MAX_BATCH_BYTES - 16 * 1024
"""Largest frame in bytes that is made of several records: it must still fit a carrier, should the disk be damaged."""
LARGEST_RECORD: Final = LARGEST_FRAME - 4096
"""Largest single record in bytes: it must fit into a sealed message even if nothing in it can be compressed."""
LARGEST_BODY: Final = MAX_BODY_BYTES // 2
CARRIER_BYTES: Final = 64 * 1024
"""Frames in one carrier, in bytes; a larger one goes alone."""
CARRIER_FRAMES: Final = 200
_BODIES = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class Record:
    """One measurement or event on its way to disk."""

    kind: Kind
    body: bytes
    """Its JSON."""
    at: float
    """UNIX seconds on the probe's clock."""
    notable: bool = True
    """Holds a failure or a pair; routine successes are the first to go when the disk bound is reached."""


@dataclass(frozen=True)
class Stamp:
    """What the envelope says of the moment of sealing."""

    at: float
    clock_state: ClockState
    session: int
    historical: bool
    """The broker is out of reach."""
    boot: str = ""
    """See Envelope, as the two that follow."""
    uptime: float = 0.0
    checked: float | None = None


@dataclass(frozen=True)
class Place:
    """Where a batch stands in its stream."""

    stream: str = ""
    sequence: int = 0
    oldest: int = 0


class Packer:
    """Makes and checks the frames of one probe."""

    def __init__(self, probe: str, sealer: Sealer) -> None:
        self._probe = probe
        self._sealer = sealer
        self._signer = key_id(sealer.public)
        self.boxer: Boxer | None = None
        """Boxes for the collector in force; ``None`` where it opens no boxes."""

    def batch(self, kind: Kind, bodies: Sequence[bytes], place: Place, stamp: Stamp) -> bytes:
        """Return the exact bytes of a batch that go on air."""
        return self._kept(self._signed(kind, b"[" + b",".join(bodies) + b"]", place, stamp), place.sequence)

    def copy(self, record: Record, stamp: Stamp) -> bytes:
        """Return a record as it waits on disk for its batch: a message by itself, which only the collector opens.

        It is read again after a crash only, and then passed on: ``historical``, in no stream.
        """
        return self._kept(self._signed(record.kind, b"[" + record.body + b"]", Place(), stamp, historical=True), 0)

    def carrier(self, frames: Sequence[bytes], place: Place, stamp: Stamp) -> bytes:
        """Return the exact bytes of a carrier around frames that go on as they are."""
        return self._kept(self._signed(Kind.CARRIED, msgspec.json.encode(list(frames)), place, stamp), place.sequence)

    def passed_on(self, frame: bytes, number: int) -> bytes:
        """Return a frame as it lies in the row of another number, boxed where the collector opens boxes."""
        return renumbered(frame, number) if is_box(frame) else self._kept(frame, number)

    def records(self, frame: bytes) -> list[Record]:
        """Return what is in a frame of ours that is not boxed; nothing where it is not whole."""
        envelope = self.opened(frame)
        if envelope is None or envelope.kind not in {Kind.MEASUREMENT, Kind.EVENT}:
            return []
        try:
            bodies = _BODIES.decode(envelope.body)
        except msgspec.DecodeError:
            return []
        return [Record(envelope.kind, bytes(body), envelope.sent_at) for body in bodies]

    def whole(self, frame: object, number: int | None) -> bool:
        """Tell whether a frame is what was written into the row of this number; a box says so without being opened.

        Without a number: whether a bare frame is whole in whatever row.
        What another key signed, or a newer program boxed, is not ours to judge.
        """
        if not isinstance(frame, bytes):
            return False
        if is_box(frame):
            return is_whole(frame, number or 0)
        try:
            foreign = signer(frame) != self._signer
        except SealError:
            return False
        # One flipped bit in the signer's name makes a frame of ours look foreign.
        envelope = self.opened(frame[:5] + self._signer + frame[13:])
        return foreign if envelope is None else not foreign and number in {None, envelope.sequence}

    def opened(self, frame: bytes) -> Envelope | None:
        """Return the envelope of a frame of ours that is not boxed; ``None`` where it is none."""
        try:
            return decode_envelope(unseal(frame, self._sealer.public, most=MAX_BODY_BYTES))
        except (SealError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _kept(self, frame: bytes, number: int) -> bytes:
        return frame if self.boxer is None else self.boxer.box(frame, number)

    def _signed(self, kind: Kind, body: bytes, place: Place, stamp: Stamp, *, historical: bool = False) -> bytes:
        envelope = Envelope(
            kind=kind,
            id=secrets.token_hex(16),
            probe=self._probe,
            stream=place.stream,
            session=stamp.session,
            sequence=place.sequence,
            oldest=place.oldest,
            sent_at=stamp.at,
            clock_state=stamp.clock_state,
            historical=historical or stamp.historical,
            boot=stamp.boot,
            uptime=round(stamp.uptime, 1),
            checked=None if stamp.checked is None else round(stamp.checked, 1),
            body=msgspec.Raw(body),
        )
        return self._sealer.seal(encode_envelope(envelope))
