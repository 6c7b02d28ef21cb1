"""What a probe says of itself (state, meta, health, events) and what the collector answers (receipt, collector state).

These are small and self-describing. State is plain JSON, which any broker can read and any can forge: it carries a
sealed copy of itself as its proof, the last will included, which is sealed when the connection is made. Everything that
moves data or settings is sealed.
"""

import re
from typing import Final

import msgspec

from balise_wire.request import Answer
from balise_wire.word import Word
from balise_wire.words import Access, ClockState, Lifecycle, ProbeRole, Profile


class State(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Retained on ``.../state``; ``session`` grows with every connection so that a late will cannot bury a new one.

    Nothing of it that is not proved moves a receipt.
    """

    state: Lifecycle
    session: int
    stream: str = ""
    oldest: int = 0
    """Lowest sequence the probe still holds. Unsigned here, for collectors that look nowhere else; see Envelope."""
    at: float = 0.0
    proof: bytes = b""
    """A sealed frame of the probe: an Envelope of kind ``state`` whose body is this message without its proof, with
    session, stream, oldest and the number of the state within its session. Empty: an older program."""


class Meta(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Retained on ``.../meta``: what the probe is. Sealed in an envelope; plain from a probe of the first version."""

    public_key: str
    """Ed25519 public key, 64 hex digits."""
    software: str
    role: ProbeRole = ProbeRole.PROBE
    country: str = ""
    asn: int = 0
    access: Access = Access.FIXED
    board: str = ""
    consent: str = ""
    """Version of the consent text the host agreed to."""
    profile: Profile = Profile.STANDARD
    skills: tuple[str, ...] = ()
    """What it can carry out and read (skills.py); believed under its seal only, and only to ask it for less."""


class Health(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How the board does; ``None`` is unknown, never zero."""

    at: float
    uptime_s: float | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    """Resident memory of the agent."""
    temperature_c: float | None = None
    throttled: bool | None = None
    undervoltage: bool | None = None
    disk_free_bytes: int | None = None
    disk_written_bytes: int | None = None
    spool_rows: int = 0
    spool_oldest_s: float | None = None
    sent_bytes_today: int = 0
    received_bytes_today: int = 0
    excess_bytes_today: int = 0
    """Bytes of the day that arrived beyond what was asked for or expected (floods); not among those received."""
    tap_drops: int = 0
    measurements: int = 0
    own_failures: int = 0
    """Times the probe itself could not measure (LinkUnusable), since start."""
    clock_state: ClockState = ClockState.UNSYNCED
    clock_offset_ms: float | None = None
    assignment: int | None = None
    """Version of the assignment in force, 0 for none; ``None`` from a probe that does not tell."""
    halted: bool | None = None
    """Whether that assignment is a halt."""


class EventKind(Word):
    """Things worth telling that are no measurement."""

    STARTED = "started"
    REBOOT = "reboot"
    ASSIGNMENT_ACCEPTED = "assignment_accepted"
    ASSIGNMENT_REFUSED = "assignment_refused"
    TARGET_REFUSED = "target_refused"
    BUDGET_EXHAUSTED = "budget_exhausted"
    CLOCK_JUMP = "clock_jump"
    CONSENT_MISSING = "consent_missing"
    PAUSED = "paused"
    RESUMED = "resumed"
    HALTED = "halted"
    WIPED = "wiped"
    ENROLLED = "enrolled"
    RENEWED = "renewed"
    LINK_UNUSABLE = "link_unusable"
    SPOOL_FULL = "spool_full"
    STOPPED = "stopped"
    REQUEST_ANSWERED = "request_answered"
    UNKNOWN = "unknown"
    """One that a newer probe tells; its word stands in the detail."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event, in words a person can act on."""

    kind: EventKind
    at: float
    detail: str = ""
    answer: Answer | None = None
    """What became of a request; programs up to commit 3e87f94 read the detail alone."""


STOP: Final = "stop"
"""What a probe tells of an assignment that it accepted as a halt."""
_ACCEPTED: Final = re.compile(r"version (\d{1,15}): (.*)", re.DOTALL)


class Acceptance(msgspec.Struct, frozen=True):
    """That a probe has taken up an assignment."""

    version: int
    halted: bool
    """Whether as a halt."""


def acceptance_detail(version: int, told: str) -> str:
    """Return the detail of ASSIGNMENT_ACCEPTED: this spelling is read by collectors, and is never changed."""
    return f"version {version}: {told}"


def acceptance(event: Event) -> Acceptance | None:
    """Return which assignment an event says was taken up; ``None`` where it says nothing of the kind."""
    if event.kind is not EventKind.ASSIGNMENT_ACCEPTED:
        return None
    found = _ACCEPTED.fullmatch(event.detail)
    return Acceptance(int(found[1]), halted=found[2] == STOP) if found else None


_OVERTAKEN: Final = re.compile(r"version -?\d{1,15} is older than (\d{1,15}), which is in force")


def overtaken(event: Event) -> int | None:
    """Return the version that a probe holds, where an event says that it refused an older one; ``None`` otherwise."""
    found = _OVERTAKEN.fullmatch(event.detail) if event.kind is EventKind.ASSIGNMENT_REFUSED else None
    return int(found[1]) if found else None


class _Said(msgspec.Struct, frozen=True):
    """The word of an event as it was written."""

    kind: str


_event = msgspec.json.Decoder(Event)
_said = msgspec.json.Decoder(_Said)
_LONGEST_WORD: Final = 40


def read_event(raw: bytes | msgspec.Raw) -> Event:
    """Return an event; one of a kind that this program does not know has the kind's word before its detail.

    Raises:
        msgspec.DecodeError: it is no event.
    """
    event = _event.decode(raw)
    if event.kind is not EventKind.UNKNOWN:
        return event
    word = _said.decode(raw).kind[:_LONGEST_WORD]
    return msgspec.structs.replace(event, detail=f"{word}: {event.detail}" if event.detail else word)


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Retained on ``.../receipt``, sealed by the collector: what is durably committed, and the collector's time.

    The probe forgets batches of ``stream`` with sequence <= ``through`` and those in ``beyond``, and nothing else.
    """

    stream: str
    through: int
    beyond: tuple[int, ...] = ()
    """Committed sequences above a gap (at most 1,000)."""
    at: float = 0.0
    """UNIX seconds on the collector's clock: an authenticated time hint."""


class CollectorState(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Retained on ``balise/v1/collector/state``; probes hold their queue while it says offline."""

    online: bool
    at: float = 0.0
