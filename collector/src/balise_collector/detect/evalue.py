"""The e-detector's statistic: a Shiryaev-Roberts sum over the moments at which a block can have begun. Pure.

R = sum over moments b of the mean over (theta, phi) of prod over witnesses (1 - phi + phi exp min(MOST, S_i(b))), where
S_i(b) sums a witness's log likelihood ratios since b (Shin, Ramdas and Rinaldo 2023; Xie and Siegmund 2013). Where
nothing is blocked, R minus the bins that have passed is a supermartingale, so that R above c comes once in c bins at
most, whatever the number of probes (Ville). Must not live here: what a bin is worth (stretches.py), or the bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from balise_collector.detect.stretches import BLOCK, Nats, Symbol, likelihoods
from balise_wire.bins import BIN

WINDOW: Final = 36
"""Bins (three hours) of which each is kept; an older part of a stretch counts as one, at its beginning."""
SLACK: Final = 60
"""Seconds by which two may miss each other and still tell one moment: clocks and rounding."""
MOST: Final = 9.5
"""Nats that one witness can bring: a faulty or hostile probe has bounded influence."""
_LARGE: Final = 1e100
_NONE: Final[Nats] = (0.0, 0.0, 0.0, 0.0)
SHARES: Final = (0.2, 0.5, 0.9)
"""phi: how many of the witnesses a block may reach."""


UNSEEN: Final = math.log(1.0 - 0.5 * BLOCK[0][1][Symbol.FAIL])
"""What it says, in nats, that a probe which is heard has told of nothing since a moment: every second one would have
failed by then. Without it the two of many whose noise came first would speak for all of them."""
WELL: Final = likelihoods(1.0, Symbol.OK)
"""What a success of a home in no trouble says, in nats."""


class Mark(NamedTuple):
    """One observed bin of one probe, in nats for each sort of block."""

    at: int
    """UNIX seconds: of a row of failures the first failing trial, else the beginning of the bin."""
    fails: bool
    nats: Nats


class Statistic(NamedTuple):
    """What the sum came to."""

    score: float
    """log R, in nats; minus infinity where there is nothing to add up."""
    begun: int
    """The likeliest beginning, UNIX seconds."""
    parts: Mapping[int, float]
    """Nats of each probe since then, for the sort of block that is likeliest then."""


NOTHING: Final = Statistic(-math.inf, 0, {})


def statistic(marks: Mapping[int, Sequence[Mark]], witness: Mapping[int, str]) -> Statistic:
    """Return the statistic of a cell.

    Args:
        marks: by probe, oldest first.
        witness: whom each probe counts as: several boards of one person bring the most of one of them.
    """
    moments = sorted({begin for held in marks.values() for begin in beginnings(held)})
    if not moments:
        return NOTHING
    sums = {index: _since(held, moments) for index, held in marks.items()}
    who: dict[str, list[int]] = {}
    for index in marks:
        who.setdefault(witness[index], []).append(index)
    best, place, sort, logs = -math.inf, 0, 0, list[float]()
    for number in range(len(moments)):
        boards = [[sums[index][number] for index in ours] for ours in who.values()]
        if sum(min(MOST, max(max(board) for board in ours)) for ours in boards if ours) < best:
            continue  # It cannot add anything: what it could reach at most is less than what another has.
        by_sort = _mean(boards)
        one = _log_sum(by_sort)
        logs.append(one)
        if one > best:
            best, place, sort = one, number, by_sort.index(max(by_sort))
    return Statistic(_log_sum(logs), moments[place], {index: held[place][sort] for index, held in sums.items()})


def beginnings(held: Sequence[Mark]) -> Iterable[int]:
    """Return when rows of failures begin: within one the sum of its probe only falls."""
    before = False
    for mark in held:
        if mark.fails and not before:
            yield mark.at
        before = mark.fails


def _since(held: Sequence[Mark], moments: Sequence[int]) -> list[Nats]:
    """Return one probe's sums since each moment.

    Of a success only its bin is known: it counts with the share of the bin (up to the failure after it) that lies
    behind the moment. Of who was not seen since, it counts that he might have been.
    """
    found: list[Nats] = []
    place, total, upper = len(held) - 1, _NONE, 0
    for moment in reversed(moments):
        while place >= 0 and held[place].at >= (moment - SLACK if held[place].fails else moment):
            total = _added(total, held[place].nats)
            upper = held[place].at
            place -= 1
        unseen = UNSEEN if place == len(held) - 1 else 0.0
        rest = held[place] if place >= 0 else None
        if rest is None or rest.fails or rest.at + BIN <= moment:
            found.append(_added(total, (unseen, unseen, unseen, unseen)))
            continue
        end = min(rest.at + BIN, upper) if upper > rest.at else rest.at + BIN
        share = max(0.0, end - moment) / (end - rest.at)
        one, two, three, four = (math.log((1.0 - share) * math.exp(unseen) + share * math.exp(n)) for n in rest.nats)
        found.append(_added(total, (one, two, three, four)))
    found.reverse()
    return found


def _added(a: Nats, b: Nats) -> Nats:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def _mean(witnesses: Sequence[Sequence[Nats]]) -> list[float]:
    """Return the log of each sort of block's part of the mean over sorts and shares, for one moment."""
    most = [boards[0] if len(boards) == 1 else _most(boards) for boards in witnesses]
    logs = list[float]()
    for sort, (weight, _) in enumerate(BLOCK):
        product = [weight / len(SHARES)] * len(SHARES)
        scale = 0.0
        for nats in most:
            value = nats[sort]
            ratio = math.exp(min(MOST, value)) - 1.0
            product = [one * (1.0 + share * ratio) for one, share in zip(product, SHARES, strict=True)]
            if product[-1] > _LARGE:
                product, scale = [one / _LARGE for one in product], scale + math.log(_LARGE)
        logs.append(scale + math.log(sum(product)))
    return logs


def _most(boards: Sequence[Nats]) -> Nats:
    """Return the most of one person's boards, for each sort of block."""
    one, two, three, four = (max(board[sort] for board in boards) for sort in range(len(BLOCK)))
    return one, two, three, four


def _log_sum(logs: Sequence[float]) -> float:
    """Return log sum exp."""
    top = max(logs)
    return top + math.log(sum(math.exp(one - top) for one in logs))
