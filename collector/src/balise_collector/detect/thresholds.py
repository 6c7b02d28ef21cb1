"""When a cell opens: the bound that keeps the promise, and the slower way in for a few of many.

The bound follows from the promise and not from a fit: R above c comes at most once in c bins where nothing is blocked,
a year has 105,120 of them, and a country's service is promised less than a tenth of a false incident a year. Its cells
share their homes' troubles, and are counted as COMMON independent ones. The slow rules rest on counting: how many
pairs, triples or fours of homes fall into lasting trouble of one service within the same minutes, once in a home and
month.
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
_PAIR: Final = (3, 6, 20, 37, 40)
"""Failing bins of each of two that began together, for so many witnesses, and more. Of twenty homes with a fault of up
to three hours a month each, two or three fall together in any year: only what outlasts such faults stands out."""
_CHAINS: Final = ((3, (3, 6, 6, 37, 40)), (4, (3, 6, 6, 12, 24)))
"""The same of three, and of four and more, that began within two hours of each other: a roll-out."""


def pair_bins(witnesses: int) -> int:
    """Return how many bins two troubles must last to open a cell of so many witnesses."""
    return _PAIR[bisect_left(_SIZES, witnesses)]


def chain_bins(witnesses: int) -> tuple[tuple[int, int], ...]:
    """Return how many troubles, begun one after another, open a cell of so many witnesses, and their least bins."""
    place = bisect_left(_SIZES, witnesses)
    return tuple((least, bins[place]) for least, bins in _CHAINS)
