"""The sample of the fleet: what a collector that was just started already knows of its probes."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_collector.conclude.inference import OperatorContext
from balise_collector.conclude.pipeline import JournalReader
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks.changes import ProbeSampled
from balise_collector.sinks.sampling import SOFTWARE_EVERY, Sampler
from balise_collector.sinks.streams import Sources
from balise_collector.system.config import Broker, CollectorSettings, Config
from tests.collector.afternoon import Afternoon, batch_of


@pytest.mark.slow
def test_a_restarted_collector_knows_each_probes_software(tmp_path: Path, afternoon: Afternoon) -> None:
    """It is read from the newest measurement in the journal, not awaited; what is newer is known within minutes."""
    config = Config(collector=CollectorSettings(state_dir=str(tmp_path)), broker=(Broker(host="127.0.0.1"),))
    journal, store = (
        SqliteJournal(config.journal_file),
        SqliteStore(config.derived_file, SqliteJournal(config.journal_file)),
    )
    registry = SqliteRegistry(config.fleet_file)
    for probe in afternoon.probes:
        registry.approve(probe.member)
    afternoon.fill(journal)
    now = [afternoon.start + afternoon.slots * 300.0 + 400.0]
    fleet = Fleet.of(probe.member for probe in afternoon.probes)
    reader = JournalReader(
        journal, store, OperatorContext(fleet=fleet, catalogue=catalogue.load(catalogue.default_folder()))
    )
    while reader.follow(now[0]):
        pass
    sampler = Sampler(config, registry, Sources(store, journal), (), lambda: now[0], dict)

    def told() -> dict[str, str]:
        return {one.member.id: one.software for one in sampler.sample() if isinstance(one, ProbeSampled)}

    first = journal.read(0, 1)[0].measurement.software
    assert first
    assert told() == {probe.id: first for probe in afternoon.probes}
    probe = afternoon.probes[0]
    newer = probe.measurement(now[0] - 10.0, software="balise-agent/99")
    journal.append([batch_of(probe, [newer], now[0])], (), (), now[0])
    now[0] += SOFTWARE_EVERY + 60.0
    while reader.follow(now[0]):
        pass
    assert told()[probe.id] == "balise-agent/99"
    for each in (store, journal, registry):
        each.close()
