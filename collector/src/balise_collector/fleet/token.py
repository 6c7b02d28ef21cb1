"""What the collector knows of a one-time token: never the token itself. Only words, and how one is recognised.

Must not live here: how a token is spelt (wire's card_token.py), where tokens are kept (tokens.py).
"""

import hashlib

import msgspec

from balise_wire.card_token import normalise
from balise_wire.measurement import Network
from balise_wire.words import ProbeRole, Profile


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token, without the token."""

    hash: str
    """SHA-256 of the 25 bare characters, hex. 120 bits of chance need no slow hash, and no salt."""
    probe: str
    """The id that its card gets."""
    named: bool = False
    """The operator named the id (a re-enrolment or a replacement); else it was drawn."""
    network: Network
    provider: str = ""
    role: ProbeRole = ProbeRole.PROBE
    profile: Profile = Profile.STANDARD
    host: str = ""
    """The operator's label of who keeps the board (members.Member.host)."""
    tags: tuple[str, ...] = ()
    batch: str
    """Cards made by one command share it."""
    card: int = 1
    """Number within the batch, from 1."""
    made_at: float
    expires: float
    """UNIX seconds."""
    spent_at: float | None = None
    spent_key: str = ""
    """Public key (hex) of the board that spent it."""
    spent_by: str = ""
    """The id that this board has: another than ``probe`` where the board was known already."""
    withdrawn: bool = False
    """The operator revoked or retired its id."""
    refused: str = ""
    """Why the last board that showed it was refused (``Refusal``); empty where none was, or one was enrolled since."""
    refused_at: float | None = None
    """UNIX seconds."""


def hash_of(token: str) -> str:
    """Return the hash under which a token is kept, however it was typed."""
    return hashlib.sha256(normalise(token).encode()).hexdigest()
