"""From a sealed frame to the task this probe carries out: verified, newer, unexpired, within the device's limits.

Lives here: that decision, and the accepted frame on disk, so that a probe that restarts inside a shutdown goes on
measuring without a broker. The file holds the collector's sealed bytes and is verified again at each start: who can
write to the card still cannot forge a task. The head is obeyed before the rest is looked at: a halt holds whatever else
the message is. Must not live here: reading the rest (reading.py), the limits themselves (limits.py).
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_agent.delivery.messages import open_sealed, other_schema
from balise_agent.measure import assignment_reading
from balise_agent.policy import limits
from balise_agent.system import disk
from balise_agent.system.errors import ConfigError
from balise_wire.assignment import Assignment, Head
from balise_wire.envelope import Kind
from balise_wire.seal import MAGIC, SealError
from balise_wire.status import STOP, EventKind, acceptance_detail

_log = logging.getLogger(__name__)

FILE: Final = "assignment.sealed"
_LONGEST_REASON: Final = 200
_head = msgspec.json.Decoder(Head)


@dataclass(frozen=True)
class Notice:
    """Something the collector should be told; the caller dates it."""

    kind: EventKind
    detail: str


class Assignments:
    """The one assignment that is in force, if any."""

    def __init__(self, path: Path, *, collector: Ed25519PublicKey, probe: str, allowed: limits.Limits) -> None:
        self._path = path
        self._collector = collector
        self._probe = probe
        self.allowed = allowed
        """Of this device; the household part changes when the machine moves to another network."""
        self.current: Assignment | None = None
        """As far as the device's limits go along with it."""
        self.signed_at = 0.0
        """UNIX seconds at which the collector signed the newest message that was good, accepted or not."""
        self.recipient: str | None = None
        """The key that the newest such message says to box for, empty where it names none; ``None`` before one."""

    def restore(self, now: float) -> tuple[Notice, ...]:
        """Take up the stored assignment again; one that is no longer good is not an error, just not used."""
        try:
            frame = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            return (Notice(EventKind.ASSIGNMENT_REFUSED, f"stored assignment: {error.strerror}"),)
        notices = self._take(frame, now)
        # Nothing new was decided: an acceptance is told once, a refusal of what is stored is worth telling.
        return tuple(notice for notice in notices if notice.kind is not EventKind.ASSIGNMENT_ACCEPTED)

    def offer(self, frame: bytes, now: float) -> tuple[Notice, ...]:
        """Consider an assignment that arrived; the current one stays unless this one is accepted."""
        before = self.current
        notices = self._take(frame, now)
        if self.current is not before:
            self._store(frame)
        return notices

    def expired(self, now: float) -> bool:
        """Whether the task in force has run out: nothing is measured then until a newer one comes."""
        return self.current is not None and now >= self.current.expires

    def read(self, path: Path, now: float) -> Assignment:
        """Read an assignment for a person who plans or measures by hand: sealed as received, or plain JSON.

        Raises:
            ConfigError: no such file, not an assignment, or nothing of it is allowed here.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        try:
            if content.startswith(MAGIC):
                envelope = open_sealed(content, self._collector, Kind.ASSIGNMENT, self._probe)
                if other := other_schema(envelope):
                    raise ConfigError(f"{path}: {other}")
                content = bytes(envelope.body)
            found = assignment_reading.read(content)
        except (SealError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"{path}: not an assignment for this probe: {error}") from None
        checked = limits.check_assignment(found.assignment, self.allowed, now)
        if isinstance(checked, limits.RefusedPart):
            raise ConfigError(f"{path}: refused: {checked.reason}")
        return checked.assignment

    def _take(self, frame: bytes, now: float) -> tuple[Notice, ...]:
        """Verify, obey the head, read the rest, hold it against the limits, and put it in force."""
        try:
            envelope = open_sealed(frame, self._collector, Kind.ASSIGNMENT, self._probe)
            head = _head.decode(envelope.body)
        except (SealError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return (Notice(EventKind.ASSIGNMENT_REFUSED, f"{error}"),)
        if envelope.sent_at >= self.signed_at:
            self.signed_at, self.recipient = envelope.sent_at, head.recipient
        if self.current is not None and head.version <= self.current.version:
            if head.version == self.current.version:
                return ()  # the retained message, again, at each connection
            told = f"version {head.version} is older than {self.current.version}, which is in force"
            return (Notice(EventKind.ASSIGNMENT_REFUSED, told),)
        if head.reason:
            self.current = _stopped(head)
            return (Notice(EventKind.ASSIGNMENT_ACCEPTED, acceptance_detail(head.version, STOP)),)
        if other := other_schema(envelope):
            return (Notice(EventKind.ASSIGNMENT_REFUSED, f"version {head.version}: {other}"),)
        try:
            found = assignment_reading.read(envelope.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return (Notice(EventKind.ASSIGNMENT_REFUSED, f"version {head.version}: {error}"),)
        checked = limits.check_assignment(found.assignment, self.allowed, now)
        if isinstance(checked, limits.RefusedPart):
            return (Notice(EventKind.ASSIGNMENT_REFUSED, f"version {head.version}: {checked.reason}"),)
        self.current = checked.assignment
        counted = f"{len(checked.assignment.targets)} of {len(found.assignment.targets)} targets"
        left_out = (f"{len(found.left_out)} not understood",) if found.left_out else ()
        told = acceptance_detail(head.version, "; ".join((counted, *left_out, *checked.clamped)))[:1000]
        refused = tuple(
            Notice(EventKind.TARGET_REFUSED, f"{what}: {why}") for what, why in (*found.left_out, *checked.refused)
        )
        return (Notice(EventKind.ASSIGNMENT_ACCEPTED, told), *refused)

    def _store(self, frame: bytes) -> None:
        """Write the frame whole or not at all; a full disk costs the memory of it, not the measuring."""
        try:
            disk.replace(self._path, frame, draft=f".{self._path.name}.new")
        except OSError as error:
            _log.error("the assignment could not be stored (%s); it holds until the next start", error)


def _stopped(head: Head) -> Assignment:
    """Return a task of nothing: the kill switch holds whatever its date; a newer assignment lifts it."""
    reason = "".join(letter if letter.isprintable() else " " for letter in head.reason)
    expires = head.expires if isinstance(head.expires, int | float) else 0.0
    return Assignment(
        version=head.version,
        catalogue="",
        expires=float(expires),
        targets=(),
        halt=reason[:_LONGEST_REASON],
        sealed_to=head.sealed_to if isinstance(head.sealed_to, str) else "",
    )
