"""Which target of a history was well when: an ok of one says nothing of when another began to fail, or came back.

A cell holds all hosts of a role. They take turns, some once an hour, and a block may hit one of them: [last ok, first
failure] is an interval only where both are of one target. Kept of histories with several targets alone. What comes late
can only widen an interval. Must not live here: what an interval is (moments.py), or the walk.
"""

from __future__ import annotations

import math
from typing import Final

_OKS: Final = 4
"""Newest successes kept of each target: a failure may be decided only when references have spoken, minutes later."""


class Looks:
    """The targets of one history; all times are UNIX seconds."""

    __slots__ = ("began", "over", "well")

    def __init__(
        self,
        well: dict[str, list[int]] | None = None,
        began: dict[int, int] | None = None,
        over: list[int] | None = None,
    ) -> None:
        """Begin with nothing, or with what a snapshot holds."""
        self.well = well if well is not None else {}
        """By target: its newest successes, oldest first; a failure behind them is minus its time."""
        self.began = began if began is not None else {}
        """By first failure: when its target was last well."""
        self.over = over if over is not None else []
        """When a target that had failed was first well again."""

    def passed(self, target: str, when: float, shown: float | None = None) -> None:
        """Note a success that began at ``when`` and had passed when it was ``shown``."""
        at = int(when)
        held = self.well.setdefault(target, [])
        if held and held[-1] < 0:
            if at < -held[-1]:
                return  # It came late: of a time before the failure.
            del held[-1]
            self.over.append(math.ceil(when if shown is None else shown))
        if not held or at > held[-1]:
            held.append(at)
            del held[:-_OKS]

    def failed(self, target: str, since: int, at: int) -> None:
        """Note a failure from ``since`` to ``at``."""
        held = self.well.setdefault(target, [])
        if held and held[-1] < 0:
            held[-1] = min(held[-1], -at)
            return
        before = [ok for ok in held if ok <= since]
        behind = [ok for ok in held if ok > at]
        if before:
            self.began[since] = before[-1]
        if behind:
            self.over.append(behind[0] + 1)
        else:
            held.append(-at)

    def last_ok(self, since: int) -> int | None:
        """Return when the target that first failed at ``since`` was last well; ``None`` where that is not known."""
        return self.began.get(since)

    def first_ok(self, after: int) -> int | None:
        """Return when a target that had failed was first well again after a time; ``None`` where that is not known."""
        return min((at for at in self.over if at > after), default=None)

    def says_nothing(self, after: int, before: int) -> bool:
        """Whether no success between two times is of what failed up to the first of them, as far as is known."""
        over = self.first_ok(after)
        return any(held[-1] < 0 for held in self.well.values()) if over is None else over >= before

    def forget(self, before: int) -> None:
        """Let go of what is older than a time."""
        self.began = {since: ok for since, ok in self.began.items() if since >= before}
        self.over = [at for at in self.over if at >= before]
        self.well = {target: held for target, held in self.well.items() if abs(held[-1]) >= before}
