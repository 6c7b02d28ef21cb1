"""What homes show where nothing is blocked: lone failures, and stretches of trouble; and what a block would show.

A verdict of blocking needs several dead trials over minutes beside controls that answered, so that chance alone makes
few; but those that there are come in stretches of one home. The first of a stretch is worth seven to nine nats, the
next one nearly nothing. Each probe's null prediction is a small hidden chain: clear, or in one of three kinds of
stretch. Pure. Must not live here: sums over moments and probes (evalue.py), when a cell opens (thresholds.py).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

Held = tuple[float, float, float]
"""Probability of being in each kind of stretch."""
CLEAR: Final[Held] = (0.0, 0.0, 0.0)


class Symbol(IntEnum):
    """What one bin of one probe shows."""

    OK = 0
    PARTIAL = 1
    """Some trials of a series failed and others did not."""
    FAIL = 2
    PROOF = 3
    """Failed, and shows what no server and no line at home can produce."""
    SILENT = 4
    """Nothing came where others of the provider were quiet as well."""
    SHARE = 5
    """Most attempts of a series failed and none beside it: chance makes it no oftener than a whole failure."""


Nats = tuple[float, float, float, float]
"""What something says for each sort of block (``BLOCK``), in nats."""


@dataclass(frozen=True, slots=True, eq=False)
class Null:
    """The chain of a home without a block; probabilities are per observed bin of five minutes."""

    enter: tuple[float, float, float]
    leave: tuple[float, float, float]
    shows: tuple[tuple[float, ...], ...]
    """Of each kind of stretch: what it shows, by symbol."""
    lone: tuple[float, ...]
    """What a clear home shows, by symbol."""


SERVICE: Final = Null(
    # Short trouble of a path; one service alone that fails at home for hours (once in a home and month); a lossy line.
    enter=(5e-5, 1e-4, 1e-3),
    leave=(0.25, 0.015, 0.08),
    # A path that loses a third of its packets shows a share of them now and then.
    shows=(
        (0.15, 0.15, 0.70, 1e-4, 1e-4, 0.05),
        (0.03, 0.05, 0.92, 1e-4, 1e-4, 0.03),
        (0.80, 0.15, 0.05, 1e-5, 1e-5, 0.05),
    ),
    lone=(1.0, 1.5e-3, 1e-4, 1e-5, 1e-4, 1e-4),
)
LINE: Final = Null(
    # Silence that silences.py lets pass has company in time and in share already; a subscriber's line that died.
    enter=(5e-4, 2e-4, 2e-4),
    leave=(0.25, 0.02, 0.02),
    shows=(
        (0.05, 0.03, 0.02, 1e-5, 0.90, 0.01),
        (0.01, 0.01, 0.03, 1e-5, 0.95, 0.01),
        (0.02, 0.03, 0.75, 1e-5, 0.20, 0.01),
    ),
    lone=(1.0, 1.5e-3, 1e-4, 1e-5, 1e-4, 1e-4),
)
BLOCK: Final = (
    (0.55, (0.04, 0.04, 0.92, 0.30, 0.90, 0.03)),
    (0.2, (0.20, 0.38, 0.42, 0.14, 0.42, 0.38)),
    (0.15, (0.45, 0.25, 0.30, 0.10, 0.30, 0.20)),
    (0.1, (0.77, 0.05, 0.05, 0.02, 0.05, 0.18)),
)
"""(weight, what a block shows by symbol): one that holds, a box that acts on three flows of four, one that comes and
goes, and a box on half of the flows, of which a look of two attempts sees nothing in three of four. A cell has either
partial failures or shares, in whose place they stand."""
MEMORY: Final = 2016
"""Bins (a week) for which a probe's own stretches are remembered, and for which the fleet's rate speaks beside them."""
STRETCHES: Final = 2.5e-4
"""Stretches of failures a bin that the fleet's homes are expected to have: seven in a hundred days."""
_SPOTS: Final = 3e-3
"""Stretches of partial failures a bin."""
_CALM: Final = 8e-4
"""Share of partial failures where two trials of a hundred fail."""
_CALM_BINS: Final = 100
"""Bins that this counts for beside what was seen."""
USUAL: Final = (1.0, 1.0)
"""The ratios of a probe of which nothing is known."""


class Learned:
    """When one probe's troubles began that came to nothing: whole failures, and partial ones; bins, oldest first."""

    __slots__ = ("failing", "partial")

    def __init__(self, failing: list[int] | None = None, partial: list[int] | None = None) -> None:
        """Begin with nothing."""
        self.failing = failing if failing is not None else []
        self.partial = partial if partial is not None else []

    def __eq__(self, other: object) -> bool:
        """Whether both have learned the same."""
        if not isinstance(other, Learned):
            return NotImplemented
        return (self.failing, self.partial) == (other.failing, other.partial)

    __hash__ = None  # type: ignore[assignment] # it changes

    def copy(self) -> Learned:
        """Return one that can be changed without changing this one."""
        return Learned(list(self.failing), list(self.partial))

    def add(self, bin_: int, *, failing: bool) -> None:
        """Note a trouble that began in a bin and came to nothing; what is older than MEMORY is let go."""
        held = self.failing if failing else self.partial
        held.append(bin_)
        while held[0] < bin_ - MEMORY:
            del held[0]

    def ratios(self, bin_: int, first: int) -> tuple[float, float]:
        """Return by which factor failures and partial failures are commoner here than in the fleet.

        Args:
            bin_: now.
            first: the first bin of the probe's history.
        """
        bins = min(MEMORY, max(0, bin_ - first)) + MEMORY
        failing = len(self.failing) - bisect_left(self.failing, bin_ - MEMORY)
        partial = len(self.partial) - bisect_left(self.partial, bin_ - MEMORY)
        return (
            (failing + STRETCHES * MEMORY) / (STRETCHES * bins),
            (partial + _SPOTS * MEMORY) / (_SPOTS * bins),
        )


@lru_cache(maxsize=4096)
def taken(null: Null, held: Held, symbol: Symbol, ratios: tuple[float, float]) -> tuple[Nats, Held]:
    """Return (nats for each sort of block, the stretches after it) of one bin; see ``predict`` and ``likelihoods``.

    Troubles resemble each other, and one that lasts comes to a rest: few are reckoned anew.
    """
    z, after = predict(null, held, symbol, ratios)
    return likelihoods(z, symbol), after


def predict(null: Null, held: Held, symbol: Symbol, ratios: tuple[float, float]) -> tuple[float, Held]:
    """Return (z, held): how likely the null found a symbol, and the stretches after it.

    Args:
        null: the kind of cell.
        held: before the bin.
        symbol: what the bin shows.
        ratios: learned of the probe.
    """
    failing, partial = ratios
    factor = (failing, failing, partial)
    free = 1.0 - sum(held)
    here = [
        held[s] * (1.0 - null.leave[s]) + free * min(0.2, null.enter[s] * factor[s]) for s in range(len(null.enter))
    ]
    shown = [here[s] * null.shows[s][symbol] for s in range(len(here))]
    z = sum(shown) + (1.0 - sum(here)) * _lone(null, symbol, ratios)
    return z, (shown[0] / z, shown[1] / z, shown[2] / z)


def _lone(null: Null, symbol: Symbol, ratios: tuple[float, float]) -> float:
    """Return what a clear home shows."""
    failing, partial = ratios
    fail = min(0.5, null.lone[Symbol.FAIL] * failing)
    some = min(0.4, null.lone[Symbol.PARTIAL] * partial)
    if symbol is Symbol.OK:
        return 1.0 - fail - some
    if symbol is Symbol.PARTIAL:
        return some
    return min(0.5, null.lone[symbol] * failing)


def noise(partial: int, bins: int) -> float:
    """Return the share of trials that fail, from the partial failures among so many bins of other targets.

    A series of three trials beside two controls that are well fails in two of them with 2 p^2 (1 - p)^3; whole failures
    are not counted, since a block of several services makes those too.
    """
    share = (partial + _CALM * _CALM_BINS) / (bins + _CALM_BINS)
    root = math.sqrt(share / 2.0)
    return min(0.5, root * (1.0 + 1.5 * root))


def drowned(nats: float, level: float, *, symbol: Symbol = Symbol.FAIL) -> float:
    """Return by how many nats noise of the minute takes from a first failure.

    A whole failure is p^3 (1 - p)^2 of its own, a partial one 2 p^2 (1 - p)^3, a share of a series of six after a look
    that failed is less than 15 p^5.
    """
    if symbol is Symbol.PARTIAL:
        by_noise = 2.0 * level**2 * (1.0 - level) ** 3
    elif symbol is Symbol.SHARE:
        by_noise = 15.0 * level**5
    else:
        symbol, by_noise = Symbol.FAIL, level**3 * (1.0 - level) ** 2
    return math.log1p(by_noise * math.exp(min(nats, 20.0)) / BLOCK[0][1][symbol])


def likelihoods(z: float, symbol: Symbol) -> Nats:
    """Return log P(symbol | block) / P(symbol | null) for each sort of block, in nats.

    A failure never speaks against a block: what fails in a bin may be told before the bin is over, and what comes later
    in it must not take that back.
    """
    floor = -math.inf if symbol is Symbol.OK else 0.0
    one, two, three, four = (max(floor, math.log(shows[symbol] / z)) for _, shows in BLOCK)
    return one, two, three, four
