"""Cards before they are written: a token and an id for each, and what goes into its settings file. Pure.

Chance is an argument. Must not live here: files (commands/tokens.py), the registry.
"""

from collections.abc import Callable, Collection

import msgspec

from balise_collector.fleet.enrolment import ids
from balise_collector.fleet.token import Token, hash_of
from balise_wire import card_token
from balise_wire.card import CONSENT_VERSION, CardConsent, CardSettings
from balise_wire.measurement import Network
from balise_wire.words import ProbeRole, Profile


class TokenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asks for."""

    count: int = 1
    probe: str = ""
    """An id that is to be (again); empty: each card gets a new one."""
    network: Network
    provider: str = ""
    role: ProbeRole = ProbeRole.PROBE
    profile: Profile = Profile.STANDARD
    host: str = ""
    """Who keeps all of them; empty: it is written down later, or never."""
    tags: tuple[str, ...] = ()
    seconds: float
    """How long the tokens are good."""


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """One card: what the registry keeps, and the only copy of its token."""

    row: Token
    token: str


def new_tokens(
    order: TokenOrder,
    taken: Collection[str],
    batch: str,
    now: float,
    chance: Callable[[int], bytes],
    choose: Callable[[str], str],
) -> list[NewToken]:
    """Return the cards of an order.

    Args:
        order: what is asked for.
        taken: ids that are or were somebody's.
        batch: the name that these cards share.
        now: UNIX seconds.
        chance: gives so many bytes of it.
        choose: picks one character of a text by chance.
    """
    used = set(taken)
    made = []
    for number in range(1, order.count + 1):
        name = order.probe or ids.draw(choose, used)
        used.add(name)
        token = card_token.make(chance(card_token.ENTROPY_BYTES))
        row = Token(
            hash=hash_of(token),
            probe=name,
            named=bool(order.probe),
            network=order.network,
            provider=order.provider,
            role=order.role,
            profile=order.profile,
            host=order.host,
            tags=order.tags,
            batch=batch,
            card=number,
            made_at=now,
            expires=now + order.seconds,
        )
        made.append(NewToken(row=row, token=token))
    return made


def settings_of(one: NewToken, enrol: tuple[str, ...], fingerprint: str, *, accepted: bool) -> CardSettings:
    """Return what stands in a card's settings file; ``accepted``: the host has agreed already, on paper."""
    row = one.row
    return CardSettings(
        enrol=enrol,
        fingerprint=fingerprint,
        token=one.token,
        country=row.network.country,
        provider=row.provider,
        access=row.network.access,
        profile=row.profile,
        role=row.role,
        consent=CardConsent(version=CONSENT_VERSION, accepted=accepted),
    )
