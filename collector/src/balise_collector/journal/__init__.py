"""The journal: one durable, ordered record of everything that was accepted; every reader has its own cursor in it.

Lives here: the records that cross the interface (interface.py). Back ends live beside it (sqlite/). Must not live here:
validation, judgement, or anything that could be computed again from the records.
"""

from enum import StrEnum

import msgspec

from balise_collector.system.faults import Fault
from balise_wire.measurement import Measurement
from balise_wire.status import Event, Health
from balise_wire.words import ClockState, Lifecycle


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted message on its way into the journal: the exact sealed bytes, and what is in them."""

    probe: str
    public_key: str
    """The key the frame verified against, 64 hex digits; kept, so that it verifies years later."""
    stream: str = ""
    sequence: int = 0
    """0 where it is in no stream; then no receipt is owed."""
    session: int = 0
    oldest: int = 0
    """Lowest sequence of the stream that the probe still held; 0 where it did not say."""
    sent_at: float
    clock_state: ClockState = ClockState.UNSYNCED
    historical: bool = False
    clock_offset: float = 0.0
    """Seconds, the probe's clock minus ours, as far as it was known when the message came."""
    clock_doubtful: bool = False
    """The message came late, and its clock or its way may be to blame."""
    frame: bytes
    measurements: tuple[tuple[int, str], ...] = ()
    """Place in the body and id of each believable measurement."""
    events: tuple[bytes, ...] = ()
    """Events of the probe, each as JSON."""


class RefusedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may not enter, on its way into the quarantine."""

    probe: str
    topic: str
    reason: str
    raw: bytes


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe (or the broker, for a dead one) said of its state."""

    probe: str
    state: Lifecycle
    session: int
    proved: bool = False
    """Under the probe's seal. What is not proved is presence alone, and counts only for probes that prove nothing."""
    number: int = 0
    """1, 2, 3, ... of a proved state within its session; 0 for the last will, which may come at any time."""
    stream: str = ""
    oldest: int = 0
    """As in a batch; taken from a proved state only."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One health report of a probe on its way into the journal."""

    probe: str
    health: Health
    session: int = 0
    stream: str = ""
    oldest: int = 0
    """As in a batch."""


class NoticeKind(StrEnum):
    """What the collector itself notices of a probe."""

    CLONED = "cloned"
    """Two boards speak under its id."""
    CLAIMS = "claims"
    """It says that it stands elsewhere than its record says."""
    ELSEWHERE = "elsewhere"
    """Its line is seen to be elsewhere than its record says."""
    QUOTA = "quota"
    """It sends more than it can have measured."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the collector noticed of a probe, on its way into the journal."""

    probe: str
    kind: NoticeKind
    detail: str
    """In words, without any address."""


class NoticeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as the journal gives it back: one row for as long as it is noticed again within a day."""

    no: int
    probe: str
    kind: NoticeKind
    began: float
    """UNIX seconds on the collector's clock."""
    at: float
    """When it was noticed last."""
    times: int
    detail: str
    """Of the last time."""


class HealthRow(msgspec.Struct, frozen=True, kw_only=True):
    """One health report as the journal gives it back."""

    no: int
    """Position among the health reports: the cursor of their readers."""
    received_at: float
    """UNIX seconds on the collector's clock."""
    probe: str
    health: Health


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a probe as the journal gives it back."""

    no: int
    """Position among the events: the cursor of their readers. Those that made room for later ones leave gaps."""
    received_at: float
    """UNIX seconds on the collector's clock; the event's own time is the probe's word."""
    probe: str
    event: Event


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement as the journal gives it back."""

    seq: int
    """Position: a reader's cursor is the last one it has dealt with."""
    received_at: float
    """UNIX seconds on the collector's clock; what makes a replay come out the same."""
    probe: str
    sent_at: float
    clock_state: ClockState
    historical: bool
    clock_offset: float = 0.0
    """See Batch."""
    clock_doubtful: bool = False
    boot: str = ""
    """Opaque name of the run of the board that sealed it; empty where the sender did not say."""
    measurement: Measurement


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the journal: what can be read of it, and what cannot."""

    rows: tuple[JournalRow, ...] = ()
    damaged: tuple[Fault, ...] = ()
    """Rows that are no longer what was written, each with how that shows."""
    through: int
    """Last row of the stretch, read or not: where a reader goes on."""
    ended: bool = True
    """Nothing came behind it when it was read."""


class PresenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One state message as the journal gives it back."""

    at: float
    probe: str
    state: Lifecycle


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a reader could not deal with, as the journal remembers it."""

    reader: str
    """``judge`` or a sink's name."""
    fault: Fault
    first_at: float
    """UNIX seconds."""
    last_at: float
    times: int
    """How often it was met; a cell is tried again with each verdict that touches it."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What is committed of one stream: the matter of a receipt."""

    stream: str
    through: int
    beyond: tuple[int, ...] = ()


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How much was ever taken, by what is cheap to ask of a journal of any size."""

    measurements: int
    batches: int
    events: int
    refused: int
    """Ever quarantined."""
    refused_dropped: int
    """Of these, those that made room for later ones."""
    set_aside: int
    """Rows, cells and pages that a reader could not deal with, ever."""
    health: int
    last_received: float | None
    """UNIX seconds; ``None`` for an empty journal."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much the journal holds."""

    measurements: int = 0
    batches: int = 0
    frame_bytes: int = 0
    quarantined: int = 0
    quarantined_bytes: int = 0
    quarantine_dropped: int = 0
    """Refused messages that made room for later ones."""
    events: int = 0
    cursors: dict[str, int] = {}
    set_aside: dict[str, int] = {}
    """What each reader could not deal with: it went on without."""
