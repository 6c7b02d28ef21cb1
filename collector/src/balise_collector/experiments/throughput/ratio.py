"""The ratio of two rates from pairs of transfers, with its interval. Pure.

Lives here: a robust t interval of the logarithms (detectors.md 2.8). Must not live here: which trials make a pair
(facts.py), what a ratio means (rules.py).
"""

import math
import statistics
from collections.abc import Sequence
from typing import Final, NamedTuple

_T: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t, two-sided 95 %, by degrees of freedom from 1 on."""
_T_MANY: Final = 2.228
_LEAST_SPREAD: Final = 0.05
"""Pairs that agree better than this agree by chance: rates are known to five per cent."""
_CLIPPED: Final = 3.0
"""Deviations of the median beyond so many of its own spreads are drawn in: one fade does not decide."""
_NORMAL: Final = 1.4826
"""Median absolute deviation to standard deviation (Rousseeuw and Croux 1993)."""
LEAST_RATIO: Final = 0.001
"""What a transfer that stopped counts as."""


class Ratio(NamedTuple):
    """Subject over control."""

    ratio: float
    low: float
    high: float
    """95 % interval; of one pair it is no interval, and all there is."""
    pairs: int


def ratio_of(ratios: Sequence[float]) -> Ratio | None:
    """Return the geometric mean of ratios with its 95 % interval; ``None`` without any."""
    if not ratios:
        return None
    logs = [math.log(max(one, LEAST_RATIO)) for one in ratios]
    if len(logs) == 1:
        return Ratio(math.exp(logs[0]), 0.0, math.inf, 1)
    middle = statistics.median(logs)
    spread = max(_NORMAL * statistics.median(abs(one - middle) for one in logs), 3 * _LEAST_SPREAD)
    drawn = [min(max(one, middle - _CLIPPED * spread), middle + _CLIPPED * spread) for one in logs]
    mean, deviation = statistics.fmean(drawn), max(statistics.stdev(drawn), _LEAST_SPREAD)
    factor = _T[len(drawn) - 2] if len(drawn) - 2 < len(_T) else _T_MANY
    half = factor * deviation / math.sqrt(len(drawn))
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half), len(drawn))
