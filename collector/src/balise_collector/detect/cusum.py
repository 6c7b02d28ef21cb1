"""The per-probe sum: W <- min(9, max(0, W + lambda)) (Page 1954; attribution.md 2.2). Silence leaves it as it is."""

from typing import Final

MOST: Final = 9.0
"""Where W saturates: after three full verdicts a probe has said all it can, and recovery is not slow."""


def step(total: float, weight: float) -> float:
    """Return W after one observed bin."""
    return min(MOST, max(0.0, total + weight))
