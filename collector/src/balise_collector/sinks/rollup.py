"""Roll-ups: what the verdicts of five minutes or of an hour add up to, one cell at a time.

Pure. A window is always computed as a whole, from everything that is known of it, so that it comes out the same
however often and however late. Must not live here: which windows are due, reading, sending (streams.py).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from statistics import median

from balise_collector.conclude.history import settle
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.sinks.facts import CellFacts
from balise_collector.sinks.timings import TAILS

_Key = tuple[str, int, str, str, str, int, str, bool]


class _Sum:
    """What is added up of one cell."""

    def __init__(self) -> None:
        self.counts: Counter[VerdictState] = Counter()
        self.probes: set[str] = set()
        self.times: defaultdict[str, list[float]] = defaultdict(list)


class Window:
    """One window in the making; verdicts may be added in any order and in pieces."""

    def __init__(self) -> None:
        self._sums: dict[_Key, _Sum] = {}

    def add(self, verdict: Verdict, times: Mapping[str, float]) -> None:
        """Add one verdict with its measurement's times by field name, in their units."""
        network = verdict.network
        key = (
            network.country, network.asn, network.access.value, verdict.service, verdict.role.value, verdict.family,
            verdict.layer.value, verdict.reference,
        )  # fmt: skip
        held = self._sums.get(key)
        if held is None:
            held = self._sums[key] = _Sum()
        held.counts[verdict.state] += 1
        held.probes.add(verdict.probe)
        for name, value in times.items():
            held.times[name].append(value)

    def cells(self) -> list[CellFacts]:
        """Return every cell with what it adds up to."""
        found = []
        for key in sorted(self._sums):
            country, asn, access, service, role, family, layer, reference = key
            held = self._sums[key]
            found.append(
                CellFacts(
                    country=country,
                    asn=asn,
                    access=access,
                    service=service,
                    role=role,
                    family=family,
                    layer=layer,
                    reference=reference,
                    counts=dict(held.counts),
                    state=settle(held.counts) or VerdictState.INSUFFICIENT,
                    probes=len(held.probes),
                    times=_quantiles(held.times),
                )
            )
        return found


def _quantiles(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Return medians, and for some the 95th percentile (nearest rank)."""
    found: dict[str, float] = {}
    for name, values in times.items():
        found[f"{name}_median"] = float(median(values))
        if name in TAILS:
            found[f"{name}_p95"] = sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]
    return found
