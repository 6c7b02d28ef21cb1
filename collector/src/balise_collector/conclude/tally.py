"""Counts per five minutes, packed into one integer: a whole day of them adds, shifts and compares in one operation.

A million verdicts of a day fall into some thousand series of 288 bins. Python walks 300,000 counters in half a second;
an integer of 288 fields of 32 bits it adds in a microsecond. Lives here: the packing, cutting a window out of days, and
holding what was said last. Pure. Must not live here: SQL (store.py), or what states mean (pages/history.py).
"""

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

import msgspec

from balise_wire.bins import BIN

DAY: Final = 86_400
BINS: Final = DAY // BIN
"""Bins of a day."""
_BITS: Final = 32
"""Bits of one count. Half of them are never reached: 2**31 verdicts of one series in five minutes."""
_FIELD: Final = (1 << _BITS) - 1

Packed = int
"""Counts of consecutive bins, the first in the lowest 32 bits."""


class TallyPlace(NamedTuple):
    """Where a bin is kept: its day since 1970 (UTC), and its number in that day."""

    day: int
    bin: int


class TallySeries(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one part of a service on one provider was seen to be, bin by bin."""

    country: str
    asn: int
    reference: bool
    service: str
    role: str
    layer: str
    counts: dict[str, Packed]
    """State -> verdicts per bin of the window asked for."""


def place_of(at: float) -> TallyPlace:
    """Return the bin in which a moment (UNIX seconds) lies."""
    whole = int(at // BIN)
    return TallyPlace(whole // BINS, whole % BINS)


def pack(counts: Mapping[int, int]) -> Packed:
    """Pack counts by their bin (0 or higher); no count may be negative."""
    return sum(count << (_BITS * place) for place, count in counts.items())


def unpack(packed: Packed, columns: int) -> Sequence[int]:
    """Return the counts of ``columns`` bins."""
    counts = array("I")
    if counts.itemsize * 8 != _BITS:  # a platform whose C int is not 32 bits wide
        return [(packed >> (_BITS * column)) & _FIELD for column in range(columns)]
    counts.frombytes(packed.to_bytes(columns * counts.itemsize, "little"))
    if sys.byteorder == "big":
        counts.byteswap()
    return counts


def to_bytes(packed: Packed) -> bytes:
    """Return counts as they are kept: little end first, without the empty bins at the end."""
    return packed.to_bytes((packed.bit_length() + 7) // 8, "little")


def from_bytes(kept: bytes) -> Packed:
    """Return what ``to_bytes`` kept."""
    return int.from_bytes(kept, "little")


def window(packed: Packed, day: int, since: float, columns: int) -> Packed:
    """Cut ``columns`` bins from ``since`` (a multiple of BIN) on out of the counts of one day; what is outside is 0."""
    offset = day * BINS - int(since // BIN)
    moved = packed << (_BITS * offset) if offset >= 0 else packed >> (_BITS * -offset)
    return moved & _all(columns)


def held(counts: Mapping[str, Packed], columns: int, most: int) -> dict[str, Packed]:
    """Return counts in which a bin without any takes those of the nearest one before it, ``most`` bins back at most."""
    total = sum(counts.values())
    # A count below 2**31 carries into its field's top bit exactly if it is not 0.
    flags = ((total + _ones(columns) * (_FIELD >> 1)) >> (_BITS - 1)) & _ones(columns)
    unmeasured = _all(columns) ^ (flags * _FIELD)
    shown, free, carried = dict(counts), unmeasured, dict(counts)
    for _ in range(most):
        carried = {state: (packed << _BITS) & free for state, packed in carried.items()}
        shown = {state: packed + carried[state] for state, packed in shown.items()}
    return shown


def add(many: Iterable[Mapping[str, Packed]]) -> dict[str, Packed]:
    """Add counts bin by bin."""
    total: dict[str, Packed] = {}
    for counts in many:
        for state, packed in counts.items():
            total[state] = total.get(state, 0) + packed
    return total


@cache
def _ones(columns: int) -> Packed:
    """Return 1 in every field."""
    return sum(1 << (_BITS * column) for column in range(columns))


@cache
def _all(columns: int) -> Packed:
    """Return every bit of every field."""
    return (1 << (_BITS * columns)) - 1
