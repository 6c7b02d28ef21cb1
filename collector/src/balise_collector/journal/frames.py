"""Opening a sealed frame that the journal gives back: what it proves is believed, what stands beside it is not.

A disk changes bits in silence. The frame is signed, and names its probe, its times and its items; the columns beside it
are not, so they only say where to look. Lives here: verification, and the measurements of one frame. Pure. Must not
live here: SQL (sqlite.py).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_collector.journal import JournalRow
from balise_wire.envelope import MAX_BODY_BYTES, decode_envelope
from balise_wire.measurement import Measurement, read_measurement
from balise_wire.seal import SealError, signer, unseal

_items = msgspec.json.Decoder(list[msgspec.Raw])

Keys = Callable[[bytes], Ed25519PublicKey | None]
"""Returns the public key of a key id; ``None`` where nobody has it."""


class DamageError(ValueError):
    """What was kept is not what was written; the message says how that shows."""


class Pointer(NamedTuple):
    """Where a measurement is: its row, the first 64 bits of its id, and its place in the frame."""

    seq: int
    id: int
    place: int


class Taken(NamedTuple):
    """What the collector noted when it took a frame in: nothing in the frame can vouch for it."""

    received_at: float
    clock_offset: float
    clock_doubtful: bool


def id64(measurement_id: str) -> int:
    """Return the first 64 bits of a 32-digit id as SQLite's signed integer."""
    value = int(measurement_id[:16], 16)
    return value - (1 << 64) if value >= 1 << 63 else value


class Opened:
    """One verified frame."""

    def __init__(self, frame: object, keys: Keys) -> None:
        """Verify and unpack (DamageError)."""
        if not isinstance(frame, bytes):
            raise DamageError("the frame is gone")
        try:
            key = keys(signer(frame))
            if key is None:
                raise DamageError("its key is known no more")
            self.envelope = decode_envelope(unseal(frame, key, most=MAX_BODY_BYTES))
            self._items = _items.decode(self.envelope.body)
        except (SealError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DamageError(f"the frame no longer verifies ({error})") from None

    def __len__(self) -> int:
        """Return how many items are in it."""
        return len(self._items)

    def measurement(self, place: int) -> Measurement:
        """Return the measurement at a place (DamageError where there is none)."""
        if not 0 <= place < len(self._items):
            raise DamageError(f"its frame has no item {place}")
        try:
            return read_measurement(self._items[place])[0]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DamageError(f"item {place} of its frame is no measurement ({error})") from None

    def row(self, pointer: Pointer, taken: "Taken") -> JournalRow:
        """Return the row that a pointer names (DamageError where the frame holds another measurement there)."""
        measurement = self.measurement(pointer.place)
        if id64(measurement.id) != pointer.id:
            raise DamageError(f"item {pointer.place} of its frame is another measurement")
        return JournalRow(
            seq=pointer.seq,
            received_at=taken.received_at,
            probe=self.envelope.probe,
            sent_at=self.envelope.sent_at,
            clock_state=self.envelope.clock_state,
            historical=self.envelope.historical,
            clock_offset=taken.clock_offset,
            clock_doubtful=taken.clock_doubtful,
            boot=self.envelope.boot,
            measurement=measurement,
        )

    def ids(self) -> Iterable[tuple[int, int]]:
        """Return place and first 64 bits of the id of every measurement in it."""
        for place in range(len(self._items)):
            try:
                yield place, id64(self.measurement(place).id)
            except (DamageError, ValueError):
                continue
