"""What a walk over a cell's bins needs to go on: chains, spans of trouble, the open episode. State only.

Must not live here: the walk (cell_walk.py), or what people may know of an episode (episodes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from balise_collector.detect.evalue import Mark
from balise_collector.detect.stretches import CLEAR, Held, Learned, Symbol


@dataclass(slots=True)
class Chain:
    """What one probe's bins say since the cell grew restless."""

    held: Held = CLEAR
    marks: list[Mark] = field(default_factory=list)

    def copy(self) -> Chain:
        """Return a chain that can be walked on without changing this one."""
        return Chain(self.held, list(self.marks))


@dataclass(slots=True)
class Span:
    """How one probe does inside an episode, or on the way to one."""

    last_ok: int | None
    first_fail: int
    last_fail: int
    last_fail_bin: int
    first_ok: int | None = None
    calm: int = 0
    """Successes since the last failure, in bins."""
    lull: int = 0
    """The longest such calm after which it failed again."""
    failing: int = 0
    observed: int = 0
    row: int = 0
    """Failing bins without a success between, up to the last."""
    longest: int = 0
    """The longest such row."""
    hard: int = 0
    """Bins of whole failure, or of a share beside controls that lost nothing; not of partial failure or silence."""
    last_hard: int = -1
    """Bin of the newest of them."""
    surprise: float = 0.0
    """Nats of the first."""
    symbol: Symbol = Symbol.FAIL
    """What the first showed."""
    initial: bool = False
    """It was among those that opened the episode."""
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
    shared: bool = True
    """Two witnesses opened it; else it is one witness's word, and what others see stays beside it."""
    closed_bin: int | None = None
    reopened: int = 0

    def copy(self) -> OpenEpisode:
        """Return an episode that can be walked on without changing this one."""
        return replace(self, spans=_copies(self.spans))


@dataclass(slots=True)
class WalkState:
    """Everything the walk needs to go on from a bin."""

    next_bin: int = 0
    chains: dict[int, Chain] = field(default_factory=dict)
    """By index of the series; none while the cell is quiet."""
    spans: dict[int, Span] = field(default_factory=dict)
    """Spans outside an open episode."""
    last_ok: dict[int, int] = field(default_factory=dict)
    last_seen: dict[int, int] = field(default_factory=dict)
    """Bin of each series' newest observation."""
    learned: dict[int, Learned] = field(default_factory=dict)
    current: OpenEpisode | None = None
    done: list[OpenEpisode] = field(default_factory=list)

    @property
    def restless(self) -> bool:
        """Whether any trouble is under way, or an episode may still change."""
        return bool(self.spans) or self.current is not None

    def copy(self) -> WalkState:
        """Return a state that can be walked on without changing this one."""
        return replace(
            self,
            chains={index: chain.copy() for index, chain in self.chains.items()},
            spans=_copies(self.spans),
            last_ok=dict(self.last_ok),
            last_seen=dict(self.last_seen),
            learned={index: one.copy() for index, one in self.learned.items()},
            current=None if self.current is None else self.current.copy(),
            done=[found.copy() for found in self.done],
        )


def _copies(spans: Mapping[int, Span]) -> dict[int, Span]:
    """Return spans that can be walked on without changing these."""
    return {index: replace(span, rules=dict(span.rules)) for index, span in spans.items()}
