"""When a cell opens: the bound that keeps the promise, and the slower way in for a few of many.

The bound follows from the promise and not from a fit: R above c comes at most once in c bins where nothing is blocked,
a year has 105,120 of them, and a country's service is promised less than a tenth of a false incident a year. Its cells
share their homes' troubles, and are counted as COMMON independent ones. The slow rules rest on counting: how many pairs
or triples of homes fall into lasting trouble of one service within the same minutes, once in a home and month.
"""

import math
from bisect import bisect_left
from typing import Final

PROMISE: Final = 0.1
"""False incidents a (country, service) and year."""
YEAR: Final = 105_120
"""Bins."""
COMMON: Final = 2.0
"""Independent cells that a service's cells amount to, as far as false alarms go."""
BOUND: Final = math.log(YEAR / PROMISE * COMMON)
"""log R from which on a cell opens: 14.6 nats."""
ALONE: Final = 7.0
"""Nats from which on the only witness of a cell opens it, unconfirmed, with its second failing bin."""
HABIT: Final = 4.5
"""By which factor its lone whole failures are commoner than the fleet's where a probe bears no witness: five beginnings
in a week, or three in three days. A home's fault a month makes that in one week of five hundred; who lies each day is
found out on the third."""
SURPRISE: Final = 6.5
"""Nats of a stretch's first failing bin below which it is this home's habit: nothing rests on it alone."""
_SIZES: Final = (3, 5, 10, 20)
_PAIR: Final = (3, 6, 20, 30, 36)
"""Failing bins of each of two that began together, for so many witnesses, and more."""
_TRIPLE: Final = (3, 6, 6, 12, 24)
"""The same of three that began within two hours of each other: a roll-out."""
TRIPLE: Final = 3


def pair_bins(witnesses: int) -> int:
    """Return how many bins two troubles must last to open a cell of so many witnesses."""
    return _PAIR[bisect_left(_SIZES, witnesses)]


def triple_bins(witnesses: int) -> int:
    """Return how many bins three troubles must last to open a cell of so many witnesses."""
    return _TRIPLE[bisect_left(_SIZES, witnesses)]
