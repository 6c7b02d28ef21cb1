"""Probes that have gone quiet, and what is written into their histories for it.

Lives here: since when each is quiet, and whether that counts: only where others of its provider fell silent with it, in
time and in share, and what is learned of each home makes that no coincidence. What it is then (a provider's fault, a
district's electricity) is weighed elsewhere (incidents/hypotheses/). Must not live here: who is silent
(conclude/silence.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

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

WITHIN: Final = 900.0
"""Seconds within which silences begin together, beside two intervals: a board is missed at its next word."""
SHARE: Final = 0.75
"""Share of a provider's living homes that fall silent together where it is the provider."""
BUDGET: Final = 0.05
"""Chance silences of a provider's homes a year that may look like one, the country's providers together."""
_LIVING: Final = 86_400.0
"""Seconds since its last word after which a board is none of the living: the plug, a shelf, a drawer."""
_LEARNED: Final = 14 * 86_400.0
"""Seconds of which a home's earlier silences are remembered."""
_MOST: Final = 64
"""Earlier silences remembered of one home."""
_HABIT: Final = 2
"""Earlier silences at about the same time of day that make it a habit: the plug at night, hours without electricity."""
_HOUR_OF_HABIT: Final = 2700.0
"""Seconds of the day that two silences of one habit lie apart at most."""
_YEAR: Final = 365.25 * 86_400.0


class Quiet(msgspec.Struct, array_like=True):
    """One earlier silence of a home, UNIX seconds."""

    since: float
    until: float


class Silence(msgspec.Struct):
    """One probe that has gone quiet."""

    network: Network
    since: float
    filled: int = 0
    """Bins up to here carry the silent code."""


class Silences:
    """Who is quiet, and what is known of each home's earlier silences."""

    def __init__(self, index: CellIndex, interval: float) -> None:
        """Begin with nobody; ``interval`` is the seconds between two measurements: silence is more than two of them."""
        self._index = index
        self._limit = 2 * interval
        self.held: dict[str, Silence] = {}
        self.past: dict[str, list[Quiet]] = {}

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
        self.end()
        if not self.held or now - self._index.last_heard() > self._limit:
            return  # Nobody at all is heard: it is the collector that is deaf.
        silent_code = self._index.add_code(_silent())
        for probe, held in self.held.items():
            if now - held.since <= self._limit or not self._is_common(probe, held, now, operators):
                continue
            series = self._index.history(probe, held.network, line_cell(held.network))
            for bin_ in range(held.filled + 1, int(now // BIN)):
                changed = series.add(silent_code, max(held.since, bin_ * BIN), bin_ * BIN + BIN - 1)
                held.filled = bin_
                yield series, changed

    def end(self) -> None:
        """Let go of probes that have been heard again.

        What was assumed of them stays until their own late verdicts replace it bin by bin: an outage must not flicker
        while its evidence is still being delivered.
        """
        for probe in [p for p, held in self.held.items() if self._index.heard(p) > held.since]:
            self._over(probe, self._index.heard(probe))

    def heard(self, probe: str, at: float) -> None:
        """Let go of a probe that spoke at ``at`` (UNIX seconds) of its board: it is there, whatever it measures."""
        held = self.held.get(probe)
        if held is not None and at > held.since:
            self._over(probe, at)

    def _over(self, probe: str, at: float) -> None:
        """Note that a silence lasted until ``at``."""
        held = self.held.pop(probe)
        past = [quiet for quiet in self.past.get(probe, []) if quiet.since > held.since - _LEARNED]
        self.past[probe] = [*past, Quiet(held.since, at)][-_MOST:]

    # ------------------------------------------------------------ whether it is more than a home's own

    def _is_common(self, probe: str, held: Silence, now: float, operators: Mapping[str, str]) -> bool:
        """Whether enough of a provider's living homes fell silent with this one, and chance is excluded.

        Of a provider with one home nobody else can tell: its silence is written down, and is one witness's word.
        """
        ours = operators.get(probe, probe)
        homes = {s.probe for s in self._index.series_of(line_cell(held.network))}
        living = {p for p in homes if self._last_word(p) > held.since - _LIVING}
        witnesses = {operators.get(p, p) for p in living} - {ours}
        if not witnesses:
            return True
        near = [p for p in living if p in self.held and self._began_together(p, held, now)]
        if len({operators.get(p, p) for p in near}) < 2:
            return False
        steady = [p for p in living if not self._is_habit(p, held.since)]
        company = [p for p in near if p in steady]
        silent = {operators.get(p, p) for p in company}
        present = {operators.get(p, p) for p in steady if p in company or not self._was_quiet(p, held.since)}
        if probe not in company or len(silent) < max(2.0, SHARE * len(present)):
            return False
        return self._by_chance(company, held.since, now) <= BUDGET / max(1, self._providers(held.network.country))

    def _last_word(self, probe: str) -> float:
        """Return since when a probe is silent, or when it was last heard."""
        held = self.held.get(probe)
        return self._index.heard(probe) if held is None else held.since

    def _began_together(self, probe: str, one: Silence, now: float) -> bool:
        """Whether a silent probe went quiet with another one; of who should be missed by now and is not, it did not."""
        other = self.held[probe]
        return abs(other.since - one.since) <= WITHIN + self._limit and now - other.since > self._limit

    def _was_quiet(self, probe: str, at: float) -> bool:
        """Whether a home had been quiet for longer already when something began."""
        held = self.held.get(probe)
        return held is not None and held.since < at - WITHIN - self._limit

    def _is_habit(self, probe: str, since: float) -> bool:
        """Whether a home goes quiet at this time of day now and then."""
        day = 86_400.0
        apart = [abs((quiet.since - since + day / 2) % day - day / 2) for quiet in self.past.get(probe, ())]
        return sum(one <= _HOUR_OF_HABIT for one in apart) >= _HABIT

    def _by_chance(self, company: Collection[str], since: float, now: float) -> float:
        """Return how often a year homes such as these would fall silent together for so long, each for itself.

        The rate of each is learned from its earlier silences, and so is how many of them last as long.
        """
        window = 2 * (WITHIN + self._limit)
        expected = _YEAR / window
        for probe in company:
            past = [quiet for quiet in self.past.get(probe, ()) if quiet.since > since - _LEARNED]
            longer = sum(quiet.until - quiet.since >= now - since for quiet in past)
            rate = (len(past) + 0.5) / _LEARNED * (longer + 0.5) / (len(past) + 1.0)
            expected *= rate * window
        return expected

    def _providers(self, country: str) -> int:
        """Return how many providers of a country have lines here: each can look dead by chance."""
        return sum(1 for key in self._index.cells if key.service == INTERNET and key.country == country and key.asn)


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
