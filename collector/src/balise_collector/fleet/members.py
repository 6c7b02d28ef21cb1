"""Who may speak: the approved probes, as a frozen table.

Lives here: the vocabulary that validate, assignment and pipeline share. Must not live here: where the table is kept
(fleet.py) or how it is asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_collector.fleet.claims import Tasks
from balise_collector.fleet.orders import NOTHING, Order
from balise_wire.measurement import Network
from balise_wire.words import ProbeRole, Profile

REVOKED: Final = "revoked"
RETIRED: Final = "retired"
HALTED: Final = "halted"
NO_TASKS: Final = Tasks()
AT_RISK: Final = "risk-high"
"""The operator's tag of a board whose host is at risk: it asks nothing out of turn, and nothing risky."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One approved probe; the operator vouches for every field."""

    id: str
    public_key: str
    """Ed25519 public key, 64 hex digits."""
    network: Network
    role: ProbeRole = ProbeRole.PROBE
    approved_at: float = 0.0
    revoked: bool = False
    retired_at: float | None = None
    """UNIX seconds since which it is finished: it may not speak, and nobody waits for it."""
    profile: Profile = Profile.STANDARD
    provider: str = ""
    """The operator's label of the line, for the operator's view only."""
    host: str = ""
    """The operator's label of the person or group who keeps the board: boards of one host are one witness. Empty where
    nobody wrote it down."""
    tags: tuple[str, ...] = ()
    """The operator's words, for the operator's view only."""
    consent: str = ""
    """Version of the consent text that the host agreed to; empty for a probe that was approved by hand."""
    enrolled_at: float | None = None
    """UNIX seconds of its last enrolment; ``None`` for a probe that was approved by hand."""
    expires: float | None = None
    """UNIX seconds (the machine's) of its certificate's end."""

    @property
    def reference(self) -> bool:
        """Whether it measures from abroad, to tell local from global."""
        return self.role is ProbeRole.REFERENCE

    @property
    def keeper(self) -> str:
        """Return whom the board stands for where hosts are counted for the public (ADR 0017).

        A board that was approved by hand was dealt with one by one, and is its own; of cards that were made in numbers
        nobody knows how many went to one person, so that all without a label are one: the empty text.
        """
        return self.host or (self.id if self.enrolled_at is None else "")

    @property
    def speaks(self) -> bool:
        """Whether what it sends is believed."""
        return not self.revoked and self.retired_at is None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Where a probe stood and what it was for from a moment on, on the operator's word."""

    since: float
    """UNIX seconds; the first record of a probe also holds for all that was before it."""
    network: Network
    role: ProbeRole = ProbeRole.PROBE

    @property
    def reference(self) -> bool:
        """Whether it measured from abroad, to tell local from global."""
        return self.role is ProbeRole.REFERENCE


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A probe that announced itself and was not approved; nothing it says is believed yet."""

    id: str
    public_key: str
    country: str = ""
    asn: int = 0
    access: str = ""
    role: str = ""
    software: str = ""
    first_seen: float = 0.0
    last_seen: float = 0.0


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """The kill switch of a country: from ``since`` to ``until`` none of its probes is to measure anything."""

    country: str
    since: float
    """UNIX seconds."""
    reason: str
    """A few neutral words, which the hosts may read."""
    until: float | None = None
    """UNIX seconds; ``None`` while it holds."""


@dataclass(frozen=True)
class Fleet:
    """Every probe that was ever approved, by id, with its key ready for use; and the halts of countries."""

    members: dict[str, Member] = field(default_factory=dict)
    keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)
    halts: tuple[Halt, ...] = ()
    """Oldest first, also those that are over."""
    paces: Mapping[str, int] = field(default_factory=dict)
    """Seconds between two runs of a target, by probe, as last assigned; 0 where that is not known."""
    records: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    """Where each probe stood from when on, oldest first; the member's own record where there is none."""
    tasks: Mapping[str, Tasks] | None = None
    """What each probe was given to measure; ``None`` where nobody keeps that."""
    orders: Mapping[str, Order] = field(default_factory=dict)
    """Each probe's assignment, and what became of it."""

    @classmethod
    def of(
        cls,
        members: Iterable[Member],
        halts: Iterable[Halt] = (),
        paces: Mapping[str, int] | None = None,
        *,
        records: Mapping[str, tuple[Record, ...]] | None = None,
        tasks: Mapping[str, Tasks] | None = None,
        orders: Mapping[str, Order] | None = None,
    ) -> "Fleet":
        """Build the table; parsing a key costs more than using it, so it is done once."""
        table = {member.id: member for member in members}
        keys = {id: Ed25519PublicKey.from_public_bytes(bytes.fromhex(m.public_key)) for id, m in table.items()}
        return cls(table, keys, tuple(halts), paces or {}, records or {}, tasks, orders or {})

    def record_at(self, probe: str, at: float, country: str = "") -> Record | None:
        """Return where a probe stood at a moment, on the operator's word; ``None`` of an unknown one.

        A result that waited for months in a spool belongs to the place that the probe was vouched for then.

        Args:
            probe: its id.
            at: UNIX seconds.
            country: the one that it says it stood in: an operator writes a move down after it, so that the record next
                in time is taken that has this country, where there is one. No other word of the probe's counts.
        """
        member = self.members.get(probe)
        if member is None:
            return None
        held = self.records.get(probe) or (Record(since=member.approved_at, network=member.network, role=member.role),)
        place = max((n for n, one in enumerate(held) if one.since <= at), default=0)
        if country and held[place].network.country != country:
            near = sorted(range(len(held)), key=lambda n: (abs(n - place), -n))
            place = next((n for n in near if held[n].network.country == country), place)
        return held[place]

    def tasks_of(self, probe: str) -> Tasks | None:
        """Return what a probe was given to measure; ``None`` where nobody keeps that."""
        return None if self.tasks is None else self.tasks.get(probe, NO_TASKS)

    def order_of(self, probe: str) -> Order:
        """Return a probe's assignment and what became of it."""
        return self.orders.get(probe, NOTHING)

    def active(self) -> tuple[Member, ...]:
        """Return the members that may speak, by id."""
        return tuple(self.members[id] for id in sorted(self.members) if self.members[id].speaks)

    def halted(self) -> Mapping[str, Halt]:
        """Return the halt that holds now for each country that has one."""
        return {halt.country: halt for halt in self.halts if halt.until is None}

    def excuse(self, probe: str) -> str:
        """Return why nothing is to be expected of a probe now: ``revoked``, ``retired``, ``halted``, or nothing."""
        member = self.members[probe]
        if member.revoked:
            return REVOKED
        if member.retired_at is not None:
            return RETIRED
        return HALTED if member.network.country in self.halted() else ""

    def patience(self, probe: str, silence: float) -> float:
        """Return after how many seconds without a word a probe is silent: one that measures seldom has longer."""
        return max(silence, 2.0 * self.paces.get(probe, 0))

    def silent_since(self, probe: str, since: float, at: float, after: float) -> float | None:
        """Return since when a probe's silence means something; ``None`` where it does not.

        It means nothing of a probe that is unknown, revoked or finished, and nothing while its country is halted; a
        halt that was lifted gives the probe another ``after`` seconds to be heard, and what went before is not counted.

        Args:
            probe: its id.
            since: UNIX seconds of its last word.
            at: now, UNIX seconds.
            after: seconds without a word that are silence.
        """
        member = self.members.get(probe)
        if member is None or member.revoked or (member.retired_at is not None and member.retired_at <= at):
            return None
        for halt in self.halts:
            if halt.country != member.network.country or halt.since > at:
                continue
            if halt.until is None or at < halt.until + after:
                return None
            since = max(since, halt.until)
        return since
