"""When a cell opens: h(N), and the slower way in for two probes among many.

Fitted by tests/collector/detect/simulation.py (2 % noise, one local fault of twenty minutes a probe and day, of which
the controls miss a tenth) to about 0.1 false alarms a cell and year. Two of many saturate together by chance some times
a year, whenever two homes have their bad twenty minutes at once (two saturated probes reach 15.59); a third that fails
for no reason then lifts any low threshold. So two of more than three must outlast such a fault, and three must mean it.
"""

from bisect import bisect_right
from typing import Final

_STEPS: Final = ((1, 7.0), (2, 13.0), (3, 13.5), (5, 14.3), (6, 17.6), (15, 20.5))
"""(least N, h). One probe alone saturates at 7.8 and opens ``unconfirmed`` at most; two are enough up to N = 3."""
_LEAST: Final = tuple(n for n, _ in _STEPS)
LASTING: Final = 6
"""Failing bins after which a probe's trouble has outlasted an ordinary local fault: half an hour."""
_FEW: Final = 3
"""Up to so many probes in a cell two of them are a quorum; above, three are."""


def threshold(probes: int) -> float:
    """Return h(N) in nats for a cell of ``probes`` >= 1 probes."""
    return _STEPS[max(0, bisect_right(_LEAST, probes) - 1)][1]


def opens(probes: int, score: float, failing: int, lasting: int) -> bool:
    """Tell whether a cell opens.

    Args:
        probes: N, probes seen within a day.
        score: the mixture statistic G, in nats.
        failing: distinct hosts that failed within the last 15 minutes.
        lasting: those of them that are saturated and have failed for LASTING bins or more.
    """
    if failing < min(2, probes):
        return False
    quorum = failing >= _FEW or probes <= _FEW
    return (quorum and score > threshold(probes)) or lasting >= 2
