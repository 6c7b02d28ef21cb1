"""The sum over probes of which an unknown fraction is affected (Xie and Siegmund 2013; attribution.md 2.3)."""

import math
from collections.abc import Iterable
from typing import Final

PHI: Final = 0.3
"""Assumed fraction of affected probes. One saturated liar adds log(1 - phi + phi e^9) = 7.8 nats and no more."""


def share(total: float) -> float:
    """Return log(1 - phi + phi e^W), the part of one probe, in nats; 0 for W = 0."""
    return math.log1p(PHI * math.expm1(total))


def mixture(totals: Iterable[float]) -> float:
    """Return G, the statistic of a cell, in nats."""
    return sum(share(total) for total in totals if total > 0.0)
