"""How fast slowed transfers of an incident were: by mechanism, and whether providers agree. Pure.

Convergence of several providers to one rate is what a common order looks like, and no line's own doing (Russia 2021:
130 to 150 kb/s everywhere). Must not live here: one measurement's ratio (experiments/throughput/), words.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from balise_collector.detect.model import Note
from balise_collector.experiments import RULES
from balise_collector.incidents.model import RateShare
from balise_collector.judge.verdict import RateRatio
from balise_wire.mechanisms import Mechanism

CONVERGED: Final = 0.1
"""Coefficient of variation of providers' rates below which they are one rate (detectors.md 2.8)."""
LEAST_PROVIDERS: Final = 2


def rate_shares(notes: Iterable[Note], providers: Mapping[str, int]) -> dict[Mechanism, RateShare]:
    """Return how fast each mechanism let transfers be.

    Args:
        notes: failing verdicts.
        providers: autonomous system of each probe that counts; notes of others are left out.
    """
    held: defaultdict[Mechanism, dict[str, list[RateRatio]]] = defaultdict(lambda: defaultdict(list))
    for note in notes:
        mechanism = getattr(RULES.get(note.rule), "mechanism", None)
        if note.rate is not None and mechanism is not None and note.probe in providers:
            held[mechanism][note.probe].append(note.rate)
    return {mechanism: _share(by_probe, providers) for mechanism, by_probe in held.items()}


def spread(rates: Mapping[int, Sequence[float]]) -> float | None:
    """Return the coefficient of variation of providers' median rates; ``None`` of fewer than two providers."""
    medians = [statistics.median(each) for each in rates.values() if each]
    if len(medians) < LEAST_PROVIDERS:
        return None
    mean = statistics.fmean(medians)
    return statistics.stdev(medians) / mean if mean > 0.0 else None


def by_provider(notes: Iterable[Note], providers: Mapping[str, int]) -> dict[int, list[float]]:
    """Return the rates that slowed transfers had on each provider, kilobits a second."""
    found: dict[int, list[float]] = {}
    for note in notes:
        if note.rate is not None and note.probe in providers:
            found.setdefault(providers[note.probe], []).append(note.rate.kbps)
    return found


def _share(by_probe: Mapping[str, Sequence[RateRatio]], providers: Mapping[str, int]) -> RateShare:
    """Return what probes say together, each with one voice."""
    every = [one for rates in by_probe.values() for one in rates]
    medians = [statistics.median(one.kbps for one in rates) for rates in by_probe.values()]
    lows = [one.low for one in every if one.low is not None]
    highs = [one.high for one in every if one.high is not None]
    rates = {asn: [m for probe, m in zip(by_probe, medians, strict=True) if providers[probe] == asn]
             for asn in {providers[probe] for probe in by_probe}}  # fmt: skip
    found = spread(rates)
    return RateShare(
        ratio=round(math.exp(statistics.median(math.log(max(one.ratio, 1e-3)) for one in every)), 4),
        low=round(statistics.median(lows), 4) if lows else None,
        high=round(statistics.median(highs), 4) if highs else None,
        kbps=round(statistics.median(medians), 1),
        least_kbps=round(min(medians), 1),
        most_kbps=round(max(medians), 1),
        control_kbps=round(statistics.median(one.control_kbps for one in every), 1),
        up=all(one.up for one in every),
        spread=None if found is None else round(found, 4),
    )
