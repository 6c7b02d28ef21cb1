"""From a sealed frame to the task this probe carries out: verified, newer, unexpired, within the device's limits.

Lives here: that decision, and the accepted frame on disk, so that a probe that restarts inside a shutdown goes on
measuring without a broker. The file holds the collector's sealed bytes and is verified again at each start: who can
write to the card still cannot forge a task. Must not live here: the limits themselves (limits.py).
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_agent import limits
from balise_agent.errors import ConfigError
from balise_agent.publisher import open_sealed
from balise_wire.assignment import Assignment
from balise_wire.envelope import Kind
from balise_wire.seal import MAGIC, SealError
from balise_wire.status import EventKind

_log = logging.getLogger(__name__)

FILE: Final = "assignment.sealed"
_decoder = msgspec.json.Decoder(Assignment)


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
                content = bytes(open_sealed(content, self._collector, Kind.ASSIGNMENT, self._probe).body)
            checked = limits.check_assignment(_decoder.decode(content), self.allowed, now)
        except (SealError, msgspec.DecodeError) as error:
            raise ConfigError(f"{path}: not an assignment for this probe: {error}") from None
        if isinstance(checked, limits.Refused):
            raise ConfigError(f"{path}: refused: {checked.reason}")
        return checked.assignment

    def _take(self, frame: bytes, now: float) -> tuple[Notice, ...]:
        """Verify, compare, hold against the limits, and put in force."""
        try:
            envelope = open_sealed(frame, self._collector, Kind.ASSIGNMENT, self._probe)
            assignment = _decoder.decode(envelope.body)
        except (SealError, msgspec.DecodeError) as error:
            return (Notice(EventKind.ASSIGNMENT_REFUSED, f"{error}"),)
        self.signed_at = max(self.signed_at, envelope.sent_at)
        if self.current is not None and assignment.version <= self.current.version:
            if assignment.version == self.current.version:
                return ()  # the retained message, again, at each connection
            told = f"version {assignment.version} is older than {self.current.version}, which is in force"
            return (Notice(EventKind.ASSIGNMENT_REFUSED, told),)
        if assignment.halt:
            # The kill switch holds whatever else is wrong with the message, its date included; a newer one lifts it.
            self.current = msgspec.structs.replace(assignment, targets=(), controls=(), halt=assignment.halt[:200])
            return (Notice(EventKind.ASSIGNMENT_ACCEPTED, f"version {assignment.version}: stop"),)
        checked = limits.check_assignment(assignment, self.allowed, now)
        if isinstance(checked, limits.Refused):
            return (Notice(EventKind.ASSIGNMENT_REFUSED, f"version {assignment.version}: {checked.reason}"),)
        self.current = checked.assignment
        counted = (
            f"version {assignment.version}: {len(checked.assignment.targets)} of {len(assignment.targets)} targets"
        )
        told = "; ".join((counted, *checked.clamped))[:1000]
        refused = tuple(Notice(EventKind.TARGET_REFUSED, f"{what}: {why}") for what, why in checked.refused)
        return (Notice(EventKind.ASSIGNMENT_ACCEPTED, told), *refused)

    def _store(self, frame: bytes) -> None:
        """Write the frame whole or not at all; a full disk costs the memory of it, not the measuring."""
        draft = self._path.with_suffix(".new")
        try:
            with draft.open("wb") as file:
                file.write(frame)
                file.flush()
            draft.replace(self._path)
        except OSError as error:
            _log.error("the assignment could not be stored (%s); it holds until the next start", error)
