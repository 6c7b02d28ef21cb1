"""Where a verdict belongs: from probe, layer and target to the history of a cell, and the codes that it is kept as.

Lives here: the probes, their histories, the cells with the country's above each provider's, and letting go of what is
empty. Must not live here: walking cells, silence, or what follows from either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from balise_collector.detect.cell import Cell, CellHistory
from balise_collector.detect.evidence import Code, Severity, blind, code_of, proves
from balise_collector.detect.model import INTERNET, WORLD, CellKey, Coverage, Parts, RuleCount, Scale, Sight
from balise_collector.detect.stretches import noise
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_wire.bins import BIN
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_AROUND: Final = 3
"""Bins before a beginning in which the noise of the minutes is looked for."""
_BEFORE: Final = 2
"""Bins by which a block may have begun elsewhere in its service before it is seen in one cell."""
_GONE: Final = 60 * 86_400 // BIN
"""Bins after which a history that has nothing left is let go of, with its cell: a target or a probe that is no more."""


@dataclass(slots=True)
class KnownProbe:
    """What the detector remembers of a probe: where it stands, when it was last heard, where its verdicts go."""

    network: Network
    heard: float = 0.0
    """The newest time that any of its verdicts bears."""
    unwell: float = 0.0
    """When its line was last found to carry nothing: what failed before that, and was looked at again behind it, may
    have failed with it."""
    histories: dict[Experiment, dict[str, CellHistory]] = field(default_factory=dict)
    """By layer and target. No tuple of keys: one for each cell would cost as much as the history itself."""


_NOTHING: Final[dict[str, CellHistory]] = {}


class CellIndex:
    """All cells, and the way to them."""

    def __init__(self) -> None:
        self.codes: list[Code] = []
        self.cells: dict[CellKey, Cell] = {}
        self.probes: dict[str, KnownProbe] = {}
        self.references: set[str] = set()
        self._code_index: dict[tuple[str, VerdictState, bool, bool], int] = {}
        self._services: dict[tuple[str, str], list[Cell]] = {}
        """Cells by (country, service), without those that only sum others up."""

    # ------------------------------------------------------------ codes

    def code_index(self, verdict: Verdict) -> int:
        """Return the index of a verdict's code, adding it at first sight; -1 where such verdicts say nothing."""
        key = (verdict.rule, verdict.state, verdict.reference, bool(verdict.proof) and proves(verdict))
        known = self._code_index.get(key)
        if known is None:
            found = code_of(verdict)
            known = self._code_index[key] = -1 if found is None else self.add_code(found)
        return known

    def add_code(self, found: Code) -> int:
        """Return the index of a code, adding it at first sight."""
        if found not in self.codes:
            self.codes.append(found)
        return self.codes.index(found)

    # ------------------------------------------------------------ probes and histories

    def hear(self, verdict: Verdict) -> None:
        """Note when a probe was last heard."""
        known = self.probes.get(verdict.probe)
        if known is None:
            known = self.probes[verdict.probe] = KnownProbe(verdict.network)
        known.heard = max(known.heard, verdict.at)

    def heard(self, probe: str) -> float:
        """Return the newest time that any verdict of a probe bears; 0 where there is none."""
        found = self.probes.get(probe)
        return 0.0 if found is None else found.heard

    def last_heard(self) -> float:
        """Return the newest time that any verdict bears; 0 where there is none."""
        return max((probe.heard for probe in self.probes.values()), default=0.0)

    def find(self, verdict: Verdict) -> CellHistory | None:
        """Return the history that a verdict belongs to; ``None`` where there is none yet. The probe must be known."""
        known = self.probes[verdict.probe]
        if known.network != verdict.network:
            known.network, known.histories = verdict.network, {}
        return known.histories.get(verdict.layer, _NOTHING).get(verdict.target)

    def enter(self, verdict: Verdict) -> CellHistory:
        """Find or make the history that a verdict belongs to, and its cells."""
        if verdict.reference:
            self.references.add(verdict.probe)
        network = verdict.network
        key = CellKey(
            country=WORLD if verdict.reference else network.country,
            asn=0 if verdict.reference else network.asn,
            access="" if verdict.reference else network.access.value,
            service=verdict.service,
            # The members' own strings: a cell must not hold copies of them.
            role=verdict.role.value,
            family=verdict.family,
            layer=verdict.layer.value,
        )
        series = self.history(verdict.probe, network, key)
        self.probes[verdict.probe].histories.setdefault(verdict.layer, {})[verdict.target] = series
        return series

    def history(self, probe: str, network: Network, key: CellKey) -> CellHistory:
        """Return a probe's history in a cell, entering it into the cell and the country's."""
        cell = self._cell(key)
        known = cell.find(probe)
        if known is not None:
            return known
        series = CellHistory(probe, network.country, network.asn, cell)
        cell.enter(series)
        if cell.parent is not None:
            cell.parent.enter(series)
        return series

    def _cell(self, key: CellKey) -> Cell:
        """Return a cell, making it, and the country's above it, at first sight."""
        cell = self.cells.get(key)
        if cell is None:
            above = None if key.scale is not Scale.ASN else self._cell(msgspec.structs.replace(key, asn=0, access=""))
            cell = self.cells[key] = Cell(key, above)
            if key.scale is not Scale.COUNTRY:
                self._services.setdefault((key.country, key.service), []).append(cell)
        return cell

    def histories(self) -> Iterator[CellHistory]:
        """Iterate over every history once."""
        for cells in self._services.values():
            for cell in cells:
                yield from cell.series

    def series_of(self, key: CellKey) -> Iterable[CellHistory]:
        """Return the histories of a cell; none where there is no such cell."""
        cell = self.cells.get(key)
        return cell.series if cell else ()

    # ------------------------------------------------------------ what was seen

    def coverage(
        self,
        place: tuple[str, str],
        parts: Parts,
        bins: tuple[int, int],
        who: Mapping[str, str],
        at_stake: Collection[Mechanism] = (),
    ) -> tuple[Coverage, ...]:
        """Return what each probe saw of a service.

        Args:
            place: country (``**``: each reference) and service.
            parts: that count.
            bins: the first and the last.
            who: whom a probe counts as, where that is not itself.
            at_stake: successes that look at none of these count for nothing.
        """
        first, last = bins
        but = blind(self.codes, at_stake)
        counts: dict[tuple[str, str, int], list[int]] = {}
        for series in (s for cell in self._services.get(place, ()) for s in cell.series):
            key = series.cell.key
            if not parts.hold(key.role, key.family, key.layer):
                continue
            tally = counts.setdefault((series.probe, series.country, series.asn), [0, 0])
            for run in series.list(first):
                if run.first_bin > last:
                    break
                width = min(run.last_bin, last) - max(run.first_bin, first) + 1
                kept = self.codes[run.code]
                if width > 0 and kept.severity != Severity.VOID and run.code not in but:
                    tally[kept.fails] += width if kept.fails or kept.severity == Severity.OK else 0
        return tuple(
            Coverage(probe=p, country=c, asn=a, ok=t[0], failed=t[1], witness=who.get(p, p))
            for (p, c, a), t in sorted(counts.items())
            if any(t)
        )

    def countries(self, service: str) -> list[str]:
        """Return the countries in which probes look at a service; the world's cells are none."""
        return sorted({country for country, one in self._services if one == service and country != WORLD})

    def met_by_homes(self, service: str, parts: Parts, since: float) -> bool:
        """Tell whether a home's own series met a failure that references meet too, at ``since`` (UNIX time) or later.

        Where that is an edge's, other homes may be sent to other addresses and be well.
        """
        return any(
            series.explained >= since
            for (country, one), cells in self._services.items()
            if one == service and country != WORLD
            for cell in cells
            if parts.hold(cell.key.role, cell.key.family, cell.key.layer)
            for series in cell.series
        )

    def noise(self, provider: CellHistory, service: str, bin_: int) -> float:
        """Return the share of trials that fail at a provider's targets around a bin.

        Args:
            provider: the history of one of its probes.
            service: what is looked at: of its own targets only the quarter of an hour that ended a bin before counts,
                in which a block of it had not begun.
            bin_: the beginning; of other services the three bins before it and itself are counted, and what a block
                begins with is not partial.
        """
        partial = bins = 0
        for (country, other), cells in self._services.items():
            if country != provider.country or other == INTERNET:
                continue
            last = bin_ - _BEFORE if other == service else bin_
            for series in (s for cell in cells if cell.key.asn == provider.asn for s in cell.series):
                for run in series.list(last - _AROUND, last):
                    width = min(run.last_bin, last) - max(run.first_bin, last - _AROUND) + 1
                    bins += max(0, width)
                    partial += max(0, width) if self.codes[run.code].severity == Severity.PARTIAL else 0
        return noise(partial, bins)

    def sights(
        self, country: str, bins: tuple[int, int], service: str = "", at_stake: Collection[Mechanism] = ()
    ) -> Iterator[Sight]:
        """Return what each probe of a country (``**``: each reference) saw in each cell; of one service, or of all.

        Args:
            country: code.
            bins: the first and the last.
            service: id; empty for every service.
            at_stake: successes that look at none of these count for nothing.
        """
        but = blind(self.codes, at_stake)
        places = [(country, service)] if service else [place for place in self._services if place[0] == country]
        for place in places:
            for series in (s for cell in self._services.get(place, ()) for s in cell.series):
                found = self._sight(series, *bins, but)
                if found is not None:
                    yield found

    def _sight(self, series: CellHistory, first: int, last: int, but: Collection[int]) -> Sight | None:
        """Return what one history holds between two bins, without some codes; ``None`` where that is nothing."""
        ok = failed = 0
        rules: dict[int, int] = {}
        for run in series.list(first):
            if run.first_bin > last:
                break
            width = min(run.last_bin, last) - max(run.first_bin, first) + 1
            kept = self.codes[run.code]
            if width <= 0 or run.code in but:
                continue
            if kept.severity == Severity.OK:
                ok += width
            else:
                rules[run.code] = rules.get(run.code, 0) + width
                failed += width if kept.fails else 0
        if not ok and not rules:
            return None
        key = series.cell.key
        told = (
            RuleCount(rule=self.codes[c].rule, state=self.codes[c].state, mechanism=self.codes[c].mechanism, bins=n)
            for c, n in rules.items()
        )
        return Sight(
            probe=series.probe,
            country=series.country,
            asn=series.asn,
            service=key.service,
            role=key.role,
            family=key.family,
            layer=key.layer,
            ok=ok,
            failed=failed,
            rules=tuple(sorted(told, key=lambda r: (-r.bins, r.rule))),
        )

    # ------------------------------------------------------------ letting go

    def forget(self, before: int) -> list[Cell]:
        """Drop what ended before a bin, and what has long been empty; returns the cells that are no more.

        A cell whose episode reaches over the border keeps its whole history, or the episode would seem to begin there.
        """
        busy = {cell.key for cell in self.cells.values() if cell.retire(before)}
        good = frozenset(i for i, c in enumerate(self.codes) if c.severity == Severity.OK)
        for series in self.histories():
            cell = series.cell
            if cell.key in busy or (cell.parent is not None and cell.parent.key in busy):
                continue
            series.forget(before, good)
            if series.notes:
                series.notes = [n for n in series.notes if n.at >= before * BIN] or None
        return self._drop_empty(before)

    def _drop_empty(self, before: int) -> list[Cell]:
        """Drop histories that have long been empty, and the cells and probes that have none left."""
        gone = [one for one in self.histories() if one.emptied and before - one.emptied > _GONE]
        for series in gone:
            for cell in (series.cell, series.cell.parent):
                if cell is not None:
                    cell.leave(series)
            known = self.probes.get(series.probe)
            for layer in known.histories.values() if known is not None else ():
                for target in [target for target, held in layer.items() if held is series]:
                    del layer[target]
        if not gone:
            return []
        for probe in {series.probe for series in gone} - {series.probe for series in self.histories()}:
            self.probes.pop(probe, None)
            self.references.discard(probe)
        empty = [cell for cell in self.cells.values() if not cell.series and not cell.episodes]
        for cell in empty:
            del self.cells[cell.key]
            held = self._services.get((cell.key.country, cell.key.service), [])
            if cell in held:
                held.remove(cell)
        self._services = {place: cells for place, cells in self._services.items() if cells}
        return empty
