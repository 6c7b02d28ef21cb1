"""Which share of the connections a mechanism of an incident acts on, from series of which not all failed. Pure.

Must not live here: what one series tells (experiments/), rates of transfers (rates.py), words.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from balise_collector.detect.model import Note
from balise_collector.experiments import RULES
from balise_collector.incidents.model import FlowShare
from balise_collector.judge.verdict import Flows
from balise_wire.mechanisms import Mechanism

_STEPS: Final = 100
_SURE: Final = 1.92
"""Nats below the likeliest share that end its interval: half of the 95 % quantile of chi squared with one degree
(Wilks 1938)."""


def flow_shares(notes: Iterable[Note]) -> dict[Mechanism, FlowShare]:
    """Return which share of the connections each mechanism acts on; none where every series failed as a whole."""
    held: defaultdict[Mechanism, list[Flows]] = defaultdict(list)
    for note in notes:
        mechanism = getattr(RULES.get(note.rule), "mechanism", None)
        if note.flows is not None and mechanism is not None:
            held[mechanism].append(note.flows)
    return {
        mechanism: _share(series) for mechanism, series in held.items() if any(one.failed < one.tried for one in series)
    }


def _share(series: Sequence[Flows]) -> FlowShare:
    """Return the likeliest share and its interval.

    A series of which few failed told of nothing and is not among these: each is drawn from a binomial distribution that
    is cut off below its ``least``.
    """
    nats = [sum(_log_likelihood(one, step / _STEPS) for one in series) for step in range(1, _STEPS)]
    most = max(nats)
    inside = [step for step, each in enumerate(nats, start=1) if each >= most - _SURE]
    return FlowShare(
        share=(nats.index(most) + 1) / _STEPS, low=inside[0] / _STEPS, high=inside[-1] / _STEPS, series=len(series)
    )


def _log_likelihood(one: Flows, share: float) -> float:
    """Return log P(failed | share, at least ``least`` failed)."""
    told = [_binomial(k, one.tried, share) for k in range(one.least, one.tried + 1)]
    return math.log(_binomial(one.failed, one.tried, share) / sum(told))


def _binomial(failed: int, tried: int, share: float) -> float:
    return math.comb(tried, failed) * share**failed * (1.0 - share) ** (tried - failed)
