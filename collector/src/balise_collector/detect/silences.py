"""Probes that have gone quiet, and what is written into their histories for it.

Lives here: since when each is quiet, and whether that counts. Must not live here: who is silent (conclude/silence.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from balise_collector.detect.cell import CellHistory
from balise_collector.detect.evidence import SILENT_RULE, Code, code
from balise_collector.detect.index import CellIndex
from balise_collector.detect.model import INTERNET, CellKey
from balise_collector.judge.verdict import VerdictState
from balise_wire.bins import BIN
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TargetRole


class Silence(msgspec.Struct):
    """One probe that has gone quiet."""

    network: Network
    since: float
    filled: int = 0
    """Bins up to here carry the silent code."""


class Silences:
    """Who is quiet."""

    def __init__(self, index: CellIndex, interval: float) -> None:
        """Begin with nobody; ``interval`` is the seconds between two measurements: silence is more than two of them."""
        self._index = index
        self._limit = 2 * interval
        self.held: dict[str, Silence] = {}

    def begin(self, probe: str, network: Network, at: float) -> None:
        """Note that nothing has come from a probe since ``at`` (UNIX seconds)."""
        if probe in self._index.references:
            return  # A reference that is silent says nothing of the country it stands in.
        since = max(at, self._index.heard(probe))
        held = self.held.get(probe)
        if held is None or since > held.since:
            self.held[probe] = Silence(network=network, since=since, filled=int(since // BIN))

    def excuse(self, stands: Callable[[str], bool]) -> None:
        """Let go of those for which ``stands`` is false."""
        for probe in [probe for probe in self.held if not stands(probe)]:
            del self.held[probe]

    def fill(self, now: float, operators: Mapping[str, str]) -> Iterator[tuple[CellHistory, int]]:
        """Write the silent code for every whole bin that a quiet probe has missed; yields history and bin."""
        self._end()
        if not self.held or now - self._index.last_heard() > self._limit:
            return  # Nobody at all is heard: it is the collector that is deaf.
        silent_code = self._index.add_code(_silent())
        for probe, held in self.held.items():
            if now - held.since <= self._limit or not self._is_common(held.network, probe, operators):
                continue
            series = self._index.history(probe, held.network, line_cell(held.network))
            for bin_ in range(held.filled + 1, int(now // BIN)):
                changed = series.add(silent_code, max(held.since, bin_ * BIN), bin_ * BIN + BIN - 1)
                held.filled = bin_
                yield series, changed

    def _end(self) -> None:
        """Let go of probes that have been heard again.

        What was assumed of them stays until their own late verdicts replace it bin by bin: an outage must not flicker
        while its evidence is still being delivered.
        """
        for probe in [p for p, held in self.held.items() if self._index.heard(p) > held.since]:
            del self.held[probe]

    def _is_common(self, network: Network, probe: str, operators: Mapping[str, str]) -> bool:
        """Whether enough of a provider's probes are silent: two, or all there are."""
        ours = operators.get(probe, probe)
        lines = self._index.series_of(line_cell(network))
        others = {s.probe for s in lines if operators.get(s.probe, s.probe) != ours}
        return not others or any(other in self.held for other in others)


def _silent() -> Code:
    """Return the code of silence."""
    found = code(SILENT_RULE, VerdictState.DOWN, Mechanism.SHUTDOWN_ISP)
    if found is None:
        msg = "the silent code is missing from the evidence table"
        raise LookupError(msg)
    return found


def line_cell(network: Network) -> CellKey:
    """Return the cell of a provider's lines."""
    return CellKey(
        country=network.country,
        asn=network.asn,
        access=network.access.value,
        service=INTERNET,
        role=TargetRole.LINE.value,
        layer=Experiment.LINE.value,
    )
