"""Who takes part in a walk: the probes' histories, the codes, which probes belong together, and the noise around."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from balise_collector.detect.cell import CellHistory, segments
from balise_collector.detect.evalue import WELL, Mark
from balise_collector.detect.evidence import Code, Severity, blind
from balise_collector.detect.stretches import SERVICE, Null
from balise_wire.bins import BIN


def _calm(_series: CellHistory, _bin: int) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Participants:
    """Who takes part in a walk."""

    series: Sequence[CellHistory]
    codes: Sequence[Code]
    operators: Mapping[str, str]
    severity: Sequence[int]
    null: Null = SERVICE
    noise: Callable[[CellHistory, int], float] = _calm
    """Share of trials that failed at the other services' targets of a probe's provider in the minutes before a bin."""

    def operator(self, index: int) -> str:
        """Return who runs a probe; each its own where nothing is known."""
        probe = self.series[index].probe
        return self.operators.get(probe, probe)

    def blind(self, failing: Iterable[int]) -> frozenset[int]:
        """Return the codes of successes that look at nothing of what fails, given its codes."""
        return blind(self.codes, {m for code in failing if (m := self.codes[code].mechanism) is not None})

    def well(self, index: int, after: int, before: int, but: Container[int] = ()) -> list[Mark]:
        """Return the successes of a probe in no trouble.

        Args:
            index: of the probe.
            after: bin after which they count.
            before: bin before which they count.
            but: codes that say nothing of what is looked for.
        """
        return [
            Mark(bin_ * BIN, fails=False, nats=WELL)
            for segment in segments(self.series[index].list(after + 1, before), self.severity)
            if self.severity[segment.code] == Severity.OK and segment.code not in but
            for bin_ in range(max(after + 1, segment.first_bin), min(before - 1, segment.last_bin) + 1)
        ]

    def hosts(self, indexes: Iterable[int]) -> int:
        """Count witnesses: one person's three boards are one."""
        return len({self.operator(index) for index in indexes})
