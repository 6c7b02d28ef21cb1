"""The file of changes: a sink that is no time series. It holds what was concluded, as it was, and no point."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest

from balise_collector.conclude.inference import OperatorContext
from balise_collector.conclude.pipeline import JournalReader
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks import SinkError
from balise_collector.sinks.changes import Change
from balise_collector.sinks.context import SinkContext
from balise_collector.sinks.file import ChangesFile, streams
from balise_collector.sinks.streams import Sources
from balise_collector.system.clock import Clock
from balise_collector.system.config import Broker, CollectorSettings, Config, Sinks
from balise_collector.system.faults import Faults
from tests.collector.afternoon import Afternoon

LINE = msgspec.json.Decoder(Change)


@pytest.mark.slow
def test_every_conclusion_stands_in_the_file_as_it_was(tmp_path: Path, afternoon: Afternoon) -> None:
    """A program that reads the lines has every verdict with its measurement and every revision, in balise's words."""
    file = tmp_path / "changes.jsonl"
    config = Config(
        collector=CollectorSettings(state_dir=str(tmp_path)),
        broker=(Broker(host="127.0.0.1"),),
        sinks=Sinks(tables={"changes": {"file": str(file)}}),
    )
    journal, store = (
        SqliteJournal(config.journal_file),
        SqliteStore(config.derived_file, SqliteJournal(config.journal_file)),
    )
    registry = SqliteRegistry(config.fleet_file)
    for probe in afternoon.probes:
        registry.approve(probe.member)
    sent = afternoon.fill(journal)
    around = OperatorContext(fleet=Fleet.of(p.member for p in afternoon.probes), catalogue=catalogue.load(FOLDER))
    reader = JournalReader(journal, store, around)
    while reader.follow(afternoon.start + 40 * 300.0):
        pass
    context = SinkContext(config, Clock(), catalogue.load(FOLDER), dict, partial(SqliteRegistry, config.fleet_file))
    with streams(context, Sources(store, journal)) as flowing:
        for stream in flowing:
            while stream.step():
                pass
        assert all(position == head for stream in flowing for _, position, head in stream.readers())
    lines = file.read_bytes().splitlines()
    kinds = [msgspec.json.decode(line)["type"] for line in lines]
    assert kinds.count("verdict") >= sent
    assert kinds.count("incident") == len([one for one in store.changes(0, 10**6) if one.incident is not None])
    first = msgspec.json.decode(lines[0])
    assert first["measurement"]["id"] == first["verdict"]["measurement"]
    for each in (store, journal, registry):
        each.close()


FOLDER = catalogue.default_folder()


def test_a_file_that_cannot_be_written_is_told_with_its_mend(tmp_path: Path) -> None:
    """The error names the file; the changes are offered again later."""
    with pytest.raises(SinkError, match="writable"):
        ChangesFile(str(tmp_path / "none" / "changes.jsonl")).take([], Faults())
