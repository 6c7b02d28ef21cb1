"""May this board be enrolled, and as whom: pure. The registry's rows and the time are arguments.

Order matters: a stranger without a valid token learns nothing but that. Every refusal has a code for the board and a
sentence for the operator's log; neither holds a token. Must not live here: transactions, certificates, HTTP.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import msgspec

from balise_collector.fleet.members import Member
from balise_collector.fleet.token import Token
from balise_collector.system.harmless import only_printable
from balise_wire.enrolment import EnrolmentRequest, Refusal
from balise_wire.words import Profile

_FRUGAL: Final = (Profile.STANDARD, Profile.LEAN, Profile.METERED)
"""From the largest to the smallest use of the line: a host may ask for less than the operator planned, and one who asks
in a word of a newer card is given the least."""


@dataclass(frozen=True)
class Grant:
    """It may: what the registry is to hold from now on."""

    member: Member
    """As it will be, without the end of its certificate."""
    again: bool = False
    """The same board asks for the answer that it did not get: nothing new."""
    retires: str = ""
    """The id under which this board was known until now, which nobody will hear of again."""


@dataclass(frozen=True)
class Denied:
    """It may not, and why."""

    refusal: Refusal
    mend: str
    """One sentence for the board's log; says nothing that a stranger could use."""


def enrol(
    request: EnrolmentRequest,
    key: str,
    token: Token | None,
    named: Member | None,
    known: Member | None,
    consents: Collection[str],
    now: float,
) -> Grant | Denied:
    """Decide about a board that shows a token.

    Args:
        request: what it sent; the token goes first, but for a wish to use less of the line.
        key: the public key (hex) that its certificate request is signed with.
        token: the row of its token; ``None`` where there is none.
        named: the member that has the token's id now.
        known: the member that has this key now.
        consents: versions of the consent text that still hold.
        now: UNIX seconds.
    """
    if token is None:
        return Denied(Refusal.TOKEN_UNKNOWN, "no such token; copy it from the operator's file, or ask for a new one")
    again = token.spent_at is not None and token.spent_key == key
    refused = _token_fault(token, again, known, now) or _consent_fault(request, consents)
    if refused is not None:
        return refused
    if again and known is not None:
        return Grant(known, again=True)
    if known is not None and known.id != token.probe:
        return _known_board(request, token, known, now)
    return Grant(_member(request, token, key, named, now))


def _token_fault(token: Token, again: bool, known: Member | None, now: float) -> Denied | None:
    """Why a token that exists opens nothing."""
    if token.withdrawn:
        return Denied(Refusal.REVOKED, "the operator took this token back; ask for a new one")
    if again:
        # The board may ask again for as long as it is who it became by this token.
        if known is None or known.id != token.spent_by:
            return Denied(Refusal.TOKEN_SPENT, "used already, and another board has the place since; ask for a new one")
        return None if known.speaks else Denied(Refusal.REVOKED, "the operator revoked this probe")
    if token.spent_at is not None:
        return Denied(Refusal.TOKEN_SPENT, "another board used this token already; ask for a new one")
    if token.expires <= now:
        return Denied(Refusal.TOKEN_EXPIRED, "the token ran out; ask for a new one")
    if known is not None and known.revoked and known.id != token.probe:
        return Denied(Refusal.REVOKED, "the operator revoked this board; a token for its own id lets it in again")
    return None


def _consent_fault(request: EnrolmentRequest, consents: Collection[str]) -> Denied | None:
    """Why the host's consent is not enough."""
    if not request.consent:
        return Denied(Refusal.CONSENT_MISSING, "the host has not agreed yet; read the text, then set accepted = true")
    if request.consent not in consents:
        return Denied(Refusal.CONSENT_OUTDATED, f"the text changed; the host must read version {max(consents)}")
    return None


def _known_board(request: EnrolmentRequest, token: Token, known: Member, now: float) -> Grant:
    """Enrol a board that has another id than the token's: the id that somebody named wins, else the one it had."""
    if token.named or not known.speaks:
        return Grant(_member(request, token, known.public_key, None, now), retires=known.id if known.speaks else "")
    return Grant(_member(request, msgspec.structs.replace(token, probe=known.id), known.public_key, known, now))


def _member(request: EnrolmentRequest, token: Token, key: str, before: Member | None, now: float) -> Member:
    """Return the member that the token makes; what the operator wrote on the id before is kept."""
    return Member(
        id=token.probe,
        public_key=key,
        network=token.network,
        role=token.role,
        approved_at=now,
        profile=max(token.profile, _wished(request.profile), key=_FRUGAL.index),
        provider=token.provider or only_printable(request.provider[:80]) or (before.provider if before else ""),
        # Whoever names a board has one host in mind; a card of many may go to anybody, and two to the same.
        host=token.host or (before.host if before else "") or (token.probe if token.named else ""),
        tags=token.tags or (before.tags if before else ()),
        consent=request.consent,
        enrolled_at=now,
    )


def _wished(profile: Profile) -> Profile:
    return Profile.METERED if profile is Profile.UNKNOWN else profile


def renew(key: str, known: Member | None) -> Grant | Denied:
    """Decide about a board that asks for a new certificate with the key it was enrolled with."""
    if known is None or known.public_key != key:
        return Denied(Refusal.KEY_UNKNOWN, "no probe has this key; enrol with a new token")
    if not known.speaks:
        return Denied(Refusal.REVOKED, "the operator revoked this probe")
    return Grant(known, again=True)
