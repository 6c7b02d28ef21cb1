"""Who may speak: the approved probes, as a frozen table.

Lives here: the vocabulary that validate, assignment and pipeline share. Must not live here: where the table is kept
(fleet.py) or how it is asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_wire.measurement import Network
from balise_wire.words import ProbeRole


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One approved probe; the operator vouches for every field."""

    id: str
    public_key: str
    """Ed25519 public key, 64 hex digits."""
    network: Network
    role: ProbeRole = ProbeRole.PROBE
    approved_at: float = 0.0
    revoked: bool = False

    @property
    def reference(self) -> bool:
        """Whether it measures from abroad, to tell local from global."""
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


@dataclass(frozen=True)
class Fleet:
    """Every approved or revoked probe by id, with its key ready for use."""

    members: dict[str, Member] = field(default_factory=dict)
    keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)

    @classmethod
    def of(cls, members: Iterable[Member]) -> "Fleet":
        """Build the table; parsing a key costs more than using it, so it is done once."""
        table = {member.id: member for member in members}
        keys = {id: Ed25519PublicKey.from_public_bytes(bytes.fromhex(m.public_key)) for id, m in table.items()}
        return cls(table, keys)

    def active(self) -> tuple[Member, ...]:
        """Return the members that may speak, by id."""
        return tuple(self.members[id] for id in sorted(self.members) if not self.members[id].revoked)
