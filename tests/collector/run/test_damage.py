"""A collector on damaged files: it makes anew what it can, puts back what it cannot, says so, and goes on."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.run import damage
from balise_collector.system.clock import Clock
from balise_collector.system.config import Broker, CollectorSettings, Config
from balise_collector.system.errors import ConfigError
from balise_collector.system.identity import load_or_create
from tests.collector.conftest import Mosquitto, RunningCollector
from tests.collector.field_probe import FieldProbe
from tests.collector.fieldline import FieldLine

NOW = 1_589_733_000.0
LAB_CLOCK = "2020-05-17T16:30:00Z"


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector under test lives on 17 May 2020, as the probes' measurements do."""
    monkeypatch.setenv("BALISE_CLOCK", f"{LAB_CLOCK}@{time.monotonic():.3f}x1")


@pytest.fixture
def speak(
    collector: RunningCollector,
    mosquitto: Mosquitto,
    field_line: type[FieldLine],
    probe: FieldProbe,
    eventually: Callable[..., None],
) -> Iterator[Callable[..., FieldLine]]:
    """Return what starts the collector, sends batches of a probe's measurements, and waits for their receipts."""
    lines: list[Any] = []

    def say(batches: int, each: int = 5) -> Any:
        if not lines:
            collector.approve(probe)
            collector.start()
            lines.append(field_line(probe, mosquitto.port, load_or_create(collector.state).public_key()))
            eventually(lambda: b'"online":true' in lines[0].retained.get("collector", b""), "the collector is online")
        for n in range(batches):
            lines[0].record(*(probe.measurement(NOW + n) for _ in range(each)), sent_at=NOW + n)
        return lines[0]

    yield say
    for line in lines:
        line.stop()


def ids_in(path: Path) -> set[str]:
    """Return the ids of every measurement that can be read."""
    with closing(SqliteJournal(path)) as journal:
        return {row.measurement.id for row in journal.read(0, 1_000_000)}


def flip(path: Path, bits: int, seed: int, begin: int = 0) -> int:
    """Change bits anywhere behind ``begin``; returns how many pages were hit."""
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    places = [chance.randrange(begin, len(data)) for _ in range(bits)]
    for place in places:
        data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return len({place // 4096 for place in places})


@pytest.mark.slow
@pytest.mark.parametrize("begin", [0, 4096], ids=["header", "pages"])
def test_a_journal_with_twenty_flipped_bits_goes_on(
    collector: RunningCollector, speak: Callable[..., FieldLine], eventually: Callable[..., None], begin: int
) -> None:
    """Everything that the bits did not hit is judged, what comes next is taken and judged, and the loss is told."""
    line = speak(80)
    eventually(lambda: not line.spool, "everything is receipted")
    collector.end()
    journal = collector.state / "journal.sqlite"
    before = set(line.recorded)
    if begin == 0:
        with journal.open("r+b") as file:
            file.write(b"\x00")  # no SQLite file any more, to SQLite
    hit = flip(journal, 20, seed=16, begin=4096)
    (collector.state / "derived.sqlite").unlink()
    collector.start()
    speak(10)
    eventually(lambda: not line.spool, "what came next is receipted")
    eventually(lambda: len(_verdicts(collector)) >= 450 - (hit + 1) * 10, "everything that can be read is judged", 30.0)
    after = ids_in(journal)
    assert len(after & before) >= 400 - hit * 10
    assert set(line.recorded) - before <= after
    said = (collector.folder / "collector.log").read_text()
    lost = collector.call("incidents")
    assert lost.returncode == 0
    with closing(SqliteJournal(journal)) as opened:
        told = opened.counts().set_aside
    assert "set aside" in said or "made anew" in said, told


@pytest.mark.slow
def test_a_file_that_is_damaged_under_a_running_collector_is_made_anew(
    collector: RunningCollector, speak: Callable[..., FieldLine], eventually: Callable[..., None]
) -> None:
    """The collector meets the damage at its next commit, starts itself again in its own place, and goes on."""
    line = speak(40, 20)
    eventually(lambda: not line.spool, "everything is receipted")
    first = collector.pid
    journal = collector.state / "journal.sqlite"
    with closing(sqlite3.connect(journal)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'measurement'").fetchone()[0]
    with journal.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(bytes(4096))
        file.seek(24)
        file.write(b"\xff\xff\xff\xff")  # the change counter: no cached page is believed
    speak(10)
    eventually(
        lambda: "made anew" in (collector.folder / "collector.log").read_text(), "the journal is made anew", 60.0
    )

    def receipted() -> bool:
        line.resend()
        return not line.spool

    eventually(receipted, "what came meanwhile is receipted", 60.0)
    assert collector.pid == first
    assert set(line.recorded) <= ids_in(journal)


def _verdicts(collector: RunningCollector) -> list[Any]:
    derived = collector.state / "derived.sqlite"
    if not derived.exists():
        return []
    with closing(sqlite3.connect(f"file:{derived}?mode=ro", uri=True, timeout=5.0)) as db:
        try:
            return db.execute("SELECT seq FROM verdict").fetchall()
        except sqlite3.Error:
            return []


# ---------------------------------------------------------------- what is done before anything is opened


@pytest.fixture
def place(tmp_path: Path) -> Config:
    """Settings of a collector in a folder of its own."""
    return Config(collector=CollectorSettings(state_dir=str(tmp_path)), broker=(Broker(host="127.0.0.1"),))


def test_a_damaged_registry_is_put_back(place: Config, make_probe: Callable[..., FieldProbe]) -> None:
    """Who may speak is known from the copy that was kept when it was last sound; nobody must be approved again."""
    with closing(SqliteRegistry(place.fleet_file)) as registry:
        for n in range(200):
            registry.approve(make_probe(id=f"probe{n:04}").member)
    damage.look(place, Clock())
    for garbage in (bytes(4096), b"\xff" * 4096):
        with place.fleet_file.open("r+b") as file:
            file.seek(4096)
            file.write(garbage)
        assert damage.unsound(place.fleet_file)
        damage.look(place, Clock())
        with closing(SqliteRegistry(place.fleet_file)) as registry:
            assert len(registry.fleet().active()) == 200
    assert list(place.fleet_file.parent.glob("fleet.damaged-*.sqlite"))


def test_a_member_that_nobody_wrote_is_damage(place: Config, make_probe: Callable[..., FieldProbe]) -> None:
    """A key that is none, in a file that is a sound database, is damage too: the copy is put back."""
    with closing(SqliteRegistry(place.fleet_file)) as registry:
        registry.approve(make_probe().member)
    damage.look(place, Clock())
    with closing(sqlite3.connect(place.fleet_file)) as db, db:
        db.execute("UPDATE member SET public_key = 'g' || substr(public_key, 2)")
    damage.look(place, Clock())
    with closing(SqliteRegistry(place.fleet_file)) as registry:
        assert len(registry.fleet().active()) == 1


def test_a_registry_without_a_copy_asks_for_its_backup(place: Config) -> None:
    """Nothing is made up: without a sound copy the operator is asked for the backup, by name."""
    place.fleet_file.write_bytes(b"no database at all" * 300)
    with pytest.raises(ConfigError, match="restore"):
        damage.look(place, Clock())


def test_what_is_concluded_is_concluded_again(place: Config) -> None:
    """A damaged derived store is moved aside: the journal makes it again."""
    damage.look(place, Clock())
    place.derived_file.write_bytes(b"no database at all" * 300)
    damage.look(place, Clock())
    assert list(place.derived_file.parent.glob("derived.damaged-*.sqlite"))


def test_a_mark_says_what_is_to_be_made_anew(place: Config) -> None:
    """Damage that shows only in use is met again at the next start, by the mark that was left."""
    damage.look(place, Clock())
    damage.mark(place.journal_file)
    damage.look(place, Clock())
    assert list(place.journal_file.parent.glob("journal.damaged-*.sqlite"))
    before = len(list(place.journal_file.parent.glob("journal.damaged-*.sqlite")))
    damage.look(place, Clock())
    assert len(list(place.journal_file.parent.glob("journal.damaged-*.sqlite"))) == before
