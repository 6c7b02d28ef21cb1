"""Which of the five states a probe is in, and what keeps it from measuring. Pure.

Lives here: that one decision, as a function of facts. Must not live here: finding the facts out, or acting on the
state. ``lost`` is never decided here: it is the last will, which the broker publishes for a dead probe.
"""

from dataclasses import dataclass
from typing import Final

from balise_agent.system.problems import ProblemId, Trouble
from balise_wire.words import Lifecycle

PAUSE_FILE: Final = "paused"
"""Its existence in ``state_dir`` is the host's pause; what stands in it does not matter."""


@dataclass(frozen=True)
class LifecycleFacts:
    """What the state follows from."""

    consent: Trouble | None
    """What is missing of the host's consent."""
    paused: bool
    assigned: bool
    """An assignment is in force, expired or not."""
    halt: str = ""
    """The operator's reason to stop, out of that assignment."""
    expired: bool = False
    leaving: bool = False
    """The program says goodbye."""


def hindrance(facts: LifecycleFacts) -> Trouble | None:
    """Return why nothing is measured, the first cause; ``None`` where the probe measures."""
    if facts.consent is not None:
        return facts.consent
    if facts.paused:
        return Trouble(id=ProblemId.PAUSED)
    if facts.halt:
        return Trouble(id=ProblemId.HALTED, detail=facts.halt)
    if not facts.assigned:
        return Trouble(id=ProblemId.NO_ASSIGNMENT)
    if facts.expired:
        return Trouble(id=ProblemId.ASSIGNMENT_EXPIRED)
    return None


def state(facts: LifecycleFacts) -> Lifecycle:
    """Return the state: a probe that could measure and does not is asleep, one that never could is new."""
    if facts.leaving:
        return Lifecycle.DISCONNECTED
    found = hindrance(facts)
    if found is None:
        return Lifecycle.READY
    return Lifecycle.INIT if found.id is ProblemId.NO_ASSIGNMENT else Lifecycle.SLEEPING
