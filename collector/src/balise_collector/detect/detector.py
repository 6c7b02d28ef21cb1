"""The detector: verdicts in, events about episodes out, at ASN, country and world level.

Lives here: what a verdict changes, and when a cell is walked again. Must not live here: where verdicts belong
(index.py), silence (silences.py), the opening rules (cell_walk.py), clocks (``now`` is an argument), storage, or what
people are told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from balise_collector.detect import snapshot
from balise_collector.detect.cell import Cell, CellHistory
from balise_collector.detect.cell_walk import CellWalk
from balise_collector.detect.differences import differences
from balise_collector.detect.episodes import episode
from balise_collector.detect.evidence import Severity
from balise_collector.detect.index import CellIndex
from balise_collector.detect.model import INTERNET, CellEvent, CellKey, Coverage, Episode, Note, Parts, Sight
from balise_collector.detect.notes import keep_note, strength
from balise_collector.detect.participants import Participants
from balise_collector.detect.silences import Silences
from balise_collector.detect.stretches import LINE, SERVICE
from balise_collector.detect.walk_state import WalkState
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.system.faults import Faults
from balise_wire.bins import BIN
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism

SETTLED: Final = 4
"""Bins behind now that a walk keeps. Paired verdicts reach back to their first failing trial, a bin or two; a verdict
that reaches further walks the cell from its start."""
SETTLES: Final = 30.0
"""Seconds after its end that a bin is over: what was measured in it has been delivered."""
_DEAD: Final = frozenset({"line.captive", "line.local", "line.no_gateway", "line.international", "line.dead"})
"""Rules by which a line carries nothing, or nothing abroad: what a line was not asked in time is not among them."""
REWIND_EVERY: Final = 600.0
"""Seconds between two walks of one cell from its start: what is late is told ten minutes later at most, and a probe
that delivers its past verdict by verdict costs one walk of it, not one for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorConfig:
    """What the operator may set."""

    interval: float = 300.0
    """Seconds between two measurements of a target; silence is more than two of them."""
    keep_days: float = 7.0
    """Days of history that late data can still change."""
    operators: Mapping[str, str] = field(default_factory=dict)
    """Who runs which probe, where one person runs several: they count as one (attribution.md 2.3)."""


class Detector:
    """All cells. Not thread-safe; one owner drives it."""

    def __init__(self, config: DetectorConfig | None = None, faults: Faults | None = None) -> None:
        """Begin without any history; a cell that cannot be walked is noted in ``faults``, and costs itself."""
        self.config = config or DetectorConfig()
        self._operators: Mapping[str, str] = self.config.operators
        self._faults = faults or Faults()
        self.index = CellIndex()
        """Whose histories and cells tests and status look at; only the detector changes them."""
        self.silences = Silences(self.index, self.config.interval)
        self._touched: set[Cell] = set()
        self._restless: set[Cell] = set()
        self._now = 0.0
        """UNIX seconds of the last walk; 0 before the first."""

    # ------------------------------------------------------------ in

    def keep(self, operators: Mapping[str, str]) -> None:
        """Take a changed table of who runs which probe into account: where it changes, every cell is walked anew."""
        if operators == self._operators:
            return
        moved = {probe for probe, who in operators.items() if self._operators.get(probe, probe) != who}
        moved |= {probe for probe, who in self._operators.items() if operators.get(probe, probe) != who}
        self._operators = dict(operators)
        for cell in self.index.cells.values():
            if any(series.probe in moved for series in cell.series):
                cell.state = None
                self._touched.add(cell)

    def observe(self, verdict: Verdict) -> None:
        """Take in one verdict, in any order; repeats change nothing.

        One that is older than what is kept of its cell moves nothing: of that time the cell knows nothing to hold
        against it, and what was told then stands.
        """
        at = verdict.at
        self.index.hear(verdict)
        if verdict.rule in _DEAD:
            known = self.index.probes[verdict.probe]
            known.unwell = max(known.unwell, math.ceil(max(at, verdict.since)))
        number = self.index.code_index(verdict)
        if number < 0:
            self._explain(verdict)
            return
        series = self.index.find(verdict)
        bin_ = int(at // BIN)
        if bin_ < self._border(self._now) and not (series is not None and series.reaches(bin_)):
            return
        if series is None:
            series = self.index.enter(verdict)
        kept = self.index.codes[number]
        unwell = self.index.probes[verdict.probe].unwell
        since = at if verdict.since <= series.explained or verdict.since <= unwell <= at else verdict.since
        changed = series.add(number, since, at)
        if kept.severity == Severity.OK:
            if (looks := series.looked(verdict.target)) is not None:
                looks.passed(verdict.target, at, since)
            else:
                series.well = max(series.well, int(at))
            # An ok in its turn changes nothing in a quiet cell, and a restless one is walked anyway.
            cell: Cell | None = series.cell
            while cell is not None:
                if cell.state is not None and changed < cell.state.next_bin:
                    self._touch(cell, changed)
                cell = cell.parent
            return
        if kept.positive and (looks := series.looked(verdict.target)) is not None:
            looks.failed(verdict.target, math.ceil(since), int(at))
        keep_note(series, verdict)
        self._touch_all(series, changed)

    def _explain(self, verdict: Verdict) -> None:
        """Note a failure that was the service's own: a paired verdict that carries it along must not be dated by it."""
        series = self.index.find(verdict) if verdict.state is VerdictState.DOWN else None
        if series is not None:
            series.explained = max(series.explained, math.ceil(verdict.at))

    def silence(self, probe: str, network: Network, at: float) -> None:
        """Say that nothing has come from a probe since ``at`` (UNIX seconds), for longer than two intervals.

        Repeat it as often as you like; the first verdict dated later ends it. Late verdicts replace it bin by bin.
        """
        self.silences.begin(probe, network, at)

    def heard(self, probe: str, at: float) -> None:
        """Say that a probe spoke of its board at ``at`` (UNIX seconds): it is not silent, whatever it measures."""
        self.silences.heard(probe, at)

    def received(self, at: float) -> None:
        """Say that what is observed next was received at ``at`` (UNIX seconds): what is too old then moves nothing."""
        self._now = max(self._now, at)

    def excuse(self, stands: Callable[[str], bool]) -> None:
        """Let go of the silent probes for which ``stands`` is false: their silence tells nothing any more."""
        self.silences.excuse(stands)

    # ------------------------------------------------------------ walking

    def advance(self, now: float) -> tuple[CellEvent, ...]:
        """Walk every cell that changed or is restless up to ``now`` (UNIX seconds, collector's clock)."""
        self._now = now
        with self._faults.set_aside("silence"):
            for series, changed in self.silences.fill(now, self._operators):
                self._touch_all(series, changed)
        events: list[CellEvent] = []
        work = sorted(self._touched | self._restless, key=lambda cell: msgspec.structs.astuple(cell.key))
        self._touched.clear()
        for cell in work:
            # Tried again when the next verdict touches it: until then it stands as it was last told.
            self._restless.discard(cell)
            with self._faults.set_aside(f"cell {'/'.join(map(str, msgspec.structs.astuple(cell.key)))}"):
                before = cell.episodes
                self._walk_whole(cell, int(now // BIN))
                events.extend(differences(before, cell.episodes, now))
                if cell.restless:
                    self._restless.add(cell)
        return tuple(events)

    def _border(self, now: float) -> int:
        """Return the bin before which late data change nothing any more."""
        return int((now - self.config.keep_days * 86_400) // BIN)

    def _touch(self, cell: Cell, bin_: int) -> None:
        """Mark a cell for the next walk, from a bin on."""
        cell.dirty_from = bin_ if cell.dirty_from is None else min(cell.dirty_from, bin_)
        self._touched.add(cell)

    def _touch_all(self, series: CellHistory, bin_: int) -> None:
        """Mark a history's cell and the cell above it."""
        self._touch(series.cell, bin_)
        if series.cell.parent is not None:
            self._touch(series.cell.parent, bin_)

    def _walk_whole(self, cell: Cell, now_bin: int) -> None:
        """Walk one cell; where that raises, nothing of half a walk is kept."""
        try:
            self._walk(cell, now_bin)
        except Exception:
            cell.state = None
            raise

    def _walk(self, cell: Cell, now_bin: int) -> None:
        """Walk one cell: keep what is settled, look at the newest bins provisionally."""
        codes = self.index.codes
        null = LINE if cell.key.service == INTERNET else SERVICE
        participants = Participants(
            cell.series,
            codes,
            self._operators,
            [c.severity for c in codes],
            null,
            partial(self._noise, cell.key.service),
        )
        state = cell.state
        late = cell.dirty_from is not None and state is not None and cell.dirty_from < state.next_bin
        if late and self._now - cell.rewound < REWIND_EVERY:
            self._touched.add(cell)  # it is rewound when its time has come; what is new is walked now
        else:
            cell.dirty_from = None
            if late:
                cell.rewound = self._now
                state = None
        state = state or WalkState()
        settled = now_bin - SETTLED
        cell.state = CellWalk(participants, state, settled).run() if settled >= state.next_bin else state
        seen = CellWalk(participants, cell.state.copy(), now_bin, int((self._now - SETTLES) // BIN) - 1).run()
        found = [*seen.done, *([seen.current] if seen.current is not None else [])]
        cell.episodes = tuple(episode(cell.key, participants, each) for each in found)
        if not found and not seen.restless and not cell.state.restless:
            # Quiet again: the next failure walks its runs anew, and a state costs more than they do.
            cell.state = None

    def _noise(self, service: str, series: CellHistory, bin_: int) -> float:
        """Return the noise of the minutes around a provider's probe; see CellIndex.noise."""
        return self.index.noise(series, service, bin_)

    # ------------------------------------------------------------ out

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Return every episode that the histories still hold, open ones included."""
        found = (e for cell in self.index.cells.values() for e in cell.episodes)
        return tuple(sorted(found, key=lambda e: (e.opened_bin, e.id)))

    def coverage(
        self,
        place: tuple[str, str],
        parts: Parts,
        start: float,
        end: float,
        at_stake: Collection[Mechanism] = (),
    ) -> tuple[Coverage, ...]:
        """Return what each probe of a country (``**``: each reference) saw of a service.

        Args:
            place: country and service.
            parts: that count.
            start: UNIX seconds.
            end: the same.
            at_stake: successes that look at none of these count for nothing.
        """
        bins = int(start // BIN), int(end // BIN)
        return self.index.coverage(place, parts, bins, self._operators, at_stake)

    def countries(self, service: str) -> list[str]:
        """Return the countries in which probes look at a service."""
        return self.index.countries(service)

    def met_by_homes(self, service: str, parts: Parts, since: float) -> bool:
        """Tell whether a home met a failure of these parts that references meet too, at ``since`` (UNIX) or later."""
        return self.index.met_by_homes(service, parts, since)

    def sights(
        self, country: str, start: float, end: float, service: str = "", at_stake: Collection[Mechanism] = ()
    ) -> tuple[Sight, ...]:
        """Return what each probe of a country (``**``: each reference) saw in each cell in [start, end]: UNIX time.

        Successes that look at nothing of what is at stake count for nothing.
        """
        return tuple(self.index.sights(country, (int(start // BIN), int(end // BIN)), service, at_stake))

    def witness(self, probe: str) -> str:
        """Return whom a probe counts as."""
        return self._operators.get(probe, probe)

    def witnesses(self, probes: Iterable[str]) -> int:
        """Count independent witnesses among probes: those of one operator are one."""
        return len({self.witness(probe) for probe in probes})

    def notes(self, found: Episode) -> tuple[Note, ...]:
        """Return the strongest failing verdicts of each of an episode's members, within its time."""
        members = {m.probe for m in found.members}
        start = min((m.onset.latest for m in found.members), default=0.0) - 2 * BIN
        end = (found.closed_bin + 1) * BIN if found.closed_bin is not None else float("inf")
        held = [
            msgspec.structs.replace(note, probe=series.probe)
            for series in self.index.series_of(found.key)
            if series.probe in members
            for note in series.notes or ()
            if start <= note.at <= end
        ]
        return tuple(sorted(held, key=strength))

    def suspects(self) -> tuple[tuple[CellKey, int, float], ...]:
        """Return (cell, probes in trouble, most nats of one) of cells on the way to an episode, for the status page."""
        return tuple(
            (cell.key, len(cell.state.spans), max(span.surprise for span in cell.state.spans.values()))
            for cell in sorted(self._restless, key=lambda cell: msgspec.structs.astuple(cell.key))
            if cell.state is not None and cell.state.spans
        )

    def forget(self, now: float) -> None:
        """Drop history that late data can no longer change; call it now and then.

        Episodes that ended before it are let go without an event: what was told of them stands.
        """
        gone = self.index.forget(self._border(now))
        self._touched.difference_update(gone)
        self._restless.difference_update(gone)

    # ------------------------------------------------------------ snapshots

    def snapshot(self) -> bytes:
        """Return everything needed to go on after a restart; ``restore`` reads it."""
        return snapshot.encoded(self.index, self.silences)

    def restore(self, data: bytes, now: float = 0.0) -> None:
        """Read a snapshot into a fresh detector.

        Args:
            data: the snapshot.
            now: UNIX seconds of the last walk before it was taken; what is too late is known by it.

        Raises:
            msgspec.DecodeError: not a snapshot of this version; start empty and replay the journal instead.
        """
        self._now = now
        snapshot.decode_into(data, self.index, self.silences)
        self._touched.update(self.index.cells.values())
