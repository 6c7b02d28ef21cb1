"""When a cell opens: h(N), who counts towards it, and the slower way in for two probes among more.

Fitted by tests/collector/detect/simulation.py (2 % noise, one local fault of twenty minutes a probe and day, of which
the controls miss a tenth) to less than 0.1 false alarms a cell and year; docs/detectors.md has the figures. Two probes
saturate together by chance whenever two homes have their bad twenty minutes at once: they reach 15.59, more than three
blocked probes have after ten minutes, so that no threshold tells them apart. Where there are more than these two, they
must outlast such a fault, or a third must fail with them, and more than once: a single failure is noise.
"""

from bisect import bisect_right
from typing import Final

_STEPS: Final = ((1, 7.0), (2, 13.0), (3, 13.5), (5, 14.3), (6, 17.6), (15, 22.5))
"""(least N, h). One probe alone saturates at 7.8 and opens ``unconfirmed`` at most."""
_LEAST: Final = tuple(n for n, _ in _STEPS)
FIRM: Final = 2
"""Failing bins from which on a probe counts towards the three of a quorum."""
_QUORUM: Final = 3
PAIR: Final = 2
"""Up to so many witnesses in a cell all of them are a quorum."""


def threshold(probes: int) -> float:
    """Return h(N) in nats for a cell of ``probes`` >= 1 probes."""
    return _STEPS[max(0, bisect_right(_LEAST, probes) - 1)][1]


def lasting_bins(probes: int) -> int:
    """Return the failing bins after which a probe's trouble has outlasted an ordinary local fault.

    Half an hour; among three, of whom few pairs can be made, one bin more than such a fault has.
    """
    return 5 if probes <= _QUORUM else 6


def opens(probes: int, score: float, failing: int, firm: int, lasting: int) -> bool:
    """Tell whether a cell opens.

    Args:
        probes: N, probes seen within a day.
        score: the mixture statistic G, in nats.
        failing: distinct hosts that failed within the last 15 minutes.
        firm: those of them that have failed for FIRM bins or more.
        lasting: those of them that are saturated and have failed for ``lasting_bins`` or more.
    """
    if failing < min(2, probes):
        return False
    quorum = firm >= _QUORUM or probes <= PAIR
    return (quorum and score > threshold(probes)) or lasting >= PAIR
