"""What may be told together: measurements in groups of at least k probes, so that no difference of two answers is less.

k in each window is not enough: two windows that overlap, or a window and the bins within it, subtract to what lies
between, and that may be one probe. So everything public is a sum of *groups* that are made once: a bin of five minutes
that k probes measured is one; what is left of a quarter of an hour is one where it comes from k probes; then what is
left of an hour, and so on, each width a multiple of the one before and on boundaries of its own. Whatever two answers
differ by is then whole groups. Pure. Must not live here: SQL, places, what else is left out (filter.py).
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from balise_wire.bins import BIN

WINDOW: Final = 900
"""Seconds of the window that a matrix and an answer speak of."""
WIDTHS: Final = (BIN, WINDOW, 3600, 7200, 21_600, 86_400)
"""Seconds of a group, each a multiple of the one before."""
ALONE: Final = 2
"""Witnesses below which trouble is what one alone met (incidents/model.py says the same of incidents)."""
What = TypeVar("What")


class SeenRow(NamedTuple, Generic[What]):
    """One measurement, or several alike: when, by whom, and what the caller wants of it."""

    at: float
    """UNIX seconds."""
    witness: Hashable
    """Who measured; k counts these."""
    what: What


def told_together(
    rows: Iterable[SeenRow[What]],
    width: int,
    least: int,
    amiss: Callable[[What], bool] = lambda _: False,
    untold: Callable[[What], What] = lambda what: what,
) -> list[SeenRow[What]]:
    """Return the rows of one place that may be told, in no particular order.

    Args:
        rows: of whole bins of ``width``; a bin that is still filling would grow between two answers.
        width: one of WIDTHS; groups up to this width count.
        least: k.
        amiss: tells whether a row speaks of trouble. What fewer than ALONE witnesses of a group met is not told, and
            since that is decided within its group, every answer says the same of it.
        untold: makes of such a row what is told in its place.
    """
    told: list[SeenRow[What]] = []
    left = list(rows)
    for wide in WIDTHS[: WIDTHS.index(width) + 1]:
        bins: defaultdict[int, list[SeenRow[What]]] = defaultdict(list)
        for row in left:
            bins[int(row.at // wide)].append(row)
        left = []
        for held in bins.values():
            if len({row.witness for row in held}) < least:
                left.extend(held)
            elif 0 < len({row.witness for row in held if amiss(row.what)}) < ALONE:
                told.extend(row._replace(what=untold(row.what)) if amiss(row.what) else row for row in held)
            else:
                told.extend(held)
    return told


def width_for(seconds: float, most: int) -> int:
    """Return the smallest width at which ``seconds`` take at most ``most`` columns; beyond the widest, whole days."""
    found = next((width for width in WIDTHS if seconds <= width * most), None)
    return found or WIDTHS[-1] * -(-int(seconds) // (WIDTHS[-1] * most))
