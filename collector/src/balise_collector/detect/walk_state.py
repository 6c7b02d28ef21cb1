"""What a walk over a cell's bins needs to go on: sums, spans of trouble, the open episode. State only.

Must not live here: the walk (cell_walk.py), or what people may know of an episode (episodes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(slots=True)
class Span:
    """How one probe does inside an episode, or on the way to one."""

    last_ok: int | None
    first_fail: int
    last_fail: int
    last_fail_bin: int
    first_ok: int | None = None
    calm: int = 0
    failing: int = 0
    observed: int = 0
    seen_ok_before: bool = False
    rules: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class OpenEpisode:
    """The episode that is open, or was closed so lately that it may come back."""

    opened_bin: int
    score: float
    needed: float
    standing: bool
    spans: dict[int, Span]
    closed_bin: int | None = None
    reopened: int = 0

    def copy(self) -> OpenEpisode:
        """Return an episode that can be walked on without changing this one."""
        return replace(self, spans=_copies(self.spans))


@dataclass(slots=True)
class WalkState:
    """Everything the walk needs to go on from a bin."""

    next_bin: int = 0
    totals: dict[int, float] = field(default_factory=dict)
    """W by index of the series; absent is 0."""
    spans: dict[int, Span] = field(default_factory=dict)
    """Spans of probes with W > 0 outside an open episode."""
    last_ok: dict[int, int] = field(default_factory=dict)
    last_seen: dict[int, int] = field(default_factory=dict)
    """Bin of each series' newest observation."""
    quiet: int = 0
    """Observed bins outside episodes."""
    noise: int = 0
    """Failing bins outside episodes that came to nothing."""
    current: OpenEpisode | None = None
    done: list[OpenEpisode] = field(default_factory=list)

    def copy(self) -> WalkState:
        """Return a state that can be walked on without changing this one."""
        return replace(
            self,
            totals=dict(self.totals),
            spans=_copies(self.spans),
            last_ok=dict(self.last_ok),
            last_seen=dict(self.last_seen),
            current=None if self.current is None else self.current.copy(),
            done=[found.copy() for found in self.done],
        )


def _copies(spans: Mapping[int, Span]) -> dict[int, Span]:
    """Return spans that can be walked on without changing these."""
    return {index: replace(span, rules=dict(span.rules)) for index, span in spans.items()}
