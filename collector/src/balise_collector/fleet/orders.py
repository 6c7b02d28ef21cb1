"""What became of each probe's assignment: what the probe can do, what it was given, what it has taken up. Pure.

Lives here: leaving out of an assignment what a probe is too old for, and whether a halt, or its end, is confirmed. Must
not live here: what is asked for at all (assignment.py), where it is written down (fleet.py), words for pages.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from balise_wire.assignment import Assignment, Target
from balise_wire.skills import AUTHORITIES, FEATURES, FIRST, LONGEST, MOST, skill

UNREAD_MOST: Final = 16
"""Words of one probe that this collector cannot read and that are remembered for the operator."""


MOST_TARGETS: Final = 500
"""Probes refuse a task of more as a whole (agent/limits.py, since the first version): what is above goes to nobody."""
TOO_MANY: Final = f"more than {MOST_TARGETS} targets"


class Able(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe that introduced itself can do."""

    software: str = ""
    skills: frozenset[str] = FIRST
    """As it said under its seal; those of the first version where it did not."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The newest assignment that a probe said, under its seal, it has taken up."""

    version: int
    halted: bool
    at: float
    """UNIX seconds on the collector's clock at which it said so."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One probe's assignment and what became of it."""

    version: int = 0
    """The newest that was issued; 0 for none."""
    halted: bool = False
    """Whether that is a halt."""
    turned: int = 0
    """The first version of those that are halts, or are none, without one of the other kind since."""
    left_out: Mapping[str, int] = {}
    """Skill that the probe lacks, and how many targets or controls were left out for it."""
    able: Able | None = None
    """``None`` before it introduced itself: it is given what the first version could do."""
    taken: Taken | None = None
    unread: tuple[str, ...] = ()
    """What this collector could not read of its messages."""

    @property
    def confirmed(self) -> bool:
        """Whether the probe has taken up what was issued, as far as to measure or to stop."""
        taken = self.taken
        return self.version > 0 and taken is not None and taken.halted == self.halted and taken.version >= self.turned

    @property
    def lacks(self) -> tuple[str, ...]:
        """What a program of this version can read and this probe cannot, as far as it introduced itself."""
        return () if self.able is None else tuple(one for one in FEATURES if one not in self.able.skills)

    @property
    def too_old_for(self) -> tuple[str, ...]:
        """What the probe is too old for, each in a few words."""
        return (*self.lacks, *(f"{one} ({count} left out)" for one, count in sorted(self.left_out.items())))


NOTHING: Final = Order()


def trimmed(skills: tuple[str, ...]) -> frozenset[str]:
    """Return a probe's skills as they are kept: bounded, and what is no plain word left out."""
    return frozenset(word for word in skills[:MOST] if len(word) <= LONGEST and word.isascii() and word.isprintable())


def within(assignment: Assignment, able: Able | None) -> tuple[Assignment, dict[str, int]]:
    """Return as much of an assignment as a probe can do, and what was left out for which skill that it lacks.

    Args:
        assignment: what is asked for.
        able: what the probe can do; ``None`` before it introduced itself.
    """
    held = FIRST if able is None else able.skills
    lacking: Counter[str] = Counter()
    targets = [target for one in assignment.targets if (target := _known(one, held, lacking)) is not None]
    if len(targets) > MOST_TARGETS:
        lacking[TOO_MANY] = len(targets) - MOST_TARGETS
        del targets[MOST_TARGETS:]
    controls = []
    for control in assignment.controls:
        if skill(control.scope) in held:
            controls.append(control)
        else:
            lacking[skill(control.scope)] += 1
    return msgspec.structs.replace(assignment, targets=tuple(targets), controls=tuple(controls)), dict(lacking)


def _known(target: Target, held: frozenset[str], lacking: Counter[str]) -> Target | None:
    """Return a target with the experiments that a probe can carry out, and note those that it cannot."""
    if skill(target.role) not in held:
        lacking[skill(target.role)] += 1
        return None
    if target.authorities and AUTHORITIES not in held:
        lacking[AUTHORITIES] += 1
        return None
    lacking.update(skill(word) for word in target.experiments if skill(word) not in held)
    kept = tuple(word for word in target.experiments if skill(word) in held)
    return msgspec.structs.replace(target, experiments=kept) if kept else None
