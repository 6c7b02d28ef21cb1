"""The reader that concludes: a thread that follows the journal and writes the derived store; and the replay.

Lives here: when rows are read, when steps are due, when progress is saved, and starting again from a snapshot or from
zero. Time passes in steps of the journal's own receive times, live as in a replay, so both conclude the same. Must not
live here: conclusions (inference.py).
"""

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import msgspec

from balise_collector.conclude.burst import CLAIMS, Burst, BurstRules, Chance, Risk
from balise_collector.conclude.databases import DatabasesOpener
from balise_collector.conclude.inference import (
    INSTRUMENTS,
    LEARNED,
    STEP,
    TOLD,
    WARM,
    Concluded,
    Inference,
    Learned,
    OperatorContext,
    unsure_of,
)
from balise_collector.conclude.localise import IncidentReader, Localiser
from balise_collector.conclude.store import Progress
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.fleet.requests import hindrance, target_named
from balise_collector.fleet.whereabouts import Sighting
from balise_collector.incidents import Incident, IncidentChange
from balise_collector.journal import JournalRow, Piece, PresenceRow
from balise_collector.judge import OWN, RULES_VERSION, Fingerprints, Verdict, read_fingerprints
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError, DamagedError, JournalError
from balise_collector.system.faults import Fault, Faults, words_of
from balise_collector.words.tables import WITNESSES
from balise_wire.addresses import LABORATORY

_log = logging.getLogger(__name__)
CURSOR: Final = "judge"
"""Name of this reader's cursor in the journal: what is in its snapshot."""
LINES: Final = "lines"
"""Name of what is known of where each line is, in the memory of the store."""
_REPLAYING: Final = "replay"
"""Under which name a replay sets aside what it cannot deal with, until it is swapped in."""
_CHUNK: Final = 500
_SAVE_EVERY: Final = 2000
"""Rows after which progress is saved although no step was due (catching up)."""
_AHEAD: Final = 86_400.0
"""Seconds after now at which nothing can have been received, however this machine's clock was set."""
_IDLE_SECONDS: Final = 0.25
_COMMIT_SECONDS: Final = 0.25
"""Real seconds that a commit may lag behind its receive time: a step waits for rows received before it."""
_RETRY_SECONDS: Final = 5.0
_TOLD_AT_ONCE: Final = 20
"""Lines of the log that one chunk may fill with what it set aside; all of it is in the journal."""


def operator_context(config: Config, clock: Clock, fleet: Fleet, catalogue: Catalogue) -> OperatorContext:
    """Return what the operator's files say, for the inference."""
    return OperatorContext(
        fleet=fleet,
        catalogue=catalogue,
        interval=float(config.timetable.interval),
        silence=float(config.detect.silence_seconds),
        laboratory=config.network.laboratory or (LABORATORY if clock.laboratory else ()),
        scale=clock.scale,
        observed=bool(config.network.origins),
        same_provider=tuple(frozenset(group) for group in config.network.same_provider),
        fingerprints=_prints(config.judge.fingerprints),
    )


@cache
def _prints(files: tuple[str, ...]) -> Fingerprints:
    """Return our own prints and those of the operator's files; read once, since they are thousands.

    Raises:
        ConfigError: a file cannot be read, or is not in OONI's format.
    """
    prints = list(OWN.prints)
    for name in files:
        try:
            with Path(name).open(encoding="utf-8", newline="") as lines:
                prints += read_fingerprints(lines).prints
        except (OSError, ValueError) as error:
            raise ConfigError(f"judge.fingerprints: {name}: {error}") from error
    return Fingerprints(tuple(prints))


class FollowedJournal(Protocol):
    """What of the journal is followed; each as in ``journal.interface``."""

    def head(self) -> int:
        """See the interface."""
        ...

    def piece(self, after: int, most: int, /) -> Piece:
        """See the interface."""
        ...

    def rows(self, places: Sequence[int], /) -> list[JournalRow]:
        """See the interface."""
        ...

    def presence(self, after: float, until: float, /) -> list[PresenceRow]:
        """See the interface."""
        ...

    def reported(self, after: float, until: float, /) -> dict[str, float]:
        """See the interface."""
        ...

    def watched(self, before: float | None = None, /) -> list[tuple[float, float]]:
        """See the interface."""
        ...

    def sightings(self, after: int, /) -> list[Sighting]:
        """See the interface."""
        ...

    def set_aside(self, reader: str, faults: Sequence[Fault], at: float, /) -> list[Fault]:
        """See the interface."""
        ...

    def take_up(self, reader: str, /) -> None:
        """See the interface."""
        ...


class Conclusions(Protocol):
    """What of the store is written, and read again at a start; each as in ``conclude.store``."""

    def clear(self) -> None:
        """See the interface."""
        ...

    def incidents(self) -> list[Incident]:
        """See the interface."""
        ...

    def memory(self, name: str, /) -> bytes | None:
        """See the interface."""
        ...

    def progress(self) -> Progress:
        """See the interface."""
        ...

    def reference_verdicts(self, since: float, until_seq: int, /) -> list[tuple[int, Verdict]]:
        """See the interface."""
        ...

    def verdicts_at(self, places: Iterable[int], /) -> list[tuple[int, Verdict]]:
        """See the interface."""
        ...

    def save_verdicts(self, verdicts: Iterable[tuple[int, Verdict]], faults: Faults | None = None, /) -> None:
        """See the interface."""
        ...

    def save_progress(
        self, progress: Progress, memory: dict[str, bytes], incidents: Sequence[Incident], noted_at: float, /
    ) -> None:
        """See the interface."""
        ...


class JournalReader:
    """One pass along the journal: the inference, where it stands, and the store it writes."""

    def __init__(
        self,
        journal: FollowedJournal,
        store: Conclusions,
        around: OperatorContext,
        reader: str = CURSOR,
        *,
        remembers: bool = True,
        heed: Callable[[Verdict, float], None] | None = None,
    ) -> None:
        """Go on from the store's snapshot, or from zero where there is none (or it is of another version).

        What cannot be dealt with is remembered under the name of ``reader``. A reader that does not ``remember`` keeps
        no snapshot: who drives it never starts again. ``heed`` is given each first verdict with its time of receipt,
        and each that a second look made an accusation, with the time of that.
        """
        self._remembers, self._heed = remembers, heed
        self._reader = reader
        self._journal = journal
        self._store = store
        self._operator = around
        self._inference, self._progress = Inference(around), Progress()
        self._sighted = 0
        """The last sighting of the journal that the inference knows."""
        self._saved = 0
        self.load()

    @property
    def inference(self) -> Inference:
        """The chain, for status and what references taught."""
        return self._inference

    @property
    def seq(self) -> int:
        """Last journal row that is concluded and saved."""
        return self._saved

    @property
    def stepped(self) -> float:
        """UNIX seconds up to which time has passed; 0 before the first row."""
        return self._progress.stepped

    def set_context(self, around: OperatorContext) -> None:
        """Take a changed fleet or catalogue into account."""
        self._operator = around
        self._inference.set_context(around)

    # ------------------------------------------------------------ from a snapshot

    def load(self) -> None:
        """Go on from what the store holds."""
        self._inference, self._progress, self._sighted = Inference(self._operator), self._store.progress(), 0
        if self._progress.seq > self._journal.head():
            _log.warning("the journal is older than what was concluded from it (a backup?): judging it anew")
            self._start_over()
        elif self._progress.seq:
            try:
                self._restore()
            except JournalError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the journal makes it again
                told = words_of(error)
                _log.warning("the detector's snapshot is of another version (%s): judging the journal anew", told)
                self._start_over()
        self._saved = self._progress.seq
        if self._progress.rules_version not in {"", RULES_VERSION}:
            _log.warning(
                "rules are now %s, the past was judged by %s: `balise-collector replay` judges it anew",
                RULES_VERSION,
                self._progress.rules_version,
            )

    def _start_over(self) -> None:
        self._store.clear()
        self._journal.take_up(self._reader)
        self._inference, self._progress, self._sighted = Inference(self._operator), Progress(), 0

    def _look_where(self) -> None:
        """Let the inference know from where probes were seen to connect since the last look."""
        fresh = self._journal.sightings(self._sighted)
        if fresh:
            self._sighted = fresh[-1].no
            self._inference.sighted(fresh)

    def _restore(self) -> None:
        memory = {
            name: self._store.memory(name) or b""
            for name in ("detector", "hearing", "unsure", "ways", LEARNED, INSTRUMENTS, TOLD)
        }
        since = self._progress.stepped - WARM
        pairs = self._rows_of(self._store.reference_verdicts(since, self._progress.seq))
        unsure = self._rows_of(self._store.verdicts_at(unsure_of(memory)))
        changes = self._inference.restore(memory, self._store.incidents(), pairs, unsure, self._progress.stepped)
        if changes:
            self._save(changes)

    def _rows_of(self, numbered: list[tuple[int, Verdict]]) -> list[tuple[Verdict, JournalRow]]:
        """Join verdicts with their journal rows."""
        rows = {row.seq: row for row in self._journal.rows([seq for seq, _ in numbered])}
        return [(verdict, rows[seq]) for seq, verdict in numbered if seq in rows]

    # ------------------------------------------------------------ forward

    def follow(self, floor: float) -> int:
        """Read a chunk, let the time up to ``floor`` (UNIX seconds) pass once all is read; returns rows passed.

        ``floor`` is a moment ago, or 0 where that is not known; what cannot be read is set aside.
        """
        before, faults = self._progress.seq, self._inference.faults
        piece = self._journal.piece(before, _CHUNK)
        self._look_where()  # after the rows: what was seen before one of them is in the journal by then
        for fault in piece.damaged:
            faults.hold(fault)
        verdicts: list[tuple[int, Verdict]] = []
        for row in piece.rows:
            if floor and row.received_at > floor + _AHEAD:
                # Time is made of these: one that is wrong would carry everything behind it into a far future.
                faults.note("journal", f"received {row.received_at - floor:.0f} s after now", row.seq)
                continue
            self._pass_time(row.received_at, verdicts)
            concluded = self._inference.take(row)
            if concluded is not None:
                verdicts.append(concluded)
                if self._heed is not None:
                    self._heed(concluded[1], row.received_at)
            self._progress = msgspec.structs.replace(self._progress, seq=row.seq, received=row.received_at)
        self._progress = msgspec.structs.replace(self._progress, seq=piece.through)
        if piece.ended and self._progress.stepped:
            self._pass_time(floor, verdicts)
        self._save_verdicts(verdicts)
        if self._progress.seq - self._saved >= _SAVE_EVERY:
            self._save(())
        return self._progress.seq - before

    def _save_verdicts(self, verdicts: list[tuple[int, Verdict]]) -> None:
        """Keep what was concluded, and what could not be."""
        if verdicts:
            self._store.save_verdicts(verdicts, self._inference.faults)
            verdicts.clear()
        self._set_aside()

    def _set_aside(self) -> None:
        """Write down what could not be dealt with, and say each such thing once."""
        faults = self._inference.faults
        fresh = self._journal.set_aside(self._reader, faults.drain(), self._progress.stepped)
        for fault in fresh[:_TOLD_AT_ONCE]:
            row = f"row {fault.seq} of the journal" if fault.seq else "what belongs to it"
            _log.error("%s: %s is set aside, all else goes on: %s", fault.place, row, fault.error)
        if len(fresh) > _TOLD_AT_ONCE:
            _log.error("%d more were set aside; see the fleet's page", len(fresh) - _TOLD_AT_ONCE)
        if faults.unheld:
            _log.error("%d further faults were not written down", faults.unheld)
            faults.unheld = 0

    def _pass_time(self, until: float, verdicts: list[tuple[int, Verdict]]) -> None:
        """Take every step that is due up to ``until``; what they conclude is saved with where we are."""
        if not self._progress.stepped:
            self._progress = msgspec.structs.replace(self._progress, stepped=until // STEP * STEP)
        while (at := self._progress.stepped + step_after(self._progress)) <= until:
            presence, watched = self._journal.presence(self._progress.stepped, at), self._journal.watched(at)
            reported = self._journal.reported(self._progress.stepped, at)
            concluded = Concluded()
            with self._inference.faults.set_aside("step"):
                concluded = self._inference.step(at, presence, watched, reported)
            self._progress = msgspec.structs.replace(self._progress, stepped=at)
            verdicts.extend(concluded.verdicts)
            for _, verdict in concluded.verdicts:
                # What had waited for references accuses now. What became well is of a time before what was heard since.
                if self._heed is not None and verdict.state in CLAIMS:
                    self._heed(verdict, at)
            if concluded.changes or self._progress.seq != self._saved:
                # Verdicts first: progress must never claim rows whose verdicts are not there.
                self._save_verdicts(verdicts)
                self._save(concluded.changes)

    def save(self) -> None:
        """Save where we are."""
        self._save(())

    def _save(self, changes: tuple[IncidentChange, ...]) -> None:
        self._progress = msgspec.structs.replace(self._progress, rules_version=RULES_VERSION)
        incidents = [change.incident for change in changes]
        for change in changes:
            what = change.incident
            where = f"{what.service} in {what.country}" + ("" if what.confirmed else f" ({WITNESSES['alone']})")
            _log.info("incident %s %s: %s %s", what.id, change.kind, what.kind, where)
        memory = self._memory() if self._remembers else {}
        self._store.save_progress(self._progress, memory, incidents, self._progress.stepped)
        self._saved = self._progress.seq

    def _memory(self) -> dict[str, bytes]:
        """Return what a start needs, and what pages show of it."""
        lines = msgspec.json.encode(self._inference.lines(self._progress.stepped))
        return {**self._inference.memory(), "cells": cells_of(self._inference), LINES: lines}


def burst_of(config: Config) -> Burst:
    """Return who says whom to ask after a first failure, by the operator's settings."""
    rules = BurstRules(
        enabled=config.burst.enabled,
        risk={country: Risk(word) for country, word in config.burst.risk.items()},
        bytes_per_day=config.burst.bytes_per_day,
        timetable=config.timetable,
    )
    draw = secrets.SystemRandom()
    return Burst(rules, Chance(share=draw.sample, part=draw.random, id=lambda: secrets.token_hex(16)))


def ask(burst: Burst, registry: FleetRegistry, catalogue: Catalogue, learned: Learned, now: float) -> None:
    """Write down the requests of a burst that are due; the writer's thread sends them."""
    if not burst.waits:
        return
    fleet = registry.fleet()
    for probe, request in burst.due(now, fleet, lambda text: target_named(text, catalogue, learned)):
        waiting = sum(one.is_open(now) for one in registry.requests(probe))
        if why := hindrance(fleet, probe, request, waiting):
            _log.info("burst: not asked: %s", why)
            continue
        registry.add_request(probe, request, None)
        _log.info("burst: %s is asked once more for %s of %s", probe, request.experiment, request.about)


def localise(
    localiser: Localiser, store: IncidentReader, registry: FleetRegistry, catalogue: Catalogue, now: float
) -> None:
    """Write down the requests that open incidents ask for, where a box stands; the writer's thread sends them."""
    if not localiser.is_due(now):
        return
    fleet = registry.fleet()
    kept = registry.requests("")
    for probe, request in localiser.due(store.incidents(), store.verdict, fleet, kept, now):
        if target_named(request.about, catalogue, {}) is None:
            continue
        waiting = sum(one.is_open(now) for one in registry.requests(probe))
        if why := hindrance(fleet, probe, request, waiting):
            _log.info("localise: not asked: %s", why)
            continue
        registry.add_request(probe, request, None)
        _log.info("localise: %s is asked where %s is cut", probe, request.about)


def step_after(progress: Progress) -> float:
    """Return how many seconds the next step takes: a minute, and more where nothing has arrived for hours.

    It follows from the journal alone, so that a replay takes the same steps; a silence changes nothing by the minute.
    """
    quiet = progress.stepped - progress.received
    if quiet < 3 * 3600.0:
        return STEP
    return 3600.0 if quiet < 2 * 86_400.0 else 86_400.0


class Pipeline(threading.Thread):
    """The live thread: follows the journal for ever."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        catalogue: Catalogue,
        teach: Callable[[Mapping[tuple[str, int], tuple[str, ...]]], None],
        open_databases: DatabasesOpener,
    ) -> None:
        """Prepare; ``teach`` is given addresses that references found, and may be called from this thread."""
        super().__init__(name="pipeline", daemon=True)
        self._config = config
        self._clock = clock
        self._catalogue = catalogue
        self._teach = teach
        self._open_databases = open_databases
        self._stopping = threading.Event()
        self._taught: dict[tuple[str, int], tuple[str, ...]] = {}
        self._taught_at = 0.0
        self.failed: BaseException | None = None

    def stop(self) -> None:
        """Ask the thread to end after the chunk at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Follow until stopped."""
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the program, loudly
            self.failed = error
            _log.exception("pipeline ended")

    def _run(self) -> None:
        databases = self._open_databases()
        journal, store, registry = databases.journal, databases.store, databases.registry
        burst = burst_of(self._config)
        localiser = Localiser(
            {country: Risk(word) for country, word in self._config.burst.risk.items()}, lambda: secrets.token_hex(16),
            enabled=self._config.burst.enabled and self._config.burst.localise,
        )  # fmt: skip
        reader = JournalReader(journal, store, self._context(registry), heed=burst.heed)
        pause, cursor, stale = 0.0, -1, False
        while not self._stopping.wait(pause):
            if registry.changed():
                reader.set_context(self._context(registry))
            floor = self._clock.now() - _COMMIT_SECONDS * self._clock.scale
            try:
                if store.changed_by_another():
                    _log.info("a replay was swapped in: going on from it")
                    stale = True
                if stale:
                    reader.load()
                    stale = False
                pause = 0.0 if reader.follow(floor) else _IDLE_SECONDS
                if reader.seq != cursor:
                    cursor = reader.seq
                    journal.advance(CURSOR, cursor)
            except DamagedError:
                raise
            except sqlite3.DatabaseError as error:
                # The journal's and the registry's are theirs to name: this is the store of what is concluded.
                raise DamagedError(f"{store.path}: {error}", store.path) from None
            except JournalError as error:
                _log.error("%s", error)
                # What is in memory may be ahead of what was saved: begin again from the last snapshot.
                pause, stale = _RETRY_SECONDS, True
            with reader.inference.faults.set_aside("teaching"):
                self._teach_sometimes(reader)
            with reader.inference.faults.set_aside("burst"):
                ask(burst, registry, self._catalogue, self._taught, self._clock.now())
            with reader.inference.faults.set_aside("localise"):
                localise(localiser, store, registry, self._catalogue, self._clock.now())
        databases.close()

    def _context(self, registry: FleetRegistry) -> OperatorContext:
        return operator_context(self._config, self._clock, registry.fleet(), self._catalogue)

    def _teach_sometimes(self, reader: JournalReader) -> None:
        """Hand on what references found, at most once an interval."""
        if reader.stepped - self._taught_at < self._config.timetable.interval:
            return
        self._taught_at = reader.stepped
        learned = reader.inference.learn()
        if learned != self._taught:
            self._taught = learned
            self._teach(learned)


def replay(config: Config, clock: Clock, catalogue: Catalogue, open_databases: DatabasesOpener) -> tuple[int, int]:
    """Judge the whole journal with the current rules into a fresh store, and swap it in.

    A running collector notices and goes on from it. Returns how many measurements were judged and how many incidents
    stand.

    Raises:
        JournalError: the journal is damaged, or the store cannot be written; the old store then stays as it is.
    """
    draft = config.derived_file.with_name("derived.replay.sqlite")
    _remove(draft)
    drafted = open_databases(derived=draft)
    journal, fresh, registry = drafted.journal, drafted.store, drafted.registry
    journal.take_up(_REPLAYING)
    reader = JournalReader(journal, fresh, operator_context(config, clock, registry.fleet(), catalogue), _REPLAYING)
    judged = 0
    floor = clock.now() - _COMMIT_SECONDS * clock.scale
    while rows := reader.follow(floor):
        judged += rows
    reader.save()
    # Readers of the changes see by this number that they must begin anew.
    generation = b"%d" % max(1, round(clock.now() * 1000.0))
    fresh.save_progress(fresh.progress(), {"generation": generation}, (), reader.stepped)
    standing = open_databases()
    store = standing.store
    store.replace_with(fresh)
    journal.hand_on(_REPLAYING, CURSOR)
    found = len(store.incidents())
    standing.close()
    drafted.close()
    _remove(draft)
    return judged, found


def _remove(path: Path) -> None:
    """Remove a SQLite file with its companions."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def cells_of(inference: Inference) -> bytes:
    """Return the open and suspect cells as JSON, for the status page: the page's process has no detector."""
    suspects = inference.detector.suspects()
    return msgspec.json.encode(
        {
            "suspect": [
                {"cell": msgspec.to_builtins(key), "probes": probes, "largest_w": largest}
                for key, probes, largest in suspects
            ],
            "open": [msgspec.to_builtins(e) for e in inference.detector.episodes if e.closed_bin is None],
        }
    )
