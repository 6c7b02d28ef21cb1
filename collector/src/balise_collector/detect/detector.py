"""The detector: verdicts in, events about episodes out, at ASN, country and world level.

Lives here: the index from verdicts to histories, silence, when a cell is walked again, and snapshots. Must not live
here: the opening rules (fold.py), clocks (``now`` is an argument), storage, or what people are told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from balise_collector.detect.cells import WORLD, CellEvent, CellKey, Coverage, Episode, EventKind, Note, Scale
from balise_collector.detect.evidence import SILENT_RULE, Code, Severity, code, code_of
from balise_collector.detect.fold import Cast, Fold, FoldState, episode
from balise_collector.detect.group import Group
from balise_collector.detect.series import Series
from balise_collector.judge.verdict import State, Verdict
from balise_collector.system.faults import Faults
from balise_wire.bins import BIN
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TargetRole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

INTERNET: Final = "internet"
"""The pseudo-service whose cells hold outages."""
SETTLED: Final = 4
"""Bins behind now that a walk keeps. Paired verdicts reach back to their first failing trial, a bin or two; a verdict
that reaches further walks the cell from its start."""
_MOST_NOTES: Final = 20
REWIND_EVERY: Final = 600.0
"""Seconds between two walks of one cell from its start: what is late is told ten minutes later at most, and a probe
that delivers its past verdict by verdict costs one walk of it, not one for each."""
_GONE: Final = 60 * 86_400 // BIN
"""Bins after which a history that has nothing left is let go of, with its cell: a target or a probe that is no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorConfig:
    """What the operator may set."""

    interval: float = 300.0
    """Seconds between two measurements of a target; silence is more than two of them."""
    keep_days: float = 7.0
    """Days of history that late data can still change."""
    operators: Mapping[str, str] = field(default_factory=dict)
    """Who runs which probe, where one person runs several: they count as one (attribution.md 2.3)."""


@dataclass(slots=True)
class _Probe:
    """What the detector remembers of a probe: where it stands, when it was last heard, where its verdicts go."""

    network: Network
    heard: float = 0.0
    histories: dict[Experiment, dict[str, Series]] = field(default_factory=dict)
    """By layer and target. No tuple of keys: one for each cell would cost as much as the history itself."""


_NOTHING: Final[dict[str, Series]] = {}


class _Silence(msgspec.Struct):
    """One probe that has gone quiet."""

    network: Network
    since: float
    filled: int = 0
    """Bins up to here carry the silent code."""


class Detector:
    """All cells. Not thread-safe; one owner drives it."""

    def __init__(self, config: DetectorConfig | None = None, faults: Faults | None = None) -> None:
        """Begin without any history; a cell that cannot be walked is noted in ``faults``, and costs itself."""
        self.config = config or DetectorConfig()
        self._operators: Mapping[str, str] = self.config.operators
        self._faults = faults or Faults()
        self._codes: list[Code] = []
        self._code_index: dict[tuple[str, State, bool], int] = {}
        self._probes: dict[str, _Probe] = {}
        self._groups: dict[CellKey, Group] = {}
        self._services: dict[tuple[str, str], list[Group]] = {}
        """Cells by (country, service), without those that only sum others up."""
        self._touched: set[Group] = set()
        self._restless: set[Group] = set()
        self._silent: dict[str, _Silence] = {}
        self._references: set[str] = set()
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
        for group in self._groups.values():
            if any(series.probe in moved for series in group.series):
                group.state = None
                self._touched.add(group)

    def _witness(self, probe: str) -> str:
        return self._operators.get(probe, probe)

    def observe(self, verdict: Verdict) -> None:
        """Take in one verdict, in any order; repeats change nothing.

        One that is older than what is kept of its cell moves nothing: of that time the cell knows nothing to hold
        against it, and what was told then stands.
        """
        at = verdict.at
        known_probe = self._probes.get(verdict.probe)
        if known_probe is None:
            known_probe = self._probes[verdict.probe] = _Probe(verdict.network)
        known_probe.heard = max(known_probe.heard, at)
        known = self._code_index.get((verdict.rule, verdict.state, verdict.reference))
        if known is None:
            known = self._learn_code(verdict)
        if known < 0:
            return
        if known_probe.network != verdict.network:
            known_probe.network, known_probe.histories = verdict.network, {}
        series = known_probe.histories.get(verdict.layer, _NOTHING).get(verdict.target)
        bin_ = int(at // BIN)
        if bin_ < self._border(self._now) and not (series is not None and series.reaches(bin_)):
            return
        if series is None:
            series = self._enter(verdict)
            known_probe.histories.setdefault(verdict.layer, {})[verdict.target] = series
        if verdict.since < at and self._codes[known].fails:
            # The trial that began it was a failure in its own bin: a paired verdict testifies to both.
            series.add(known, verdict.since, verdict.since)
        changed = min(series.add(known, verdict.since, at), int(verdict.since // BIN))
        if self._codes[known].severity == Severity.OK:
            # An ok in its turn changes nothing in a quiet cell, and a restless one is walked anyway.
            group: Group | None = series.group
            while group is not None:
                if group.state is not None and changed < group.state.next_bin:
                    self._touch(group, changed)
                group = group.parent
            return
        _note(series, verdict)
        self._touch_all(series, changed)

    def silence(self, probe: str, network: Network, at: float) -> None:
        """Say that nothing has come from a probe since ``at`` (UNIX seconds), for longer than two intervals.

        Repeat it as often as you like; the first verdict dated later ends it. Late verdicts replace it bin by bin.
        """
        if probe in self._references:
            return  # A reference that is silent says nothing of the country it stands in.
        since = max(at, self._heard_of(probe))
        held = self._silent.get(probe)
        if held is None or since > held.since:
            self._silent[probe] = _Silence(network=network, since=since, filled=int(since // BIN))

    def received(self, at: float) -> None:
        """Say that what is observed next was received at ``at`` (UNIX seconds): what is too old then moves nothing."""
        self._now = max(self._now, at)

    def excuse(self, stands: Callable[[str], bool]) -> None:
        """Let go of the silent probes for which ``stands`` is false: their silence tells nothing any more."""
        for probe in [probe for probe in self._silent if not stands(probe)]:
            del self._silent[probe]

    def advance(self, now: float) -> tuple[CellEvent, ...]:
        """Walk every cell that changed or is restless up to ``now`` (UNIX seconds, collector's clock)."""
        self._now = now
        with self._faults.set_aside("silence"):
            self._fill_silence(now)
        events: list[CellEvent] = []
        work = sorted(self._touched | self._restless, key=lambda g: msgspec.structs.astuple(g.key))
        self._touched.clear()
        for group in work:
            # Tried again when the next verdict touches it: until then it stands as it was last told.
            self._restless.discard(group)
            with self._faults.set_aside(f"cell {'/'.join(map(str, msgspec.structs.astuple(group.key)))}"):
                before = group.episodes
                self._walk_whole(group, int(now // BIN))
                events.extend(_differences(before, group.episodes, now))
                if group.restless:
                    self._restless.add(group)
        return tuple(events)

    def _border(self, now: float) -> int:
        """Return the bin before which late data change nothing any more."""
        return int((now - self.config.keep_days * 86_400) // BIN)

    def _touch(self, group: Group, bin_: int) -> None:
        """Mark a cell for the next walk, from a bin on."""
        group.dirty_from = bin_ if group.dirty_from is None else min(group.dirty_from, bin_)
        self._touched.add(group)

    def _touch_all(self, series: Series, bin_: int) -> None:
        """Mark a history's cell and the cell above it."""
        self._touch(series.group, bin_)
        if series.group.parent is not None:
            self._touch(series.group.parent, bin_)

    def _walk_whole(self, group: Group, now_bin: int) -> None:
        """Walk one cell; where that raises, nothing of half a walk is kept."""
        try:
            self._walk(group, now_bin)
        except Exception:
            group.state = None
            raise

    def _walk(self, group: Group, now_bin: int) -> None:
        """Walk one cell: keep what is settled, look at the newest bins provisionally."""
        cast = Cast(group.series, self._codes, self._operators, [c.severity for c in self._codes])
        state = group.state
        late = group.dirty_from is not None and state is not None and group.dirty_from < state.next_bin
        if late and self._now - group.rewound < REWIND_EVERY:
            self._touched.add(group)  # it is rewound when its time has come; what is new is walked now
        else:
            group.dirty_from = None
            if late:
                group.rewound = self._now
                state = None
        state = state or FoldState()
        group.state = Fold(cast, state, now_bin - SETTLED).run() if now_bin - SETTLED >= state.next_bin else state
        seen = Fold(cast, group.state.copy(), now_bin).run()
        found = [*seen.done, *([seen.current] if seen.current is not None else [])]
        group.episodes = tuple(episode(group.key, cast, each) for each in found)
        if not found and not seen.totals and not group.state.totals:
            group.state = (
                None  # Quiet again: the next failure walks its runs anew, and a state costs more than they do.
            )

    # ------------------------------------------------------------ first sight of codes and cells

    def _learn_code(self, verdict: Verdict) -> int:
        """Give a verdict's code an index; -1 where such verdicts say nothing."""
        found = code_of(verdict)
        index = -1
        if found is not None:
            index = self._add_code(found)
        self._code_index[verdict.rule, verdict.state, verdict.reference] = index
        return index

    def _add_code(self, found: Code) -> int:
        """Return the index of a code, adding it at first sight."""
        if found not in self._codes:
            self._codes.append(found)
        return self._codes.index(found)

    def _enter(self, verdict: Verdict) -> Series:
        """Find or make the history that a verdict belongs to, and its cells."""
        if verdict.reference:
            self._references.add(verdict.probe)
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
        return self._history(verdict.probe, network, key)

    def _history(self, probe: str, network: Network, key: CellKey) -> Series:
        """Return a probe's history in a cell, entering it into the cell and the country's."""
        group = self._group(key)
        for series in group.series:
            if series.probe == probe:
                return series
        series = Series(probe, network.country, network.asn, group)
        group.enter(series)
        if group.parent is not None:
            group.parent.enter(series)
        return series

    def _group(self, key: CellKey) -> Group:
        """Return a cell, making it, and the country's above it, at first sight."""
        group = self._groups.get(key)
        if group is None:
            above = None if key.scale is not Scale.ASN else self._group(msgspec.structs.replace(key, asn=0, access=""))
            group = self._groups[key] = Group(key, above)
            if key.scale is not Scale.COUNTRY:
                self._services.setdefault((key.country, key.service), []).append(group)
        return group

    def _histories(self) -> Iterator[Series]:
        """Iterate over every history once."""
        for groups in self._services.values():
            for group in groups:
                yield from group.series

    # ------------------------------------------------------------ silence

    def _fill_silence(self, now: float) -> None:
        """Write the silent code for every whole bin that a quiet probe has missed."""
        limit = 2 * self.config.interval
        self._end_silences()
        if not self._silent or now - max((p.heard for p in self._probes.values()), default=0.0) > limit:
            return  # Nobody at all is heard: it is the collector that is deaf.
        silent_code = self._add_code(_silent())
        for probe, held in self._silent.items():
            if now - held.since <= limit or not self._company(held.network, probe):
                continue
            series = self._history(probe, held.network, _internet(held.network))
            for bin_ in range(held.filled + 1, int(now // BIN)):
                changed = series.add(silent_code, max(held.since, bin_ * BIN), bin_ * BIN + BIN - 1)
                held.filled = bin_
                self._touch_all(series, changed)

    def _end_silences(self) -> None:
        """Let go of probes that have been heard again.

        What was assumed of them stays until their own late verdicts replace it bin by bin: an outage must not flicker
        while its evidence is still being delivered.
        """
        for probe in [p for p, held in self._silent.items() if self._heard_of(p) > held.since]:
            del self._silent[probe]

    def _heard_of(self, probe: str) -> float:
        """Return the newest time that any verdict of a probe bears; 0 where there is none."""
        found = self._probes.get(probe)
        return 0.0 if found is None else found.heard

    def _company(self, network: Network, probe: str) -> bool:
        """Whether enough of a provider's probes are silent: two, or all there are."""
        ours = self._witness(probe)
        others = {s.probe for s in self._groups_of(network) if self._witness(s.probe) != ours}
        return not others or any(other in self._silent for other in others)

    def _groups_of(self, network: Network) -> Iterable[Series]:
        """Return the line histories of a provider's probes."""
        group = self._groups.get(_internet(network))
        return group.series if group else ()

    # ------------------------------------------------------------ out

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Return every episode that the histories still hold, open ones included."""
        return tuple(sorted((e for g in self._groups.values() for e in g.episodes), key=lambda e: (e.opened_bin, e.id)))

    def coverage(
        self, country: str, service: str, roles: Iterable[str], layers: Iterable[str], start: float, end: float
    ) -> tuple[Coverage, ...]:
        """Return what each probe of a country (``**``: each reference) saw of a service in [start, end]: UNIX time."""
        wanted_roles, wanted_layers = set(roles), set(layers)
        first, last = int(start // BIN), int(end // BIN)
        counts: dict[tuple[str, str, int], list[int]] = {}
        for series in (s for group in self._services.get((country, service), ()) for s in group.series):
            key = series.group.key
            if key.role not in wanted_roles or key.layer not in wanted_layers:
                continue
            tally = counts.setdefault((series.probe, series.country, series.asn), [0, 0])
            for run in series.list(first):
                if run.first_bin > last:
                    break
                bins = min(run.last_bin, last) - max(run.first_bin, first) + 1
                kept = self._codes[run.code]
                if bins > 0 and kept.severity != Severity.VOID:
                    tally[kept.fails] += bins if kept.fails or kept.severity == Severity.OK else 0
        return tuple(
            Coverage(probe=p, country=c, asn=a, ok=t[0], failed=t[1], witness=self._witness(p))
            for (p, c, a), t in sorted(counts.items())
            if any(t)
        )

    def witness(self, probe: str) -> str:
        """Return whom a probe counts as."""
        return self._witness(probe)

    def witnesses(self, probes: Iterable[str]) -> int:
        """Count independent witnesses among probes: those of one operator are one."""
        return len({self._witness(probe) for probe in probes})

    def notes(self, found: Episode) -> tuple[Note, ...]:
        """Return the strongest failing verdicts of each of an episode's members, within its time."""
        group = self._groups.get(found.key)
        if group is None:
            return ()
        members = {m.probe for m in found.members}
        start = min((m.onset.latest for m in found.members), default=0.0) - 2 * BIN
        end = (found.closed_bin + 1) * BIN if found.closed_bin is not None else float("inf")
        held = [
            msgspec.structs.replace(note, probe=series.probe)
            for series in group.series
            if series.probe in members
            for note in series.notes or ()
            if start <= note.at <= end
        ]
        return tuple(sorted(held, key=_strength))

    def suspects(self) -> tuple[tuple[CellKey, int, float], ...]:
        """Return (cell, probes with W > 0, largest W) of cells on the way to an episode, for the status page."""
        return tuple(
            (g.key, len(g.state.totals), max(g.state.totals.values()))
            for g in sorted(self._restless, key=lambda g: msgspec.structs.astuple(g.key))
            if g.state is not None and g.state.totals
        )

    def forget(self, now: float) -> None:
        """Drop history that late data can no longer change; call it now and then.

        Episodes that ended before it are let go without an event: what was told of them stands. A cell whose episode
        reaches over the border keeps its whole history, or the episode would seem to begin there.
        """
        before = self._border(now)
        busy = {group.key for group in self._groups.values() if group.retire(before)}
        good = frozenset(i for i, c in enumerate(self._codes) if c.severity == Severity.OK)
        for series in self._histories():
            group = series.group
            if group.key in busy or (group.parent is not None and group.parent.key in busy):
                continue
            series.forget(before, good)
            if series.notes:
                series.notes = [n for n in series.notes if n.at >= before * BIN] or None
        self._let_go(before)

    def _let_go(self, before: int) -> None:
        """Drop histories that have long been empty, and the cells and probes that have none left."""
        gone = [one for one in self._histories() if one.emptied and before - one.emptied > _GONE]
        for series in gone:
            for group in (series.group, series.group.parent):
                if group is not None:
                    group.leave(series)
            known = self._probes.get(series.probe)
            for layer in known.histories.values() if known is not None else ():
                for target in [target for target, held in layer.items() if held is series]:
                    del layer[target]
        if not gone:
            return
        for probe in {series.probe for series in gone} - {series.probe for series in self._histories()}:
            self._probes.pop(probe, None)
            self._references.discard(probe)
        for key, group in list(self._groups.items()):
            if not group.series and not group.episodes:
                del self._groups[key]
                self._touched.discard(group)
                self._restless.discard(group)
                held = self._services.get((key.country, key.service), [])
                if group in held:
                    held.remove(group)
        self._services = {place: groups for place, groups in self._services.items() if groups}

    # ------------------------------------------------------------ snapshots

    def snapshot(self) -> bytes:
        """Return everything needed to go on after a restart; ``restore`` reads it."""
        return msgspec.msgpack.encode(
            _Snapshot(
                codes=[(c.rule, c.state, c.mechanism) for c in self._codes],
                series=[
                    _SeriesShot(
                        probe=s.probe,
                        key=s.group.key,
                        country=s.country,
                        asn=s.asn,
                        runs=s.runs.tolist(),
                        ever_ok=s.ever_ok,
                        notes=s.notes or [],
                    )
                    for s in self._histories()
                ],
                heard={name: (p.network, p.heard) for name, p in self._probes.items()},
                silent=self._silent,
                episodes={e.id: e for g in self._groups.values() for e in g.episodes},
            )
        )

    def restore(self, data: bytes, now: float = 0.0) -> None:
        """Read a snapshot into a fresh detector.

        Args:
            data: the snapshot.
            now: UNIX seconds of the last walk before it was taken; what is too late is known by it.

        Raises:
            msgspec.DecodeError: not a snapshot of this version; start empty and replay the journal instead.
        """
        shot = msgspec.msgpack.decode(data, type=_Snapshot)
        self._now = now
        for rule, state, mechanism in shot.codes:
            found = code(rule, state, mechanism)
            if found is None:
                msg = f"snapshot has the unknown code {rule}; replay the journal instead"
                raise msgspec.DecodeError(msg)
            self._codes.append(found)
        for each in shot.series:
            series = self._history(each.probe, Network(country=each.country, asn=each.asn), each.key)
            series.runs.fromlist(each.runs)
            series.ever_ok = each.ever_ok
            series.notes = each.notes or None
            if each.key.country == WORLD:
                self._references.add(each.probe)
        self._probes = {name: _Probe(network, heard) for name, (network, heard) in shot.heard.items()}
        self._silent = shot.silent
        for each_episode in shot.episodes.values():
            group = self._groups[each_episode.key]
            group.episodes = (*group.episodes, each_episode)
        for group in self._groups.values():
            self._touched.add(group)


class _SeriesShot(msgspec.Struct):
    """One history in a snapshot."""

    probe: str
    key: CellKey
    country: str
    asn: int
    runs: list[int]
    ever_ok: bool
    notes: list[Note]


class _Snapshot(msgspec.Struct):
    """A whole detector."""

    codes: list[tuple[str, State, Mechanism | None]]
    series: list[_SeriesShot]
    heard: dict[str, tuple[Network, float]]
    silent: dict[str, _Silence]
    episodes: dict[str, Episode]


def _silent() -> Code:
    """Return the code of silence."""
    found = code(SILENT_RULE, State.DOWN, Mechanism.SHUTDOWN_ISP)
    if found is None:
        msg = "the silent code is missing from the evidence table"
        raise LookupError(msg)
    return found


def _internet(network: Network) -> CellKey:
    """Return the cell of a provider's lines."""
    return CellKey(
        country=network.country,
        asn=network.asn,
        access=network.access.value,
        service=INTERNET,
        role=TargetRole.LINE.value,
        layer=Experiment.LINE.value,
    )


def _strength(note: Note) -> tuple[int, float, float, str]:
    """Sort key: proof first, then score, then the earlier one."""
    return (-len(note.proof), -note.score, note.at, note.measurement)


def _note(series: Series, verdict: Verdict) -> None:
    """Keep a failing verdict among the strongest of its history."""
    note = Note(
        measurement=verdict.measurement, at=verdict.at, rule=verdict.rule, score=verdict.score, proof=verdict.proof
    )
    held = series.notes or []
    if note not in held:
        # Half the places go to the newest: an episode of today must not be crowded out by a strong one of last week.
        ranked = sorted([*held, note], key=_strength)
        newest = sorted(ranked, key=lambda n: (-n.at, n.measurement))[: _MOST_NOTES // 2]
        series.notes = (newest + [n for n in ranked if n not in newest])[:_MOST_NOTES]


def _outline(found: Episode) -> tuple[object, ...]:
    """Return what makes an episode worth telling anew: not its sums or counts."""
    members = tuple((m.probe, m.onset, m.end, tuple(sorted(r.rule for r in m.rules))) for m in found.members)
    return (found.standing, found.confirmed, found.onset, found.end, found.closed_bin, members)


def _differences(before: tuple[Episode, ...], after: tuple[Episode, ...], now: float) -> list[CellEvent]:
    """Return the events that lead from one list of episodes to the next; episodes are the same when they overlap."""
    events: list[CellEvent] = []
    left = list(before)
    for new in after:
        old = next((e for e in left if _overlap(e, new)), None)
        if old is None:
            events.append(CellEvent(kind=EventKind.OPENED, episode=new, at=now))
            if new.closed_bin is not None:
                events.append(CellEvent(kind=EventKind.CLOSED, episode=new, at=now))
            continue
        left.remove(old)
        if old.id != new.id:
            events.append(CellEvent(kind=EventKind.WITHDRAWN, episode=old, at=now))
            events.append(CellEvent(kind=EventKind.OPENED, episode=new, at=now))
        if old.closed_bin is None and new.closed_bin is not None:
            events.append(CellEvent(kind=EventKind.CLOSED, episode=new, at=now))
        elif old.closed_bin is not None and new.closed_bin is None:
            events.append(CellEvent(kind=EventKind.REOPENED, episode=new, at=now))
        elif _outline(old) != _outline(new):
            events.append(CellEvent(kind=EventKind.GREW, episode=new, at=now))
    events.extend(CellEvent(kind=EventKind.WITHDRAWN, episode=old, at=now) for old in left)
    return events


def _overlap(a: Episode, b: Episode) -> bool:
    """Whether two episodes share a bin."""
    far = 1 << 40
    return a.opened_bin <= (far if b.closed_bin is None else b.closed_bin) and b.opened_bin <= (
        far if a.closed_bin is None else a.closed_bin
    )
