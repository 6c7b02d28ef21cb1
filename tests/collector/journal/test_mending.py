"""A damaged journal is made anew from what can be read of it: whatever a disk changed costs what it hit."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balise_collector.journal import Batch, Presence, Report
from balise_collector.journal.mending import mend
from balise_collector.journal.pages import NoRowError, Pages, Row, record
from balise_collector.journal.sqlite import SqliteJournal
from balise_wire.status import Health
from balise_wire.words import ClockState, Lifecycle
from tests.collector.field_probe import FieldProbe

AT = 1_589_733_000.0
BATCHES, EACH = 60, 10


@pytest.fixture(scope="module")
def speaker(make_module_probe: Callable[[], FieldProbe]) -> FieldProbe:
    """One probe for the whole module."""
    return make_module_probe()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, speaker: FieldProbe) -> Path:
    """Return a journal of 600 measurements in 60 batches, some of them larger than a page, closed cleanly."""
    path = tmp_path_factory.mktemp("sound") / "journal.sqlite"
    with closing(SqliteJournal(path)) as journal:
        for n in range(BATCHES):
            each = EACH if n % 6 else 0
            made = [speaker.measurement(AT + n, catalogue=f"{random.Random(n * 100 + k).getrandbits(700):x}"[:250])
                    for k in range(each or 10)]  # fmt: skip
            batch = Batch(
                probe=speaker.id, public_key=speaker.public_hex, stream=speaker.stream, sequence=n + 1, sent_at=AT,
                clock_state=ClockState.SYNCED, frame=speaker.batch(*made),
                measurements=tuple((place, m.id) for place, m in enumerate(made)),
            )  # fmt: skip
            state = Presence(probe=speaker.id, state=Lifecycle.READY, session=n)
            health = [Report(probe=speaker.id, health=Health(at=AT + n))]
            journal.append([batch], (), [state], AT + n, health)
    return path


@pytest.fixture
def damaged(sound: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may damage."""
    return Path(shutil.copy(sound, tmp_path / "journal.sqlite"))


def ids_of(path: Path) -> dict[int, str]:
    """Return what a reader gets: each measurement's id by its row."""
    found, at = {}, 0
    with closing(SqliteJournal(path)) as journal:
        while True:
            piece = journal.piece(at, 100)
            found.update({row.seq: row.measurement.id for row in piece.rows})
            at = piece.through
            if piece.ended:
                return found


def test_a_sound_file_comes_out_the_same(sound: Path, damaged: Path) -> None:
    """Making it anew loses nothing: rows, positions, presence, health; and the old file is kept."""
    before = ids_of(sound)
    mended = mend(damaged, (), AT, "x")
    assert (mended.measurements, mended.batches, mended.remade, mended.lost, mended.partly) == (600, 60, 0, 0, ())
    assert ids_of(damaged) == before
    assert mended.kept_aside.exists()
    with closing(SqliteJournal(damaged)) as journal, closing(SqliteJournal(sound)) as whole:
        assert journal.counts().frame_bytes == whole.counts().frame_bytes
        assert journal.latest_presence() == whole.latest_presence()
        assert journal.latest_health() == whole.latest_health()
        (told,) = journal.asides()
        assert "made anew" in told.fault.error


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_twenty_flipped_bits_anywhere_cost_what_they_hit(
    damaged: Path, sound: Path, speaker: FieldProbe, seed: int
) -> None:
    """Twenty bits anywhere in the file, header and schema included: all that they did not hit is there, in its row."""
    before = ids_of(sound)
    chance = random.Random(seed)
    data = bytearray(damaged.read_bytes())
    places = [chance.randrange(len(data)) for _ in range(20)]
    if seed % 3 == 0:
        places[0] = chance.randrange(4096)  # page 1: header and schema
    for place in places:
        data[place] ^= 1 << chance.randrange(8)
    damaged.write_bytes(data)
    mended = mend(damaged, [speaker.key.public_key()], AT, "x")
    after = ids_of(damaged)
    hit = len({place // 4096 for place in places})
    assert len(set(after.values()) & set(before.values())) >= 600 - hit * EACH
    assert set(after.values()) <= set(before.values())
    moved = sum(after[seq] != before.get(seq) for seq in after)
    assert moved <= hit * EACH
    assert mended.measurements >= len(after)
    with closing(sqlite3.connect(damaged)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("page", [1, 2, 3, 5, 8, 13])
def test_a_zeroed_page_costs_what_was_on_it(damaged: Path, sound: Path, speaker: FieldProbe, page: int) -> None:
    """A page of NULs, also the first: pointers on it are made again from the frames, at their old numbers."""
    before = ids_of(sound)
    with damaged.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(bytes(4096))
    mend(damaged, [speaker.key.public_key()], AT, "x")
    after = ids_of(damaged)
    assert len(after) >= 600 - EACH
    assert all(before[seq] == id for seq, id in after.items() if seq in before)


@pytest.mark.parametrize("begin", [0, 16, 40, 92])
def test_a_damaged_header_costs_no_table(damaged: Path, sound: Path, speaker: FieldProbe, begin: int) -> None:
    """A hundred bytes at the beginning make SQLite refuse the whole file: all that stands behind them is kept."""
    with damaged.open("r+b") as file:
        file.write(bytes(16))
        file.seek(begin)
        file.write(b"\xee" * (100 - begin))
    mended = mend(damaged, [speaker.key.public_key()], AT, "x")
    assert (mended.lost, mended.partly) == (0, ())
    assert ids_of(damaged) == ids_of(sound)
    with closing(SqliteJournal(damaged)) as journal, closing(SqliteJournal(sound)) as whole:
        assert journal.latest_presence() == whole.latest_presence()
        assert journal.position(speaker.id, speaker.stream) == whole.position(speaker.id, speaker.stream)


def test_a_lost_place_in_a_stream_is_told_by_its_batches(damaged: Path, speaker: FieldProbe) -> None:
    """A probe goes on being receipted for what is here, and for no batch that is not."""
    with closing(sqlite3.connect(damaged)) as db, db:
        db.execute("DELETE FROM stream")
        db.execute("DELETE FROM batch WHERE no = 41")
        db.execute("DELETE FROM measurement WHERE batch = 41")
    mend(damaged, (), AT, "x")
    with closing(SqliteJournal(damaged)) as journal:
        position = journal.position(speaker.id, speaker.stream)
        assert position.through == 40
        assert position.beyond == tuple(range(42, 61))


def test_every_pointer_can_be_made_again(damaged: Path, sound: Path) -> None:
    """Where the whole table of pointers is gone, the frames alone give every measurement back, in the same order."""
    before = ids_of(sound)
    with closing(sqlite3.connect(damaged)) as db, db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("DELETE FROM measurement")
    with closing(sqlite3.connect(damaged)) as db:
        db.execute("VACUUM")
    assert mend(damaged, (), AT, "x").remade == 600
    assert ids_of(damaged) == before


def test_what_a_killed_collector_left_in_its_log_counts(damaged: Path, speaker: FieldProbe, tmp_path: Path) -> None:
    """The last commits stand in the write-ahead log only: they are read from there where SQLite cannot any more."""
    with closing(SqliteJournal(damaged)) as journal:
        late = speaker.measurement(AT + 999.0)
        batch = Batch(
            probe=speaker.id, public_key=speaker.public_hex, sent_at=AT, clock_state=ClockState.SYNCED,
            frame=speaker.batch(late), measurements=((0, late.id),),
        )  # fmt: skip
        journal.append([batch], (), (), AT + 999.0)
        left = tmp_path / "left"
        left.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{damaged}{suffix}", left / f"journal.sqlite{suffix}")
    killed = left / "journal.sqlite"
    with killed.open("r+b") as file:
        file.write(bytes(100))
    mended = mend(killed, [speaker.key.public_key()], AT, "x")
    assert late.id in ids_of(killed).values()
    assert mended.measurements == 601


def test_a_damaged_key_of_the_file_is_taken_from_the_registry(damaged: Path, speaker: FieldProbe) -> None:
    """One bit in a probe's key would cost every frame of it; the registry has the key, too."""
    with closing(sqlite3.connect(damaged)) as db, db:
        db.execute("UPDATE signer SET public_key = '00' || substr(public_key, 3)")
        db.execute("UPDATE probe SET id = 'x7m2q9xd'")
    assert ids_of(damaged) == {}
    mend(damaged, [speaker.key.public_key()], AT, "x")
    assert len(ids_of(damaged)) == 600
    with closing(SqliteJournal(damaged)) as journal:
        assert {row.probe for row in journal.read(0, 9)} == {speaker.id}
        assert journal.position(speaker.id, speaker.stream).through == 60


# ---------------------------------------------------------------- the pages themselves


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_of_records_raise_otherwise(payload: bytes) -> None:
    """A record is values or no row, whatever it is made of."""
    with suppress(NoRowError, IndexError):
        assert isinstance(record(payload), tuple)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_damage_makes_the_reader_of_pages_raise(sound: Path, data: st.DataObject) -> None:
    """Any bytes anywhere: rows come out, or do not."""
    content = bytearray(sound.read_bytes())
    for _ in range(data.draw(st.integers(1, 30))):
        place = data.draw(st.integers(0, len(content) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=40))
        content[place : place + len(noise)] = noise
    assert all(isinstance(row, Row) for row in Pages(bytes(content)).rows())
