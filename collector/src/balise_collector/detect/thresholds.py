"""h(N): above which a cell opens, by the number of probes in it.

Fitted by tests/collector/detect/simulation.py (ordinary local faults, 2 % noise): at most 0.1 false alarms a series and
year, and two affected probes of any number must be able to open: two saturated probes reach 15.59, so h stays below.
"""

from bisect import bisect_right
from typing import Final

_STEPS: Final = ((1, 7.0), (2, 12.0), (3, 12.5), (4, 13.5), (5, 14.0), (7, 15.0), (10, 15.5))
"""(least N, h). One probe alone saturates at 7.8 and opens ``unconfirmed`` at most."""
_LEAST: Final = tuple(n for n, _ in _STEPS)


def threshold(probes: int) -> float:
    """Return h(N) in nats for a cell of ``probes`` >= 1 probes."""
    return _STEPS[max(0, bisect_right(_LEAST, probes) - 1)][1]
