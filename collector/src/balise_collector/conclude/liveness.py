"""How a probe stands, seen from the collector: alive or not, and why it is silent, in words a person can act on.

Pure: presence, last health and the time are arguments. Must not live here: what opens an outage (detect/ reads silence
from the journal by itself), or where the words are shown.
"""

from typing import Final

import msgspec

from balise_collector.journal import HealthRow, PresenceRow
from balise_collector.words.tables import NEVER, WHYS
from balise_wire.words import Lifecycle

STATES: Final = ("ready", "init", "sleeping", "disconnected", "lost", NEVER, "unknown")
"""The states a probe is shown in, best first but for the last; the place is the state's code."""
_CONNECTED: Final = frozenset({Lifecycle.READY, Lifecycle.INIT, Lifecycle.SLEEPING, Lifecycle.UNKNOWN})
"""What only a probe that is connected says; a word that we cannot read was said by one as well."""
WRONG_CLOCK_SECONDS: Final = 60.0
"""A clock further off than this is wrong: its batches are corrected (validate.py)."""


class Liveness(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one probe now."""

    state: str
    """One of STATES: what the probe (or the broker, for a dead one) said last."""
    alive: bool
    """Connected by its own word, and heard within the time of silence."""
    last_seen: float | None
    """UNIX seconds at which anything of it was received; ``None`` for never."""
    why: str
    """Why it is silent, or why nothing is expected of it; empty while it is alive and at work."""
    silent_state: str
    """The key of that in WHYS; empty as above."""
    silent_minutes: int
    """For how long nothing came of it; 0 where that is not known."""
    clock_skew: float | None
    """Seconds by which its clock is ahead of ours, from its last health report."""
    clock_wrong: bool


def liveness_of(
    presence: PresenceRow | None,
    measured: float | None,
    health: HealthRow | None,
    now: float,
    silence: float,
    excuse: str = "",
) -> Liveness:
    """Say how a probe stands.

    Args:
        presence: its last state message.
        measured: UNIX seconds of its newest judged measurement.
        health: its last health report.
        now: UNIX seconds.
        silence: seconds without a word after which a probe is silent.
        excuse: why nothing is to be expected of it (``Fleet.excuse``): that is the reason then, whatever it does.
    """
    heard = (presence.at if presence else None, measured, health.received_at if health else None)
    seen = max((at for at in heard if at is not None), default=None)
    state = presence.state.value if presence else ("ready" if seen is not None else NEVER)
    quiet = None if seen is None else max(0.0, now - seen)
    alive = state in _CONNECTED and quiet is not None and quiet <= silence
    skew = health.health.at - health.received_at if health else None
    vouched = health is None or health.health.clock_state.vouched
    wrong = skew is not None and (abs(skew) > WRONG_CLOCK_SECONDS or not vouched)
    reason = excuse or ("" if alive else _silent(state, quiet))
    return Liveness(
        state=state,
        alive=alive,
        last_seen=seen,
        why=WHYS[reason].format(minutes=_minutes(quiet)) if reason else "",
        silent_state=reason,
        silent_minutes=_minutes(quiet),
        clock_skew=skew,
        clock_wrong=wrong,
    )


def _silent(state: str, quiet: float | None) -> str:
    """Return the key in WHYS of a silent probe."""
    if quiet is None:
        return NEVER
    return state if state in WHYS else Lifecycle.READY.value


def _minutes(quiet: float | None) -> int:
    return 0 if quiet is None else round(quiet / 60.0)
