"""Provisioning: the cards of a batch as tiles that tick themselves off before the boards are sealed. Pure.

Lives here: the four steps of a card, and in words why the next one is not there yet. Must not live here: what makes a
probe silent (liveness.py), where the facts are kept, or anything for the public.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from balise_collector.conclude.liveness import Liveness, liveness_of
from balise_collector.fleet.token import Token
from balise_collector.journal import HealthRow
from balise_collector.pages.operator.fleet import FleetFacts, why
from balise_collector.pages.views.read_model import View
from balise_collector.system.sentences import gettext_noop
from balise_collector.words.tables import NEVER
from balise_wire.enrolment import Refusal
from balise_wire.words import Lifecycle

_REFUSALS: Final = {
    Refusal.TOKEN_SPENT: gettext_noop("another board used this card's token already: make a new card for this board"),
    Refusal.TOKEN_EXPIRED: gettext_noop("the board came, but the token had run out: make a new card"),
    Refusal.CONSENT_MISSING: gettext_noop("the board came, but its card does not say that the host has agreed"),
    Refusal.CONSENT_OUTDATED: gettext_noop("the board came, but its card holds an older consent text: make a new card"),
    Refusal.REVOKED: gettext_noop("the board came, but it was revoked: give it a token for its own id"),
}


@dataclass(frozen=True, kw_only=True)
class ProvisioningFacts:
    """What is known of the cards; the caller of ``create_app`` gathers it."""

    batches: Sequence[tuple[str, float, int, int]] = ()
    """(batch, UNIX seconds at which it was made, cards, enrolled ones), newest first."""
    cards: Callable[[str], Sequence[Token]] = field(default=lambda _batch: ())
    """Gives the cards of a batch by number."""
    refresh: int = 10
    """Seconds between two looks of the page; a link switches it off (WCAG 2.2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One card."""

    card: int
    probe: str
    """The id on the label, or the one that a known board has kept."""
    known: bool
    """There is a page of this probe."""
    steps: tuple[tuple[str, bool], ...]
    """(what, whether it is done), in order."""
    why: str
    """Why the next step is not done; empty when all are."""
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningPage:
    """Everything the page of a batch shows."""

    batch: str
    tiles: tuple[Tile, ...]
    done: int


def provisioning(view: View, facts: FleetFacts, cards: Sequence[Token], batch: str) -> ProvisioningPage | None:
    """Return the page of a batch; ``None`` where there is none of that name."""
    if not cards:
        return None
    tiles = tuple(_tile(view, facts, card) for card in cards)
    return ProvisioningPage(batch=batch, tiles=tiles, done=sum(tile.done for tile in tiles))


def _tile(view: View, facts: FleetFacts, card: Token) -> Tile:
    """Return one card with its steps: nothing later is ticked while something earlier is not."""
    name = card.spent_by or card.probe
    enrolled = card.spent_at is not None
    member = facts.fleet.members.get(name)
    report = facts.health.get(name)
    measured = facts.measured(name) if enrolled else None
    # A board that was known before has measured before: what counts is what came since it was enrolled with this card.
    fresh = enrolled and measured is not None and card.spent_at is not None and measured >= card.spent_at
    found = liveness_of(
        facts.presence.get(name),
        measured,
        report,
        view.now,
        facts.fleet.patience(name, facts.silence),
        facts.fleet.excuse(name) if member else "",
    )
    clock = fresh and report is not None and not found.clock_wrong
    steps = (
        (view.gettext("enrolled"), enrolled),
        (view.gettext("first measurement arrived"), bool(fresh)),
        (view.gettext("clock right"), bool(clock)),
    )
    reason = "" if clock else _reason(view, facts.health, card, found, name, fresh=bool(fresh))
    return Tile(card=card.card, probe=name, known=member is not None, steps=steps, why=reason, done=bool(clock))


def _reason(
    view: View, health: Mapping[str, HealthRow], card: Token, found: Liveness, name: str, *, fresh: bool
) -> str:
    """Say why the next step is not done, and what to look at."""
    if card.withdrawn:
        return view.gettext("taken back: the operator revoked or retired its id")
    if card.spent_at is None:
        return _not_enrolled(view, card)
    if not fresh:
        if found.silent_state == NEVER:
            return view.gettext("enrolled, but not yet at the broker: see that the front address and port are open")
        if found.silent_state:
            return why(view, found)
        if found.state == Lifecycle.SLEEPING:
            return view.gettext("connected and paused: it measures once the pause is taken back")
        return view.gettext("connected: its first measurement comes within {minutes} minutes").format(
            minutes=max(1, round(view.interval / 60.0))
        )
    if name not in health:
        return view.gettext("it has not reported its health yet: that comes within five minutes")
    return view.gettext(
        "its clock is {seconds} seconds off, or nobody vouches for it: let time servers through"
    ).format(seconds=f"{found.clock_skew or 0.0:+.0f}")


def _not_enrolled(view: View, card: Token) -> str:
    """Say why no board has this card's id yet."""
    if card.refused in _REFUSALS:
        return view.gettext(_REFUSALS[Refusal(card.refused)])
    if card.expires <= view.now:
        return view.gettext("its token ran out before a board came: make a new card")
    return view.gettext("no board has come with it yet: card in, power on, network cable in, this address reachable?")
