"""The sample that is taken every minute of the fleet and of the collector itself.

Lives here: gathering facts from the stores at intervals of the collector's clock. Must not live here: what a probe's
silence means (liveness.py), what a sink makes of it.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from balise_collector.conclude.liveness import liveness_of
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.incidents.findings import findings
from balise_collector.sinks.changes import CollectorSampled, ProbeSampled
from balise_collector.sinks.facts import CollectorFacts, ReaderFacts
from balise_collector.sinks.streams import Sample, Sources, Stream
from balise_collector.system.config import Config

EVERY: Final = 60.0
"""Clock seconds between two samples."""
SOFTWARE_EVERY: Final = 600.0
"""Clock seconds for which a probe's software is believed: reading it opens a sealed batch."""


class Sampler:
    """Takes the samples; it belongs to one thread."""

    def __init__(
        self,
        config: Config,
        registry: FleetRegistry,
        sources: Sources,
        streams: Sequence[Stream],
        now: Callable[[], float],
        brokers: Callable[[], Mapping[str, bool]],
    ) -> None:
        """Prepare.

        Args:
            config: whose disk is looked at, and how long a probe is waited for.
            registry: this thread's connection to the fleet's file.
            sources: this thread's connections to the stores.
            streams: whose cursors are told of.
            now: UNIX seconds.
            brokers: whether each broker's connection stands.
        """
        self._state_dir = config.state_dir
        self._silence = float(config.detect.silence_seconds)
        self._registry = registry
        self._store, self._journal = sources
        self._streams = streams
        self._now = now
        self._brokers = brokers
        self._due = 0.0
        self._before: CollectorFacts | None = None
        self._software: dict[str, tuple[str, float]] = {}
        """Each probe's software, and when that was read."""

    def sample(self) -> list[Sample]:
        """Return a sample of each probe and of the collector when one is due; else none."""
        now = self._now()
        if now < self._due:
            return []
        self._due = now // EVERY * EVERY + EVERY
        at = now // EVERY * EVERY
        fleet = self._fleet(now, at)
        facts = self._facts(sum(one.liveness.alive for one in fleet))
        journal = self._journal
        readers = [ReaderFacts(name="judge", position=journal.cursor("judge"), head=journal.head())]
        readers += [
            ReaderFacts(name=name, position=position, head=head)
            for stream in self._streams
            for name, position, head in stream.readers()
        ]
        self._before = facts
        return [*fleet, CollectorSampled(at=at, facts=facts, readers=tuple(readers))]

    def _fleet(self, now: float, at: float) -> list[ProbeSampled]:
        """Return a sample of each member."""
        presence, health = self._journal.latest_presence(), self._journal.latest_health()
        samples = []
        fleet = self._registry.fleet()
        for member in fleet.active():
            last, patience = health.get(member.id), fleet.patience(member.id, self._silence)
            measured = self._store.last_measured(member.id)
            found = liveness_of(presence.get(member.id), measured, last, now, patience, fleet.excuse(member.id))
            software = self._software_of(member.id, now)
            samples.append(ProbeSampled(at=at, member=member, liveness=found, health=last, software=software))
        return samples

    def _software_of(self, probe: str, now: float) -> str:
        """Return what the newest measurement of a probe was made with; empty where it has none.

        Read from the journal, so that a collector that was just started knows it too.
        """
        known, read_at = self._software.get(probe, ("", float("-inf")))
        if known and now - read_at < SOFTWARE_EVERY:
            return known
        newest = self._store.newest_of(probe)
        rows = self._journal.rows([newest]) if newest is not None else []
        if rows:
            known = rows[0].measurement.software
            self._software[probe] = (known, now)
        return known

    def _facts(self, alive: int) -> CollectorFacts:
        store, brokers, before = self._store, self._brokers(), self._before
        totals = self._journal.totals()
        cells: dict[str, Any] = msgspec.json.decode(store.memory("cells") or b"{}")
        verdicts, progress = store.last_change(), store.progress()
        lag = None
        if totals.last_received is not None and progress.received:
            lag = max(0.0, totals.last_received - progress.received)
        return CollectorFacts(
            journal_rows=totals.measurements,
            batches=totals.batches,
            events=totals.events,
            verdicts=verdicts,
            quarantined=totals.refused,
            quarantine_dropped=totals.refused_dropped,
            set_aside=totals.set_aside,
            received_rows=max(0, totals.measurements - before.journal_rows) if before else None,
            judged_rows=max(0, verdicts - before.verdicts) if before else None,
            refused_rows=max(0, totals.refused - before.quarantined) if before else None,
            brokers=len(brokers),
            brokers_up=sum(brokers.values()),
            cells_open=len(cells.get("open", ())),
            cells_suspect=len(cells.get("suspect", ())),
            incidents_open=sum(one.closed_at is None for one in findings(store.incidents())),
            probes=len(self._registry.fleet().active()),
            probes_alive=alive,
            probes_waiting=len(self._registry.pending()),
            disk_free_bytes=shutil.disk_usage(self._state_dir).free,
            judge_lag_s=lag,
        )
