"""The spool: what was recorded is there after anything, and goes on a receipt or on the size bound only."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool, TooLargeError
from balise_agent.system.identity import load_or_create
from balise_wire.envelope import MAX_BATCH_BYTES, Envelope, Kind, decode_envelope
from balise_wire.seal import unseal
from balise_wire.status import Receipt
from balise_wire.words import ClockState

if TYPE_CHECKING:
    from collections.abc import Callable

    from balise_agent.system.identity import Identity


def stamp(at: float = 2000.0, *, historical: bool = False) -> Stamp:
    """Return a moment of sealing."""
    return Stamp(at, ClockState.SYNCED, 7, historical=historical)


def record(number: int, *, notable: bool = True, size: int = 0, kind: Kind = Kind.MEASUREMENT) -> Record:
    """Return a record that can be told from others; ``size`` adds bytes that do not compress."""
    filler = random.Random(number).randbytes(size).hex()
    return Record(kind, msgspec.json.encode({"n": number, "filler": filler}), 1000.0 + number, notable)


def read(frame: bytes, identity: Identity) -> Envelope:
    """Open a frame as the collector would."""
    return decode_envelope(unseal(frame, identity.key.public_key(), most=1 << 22))


def numbers(spool: Spool, identity: Identity) -> list[int]:
    """Return the numbers of all records in sealed batches."""
    return [item["n"] for row in spool.rows(0, 10_000) for item in msgspec.json.decode(read(row.frame, identity).body)]


_WRITER = """
import sys
from pathlib import Path
from balise_agent.system.identity import load_or_create
from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool
from balise_wire.envelope import Kind
from balise_wire.seal import Sealer
from balise_wire.words import ClockState
path = Path(sys.argv[1])
sealer = Sealer(load_or_create(path.parent).key)
spool = Spool(path, probe="k7m2q9xd", sealer=sealer, max_bytes=1 << 26, batch_records=7, batch_seconds=1.0)
number = 0
while True:
    number += 1
    if spool.record([Record(Kind.MEASUREMENT, b'{"n":%d}' % number, 1.0)]):
        print(number, flush=True)
    if number % 5 == 0:
        spool.seal(Stamp(2.0, ClockState.SYNCED, 1, historical=False))
"""


@pytest.mark.slow
def test_everything_acknowledged_survives_kill_9(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool]
) -> None:
    """Whatever ``record`` returned true for is there after kill -9 at any moment, exactly once, in order."""
    path = tmp_path / "spool.sqlite"
    told = 0
    for wanted in (3, 17, 40):
        child = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(wanted)]
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split(b"\n")
        child.wait(10)
        child.stdout.close()
        told = max(int(line) for line in [*lines, *rest[:-1]] if line.strip())
        spool = open_spool(path, identity)
        held = sqlite3.connect(path)
        pending = [msgspec.json.decode(body)["n"] for (body,) in held.execute("SELECT body FROM pending ORDER BY id")]
        held.close()
        sealed: list[int] = []
        for row in spool.rows(0, 10_000):
            envelope = read(row.frame, load_or_create(tmp_path))
            assert envelope.sequence == row.sequence
            sealed += [item["n"] for item in msgspec.json.decode(envelope.body)]
        found = sealed + pending
        assert found[:told] == list(range(1, told + 1))
        assert len(found) <= told + 1  # the one whose answer the kill swallowed
        spool.forget(Receipt(stream=spool.stream, through=1 << 40))
        spool.batches.database.execute("DELETE FROM pending")
        spool.close()
    assert told >= 40


def test_who_looks_at_a_running_probes_spool_does_not_end_it(tmp_path: Path) -> None:
    """After a kill the spool still holds its locks: without them the next reader cuts the index under its feet.

    POSIX drops a process's locks on a file when it closes any descriptor of it (fcntl(2)), SQLite's included; a probe
    that had looked into the index by itself ended with SIGBUS as soon as somebody else opened the file.
    """
    path = tmp_path / "spool.sqlite"
    for life in range(2):
        child = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(20):
            assert child.stdout.readline()
        if life == 1:
            for _ in range(20):
                looking = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
                looking.execute("SELECT count(*) FROM pending").fetchone()
                looking.close()
                assert child.stdout.readline(), f"the probe ended with {child.wait(10)}"
        child.kill()
        child.stdout.close()
        child.wait(10)


def test_an_open_spool_holds_sqlites_lock_on_its_file(spool: Spool, tmp_path: Path) -> None:
    """Without it whoever opens the file for a moment takes himself for the last one, and deletes the log on leaving.

    What was committed and stood in that log alone is lost, and the file is one that SQLite calls malformed.
    """
    inode = (tmp_path / "spool.sqlite").stat().st_ino
    held = [line for line in Path("/proc/locks").read_text(encoding="ascii").splitlines() if f":{inode} " in line]
    assert held, spool.stream


def test_a_frame_is_kept_byte_for_byte(
    spool: Spool, identity: Identity, tmp_path: Path, open_spool: Callable[..., Spool]
) -> None:
    """A resent batch is the same bytes: same id, same signature."""
    spool.record([record(1), record(2), record(3)])
    assert spool.seal(stamp()) == 2
    first = spool.rows(0, 10)
    spool.close()
    again = open_spool(tmp_path / "spool.sqlite", identity)
    assert again.rows(0, 10) == first
    assert again.stream == spool.stream
    again.close()


def test_the_envelope_says_who_when_and_where_in_the_stream(spool: Spool, identity: Identity) -> None:
    """Probe, stream, session, sequence, clock and the historical flag are those of the moment of sealing."""
    spool.record([record(1)])
    spool.seal(stamp(2000.0, historical=True))
    envelope = read(spool.rows(0, 1)[0].frame, identity)
    assert (envelope.probe, envelope.stream, envelope.session) == ("k7m2q9xd", spool.stream, 7)
    assert (envelope.sequence, envelope.sent_at, envelope.historical) == (1, 2000.0, True)


def test_a_batch_says_what_was_still_held(spool: Spool, identity: Identity) -> None:
    """Under the seal, so that nobody but the probe tells the collector which gaps will never be filled."""
    for number in range(1, 4):
        spool.record([record(number)])
        spool.seal(stamp())
        if number == 2:
            spool.forget(Receipt(stream=spool.stream, through=1))
    frames = [row.frame for row in spool.rows(0, 9)]
    assert [(read(frame, identity).sequence, read(frame, identity).oldest) for frame in frames] == [(2, 1), (3, 2)]


def test_events_and_measurements_share_the_sequence_but_not_a_batch(spool: Spool, identity: Identity) -> None:
    """One stream counts both kinds, so that one receipt speaks for both."""
    spool.record([record(1), record(2, kind=Kind.EVENT), record(3)])
    spool.seal(stamp())
    rows = spool.rows(0, 10)
    assert [row.sequence for row in rows] == [1, 2]
    assert {row.kind for row in rows} == {Kind.EVENT, Kind.MEASUREMENT}
    assert sorted(numbers(spool, identity)) == [1, 2, 3]


def test_a_receipt_forgets_exactly_what_it_names(spool: Spool, fill: Callable[..., None]) -> None:
    """``through`` and ``beyond`` of our own stream, and nothing else."""
    fill(spool, 6)
    assert spool.forget(Receipt(stream="another", through=6)) == 0
    assert spool.forget(Receipt(stream=spool.stream, through=2, beyond=(4, 99))) == 3
    assert [row.sequence for row in spool.rows(0, 10)] == [3, 5, 6]
    assert spool.oldest() == 3


def test_a_receipt_out_of_this_world_is_harmless(spool: Spool, fill: Callable[..., None]) -> None:
    """A number that no database holds forgets nothing and breaks nothing."""
    fill(spool, 1)
    assert spool.forget(Receipt(stream=spool.stream, through=1 << 70)) == 0
    assert spool.count() == 1


def test_a_sequence_is_never_given_twice(
    spool: Spool, identity: Identity, tmp_path: Path, fill: Callable[..., None], open_spool: Callable[..., Spool]
) -> None:
    """After everything is forgotten and the program restarted the count goes on."""
    fill(spool, 3)
    spool.forget(Receipt(stream=spool.stream, through=3))
    assert spool.oldest() == 4
    spool.close()
    again = open_spool(tmp_path / "spool.sqlite", identity)
    fill(again, 1)
    assert [row.sequence for row in again.rows(0, 10)] == [4]
    again.close()


def test_the_bound_lets_routine_batches_go_first_and_counts_them(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool]
) -> None:
    """Over the bound the oldest batches of plain successes go, failures stay, and nothing goes uncounted."""
    spool = open_spool(tmp_path / "small.sqlite", identity, max_bytes=1 << 20, batch_records=1)
    for number in range(1, 31):
        spool.record([record(number, notable=number % 3 == 0, size=40_000)])
        spool.seal(stamp())
    kept = numbers(spool, identity)
    assert all(number in kept for number in range(3, 31, 3))
    assert spool.lost == spool.evicted_batches == 30 - len(kept) > 0
    assert spool.oldest() == 3
    spool.close()


def test_over_the_bound_with_failures_only_the_oldest_go(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool]
) -> None:
    """When everything matters the newest is kept, and the bound still holds."""
    spool = open_spool(tmp_path / "small.sqlite", identity, max_bytes=1 << 20, batch_records=1)
    for number in range(1, 41):
        spool.record([record(number, size=40_000)])
        spool.seal(stamp())
    kept = numbers(spool, identity)
    assert kept == list(range(41 - len(kept), 41))
    assert sum(len(row.frame) for row in spool.rows(0, 100)) <= 1 << 20
    spool.close()


@pytest.mark.parametrize("damage", [b"this is not a database, it is a holiday photo" * 100, b"\0" * 8192])
def test_a_damaged_file_is_set_aside_and_a_new_stream_begins(
    tmp_path: Path,
    identity: Identity,
    open_spool: Callable[..., Spool],
    damage: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing crashes, nothing is deleted, the log says where the old file is, and the stream is another one."""
    path = tmp_path / "spool.sqlite"
    path.write_bytes(damage)
    spool = open_spool(path, identity)
    assert (tmp_path / "spool.sqlite.damaged.1").read_bytes() == damage
    assert "spool.sqlite.damaged.1" in caplog.text
    assert spool.record([record(1)])
    spool.close()


def test_a_page_torn_in_the_middle_is_found_at_the_start(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool], fill: Callable[..., None]
) -> None:
    """A spool whose content was overwritten by a dying card does not come back with half its truth."""
    path = tmp_path / "spool.sqlite"
    spool = open_spool(path, identity)
    fill(spool, 200)
    first_stream = spool.stream
    spool.batches.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spool.close()
    content = bytearray(path.read_bytes())
    content[4096:-4096] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    again = open_spool(path, identity)
    assert again.stream != first_stream
    again.seal(stamp())
    kept = [item["id"] for row in again.rows(0, 999) for item in msgspec.json.decode(read(row.frame, identity).body)]
    assert 0 < len(kept) < 200
    assert again.lost == 1, "so much is gone that nobody can count it any more"
    again.close()


def test_set_aside_files_do_not_fill_the_card(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool]
) -> None:
    """A card that dies slowly leaves a few damaged files behind, not hundreds."""
    path = tmp_path / "spool.sqlite"
    for _ in range(6):
        path.write_bytes(b"broken" * 1000)
        open_spool(path, identity).close()
    names = sorted(found.name for found in tmp_path.glob("*.damaged.*"))
    assert names == [f"spool.sqlite.damaged.{number}" for number in (4, 5, 6)]


def test_a_full_disk_keeps_measurements_in_memory_and_writes_them_later(spool: Spool, identity: Identity) -> None:
    """A refused commit is said, held, and made good as soon as the disk takes it."""
    spool.record([record(0)])
    pages = spool.batches.database.execute("PRAGMA page_count").fetchone()[0]
    spool.batches.database.execute(f"PRAGMA max_page_count = {pages}")
    assert not spool.record([record(number, size=4000) for number in range(1, 6)])
    assert spool.disk_refuses
    assert spool.count() == 6
    spool.batches.database.execute("PRAGMA max_page_count = 100000")
    assert spool.retry()
    spool.seal(stamp())
    assert numbers(spool, identity) == [0, 1, 2, 3, 4, 5]
    assert spool.lost == 0


def fill_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let SQLite meet a disk that takes no new file; return what stands in its way."""
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    blocked = folder / "spool.sqlite-wal"
    blocked.mkdir()
    return blocked


def test_a_disk_that_takes_nothing_at_the_start_does_not_end_the_measuring(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory stands in with a stream of its own; the file's own content is delivered once it can be written again."""
    path = tmp_path / "spool.sqlite"
    first = open_spool(path, identity)
    first.record([record(0)])
    first.note("bytes today", "1 234")
    stream = first.stream
    first.close()
    blocked = fill_disk(tmp_path, monkeypatch)

    spool = open_spool(path, identity)
    assert (spool.disk_refuses, bool(spool.refusal)) == (True, True)
    assert spool.stream != stream
    assert spool.noted("bytes today") == "1 234"
    spool.record([record(1)])
    assert [spool.disk_refuses] == [True], "what is in memory is not on disk, and people are told so"
    spool.seal(stamp())
    assert numbers(spool, identity) == [1]

    blocked.rmdir()
    for _ in range(120):
        spool.retry()
    assert spool.stream != stream, "what is on air keeps its stream until it has its receipt"
    assert spool.forget(Receipt(at=1.0, stream=spool.stream, through=1)) == 1
    spool.record([record(2)])
    spool.note("bytes today", "2 345")
    for _ in range(60):
        spool.retry()
    assert not spool.disk_refuses
    assert spool.stream == stream
    assert spool.noted("bytes today") == "2 345"
    spool.seal(stamp())
    assert numbers(spool, identity) == [0, 2]
    assert spool.lost == 0
    spool.close()


def test_a_disk_that_stays_full_does_not_hold_back_what_is_new(spool: Spool, identity: Identity) -> None:
    """After half a minute of refusals, measurements go on air from memory; before, they wait for the disk."""
    spool.record([record(0)])
    stream = spool.stream
    pages = spool.batches.database.execute("PRAGMA page_count").fetchone()[0]
    spool.batches.database.execute(f"PRAGMA max_page_count = {pages}")
    spool.record([record(number, size=4000) for number in range(1, 4)])
    for _ in range(29):
        spool.retry()
    assert spool.stream == stream
    spool.retry()
    assert spool.stream != stream
    assert "full" in spool.refusal
    spool.retry()
    spool.seal(stamp())
    assert numbers(spool, identity) == [1, 2, 3]
    assert spool.forget(Receipt(at=1.0, stream=spool.stream, through=9))
    for _ in range(60):
        spool.retry()
    spool.seal(stamp())
    assert (spool.stream, numbers(spool, identity)) == (stream, [0])


@pytest.mark.slow
def test_memory_is_bounded_in_the_place_of_a_disk(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a disk and without a broker, the oldest go and are counted: a probe has 512 MB for everything."""
    fill_disk(tmp_path, monkeypatch)
    spool = open_spool(tmp_path / "spool.sqlite", identity, max_bytes=1 << 30)
    for number in range(120):
        spool.record([record(number, size=50_000)])
        spool.seal(stamp())
    assert spool.lost > 0
    assert spool.batches.bytes_held <= 4 * 1024 * 1024
    assert numbers(spool, identity)[-1] == 119
    spool.close()


def test_memory_is_bounded_while_the_disk_refuses(spool: Spool) -> None:
    """A disk that stays full costs the oldest of what memory holds, and the loss is counted."""
    spool.record([record(0)])
    pages = spool.batches.database.execute("PRAGMA page_count").fetchone()[0]
    spool.batches.database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(60):
        spool.record([record(number, size=50_000)])
    assert spool._unwritten_bytes <= 4 * 1024 * 1024
    assert spool.lost > 0
    spool._unwritten.clear()


def test_big_records_are_split_over_messages_that_the_collector_accepts(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool]
) -> None:
    """No sealed batch is larger than the wire allows, whatever a batch holds."""
    spool = open_spool(tmp_path / "big.sqlite", identity, batch_records=50)
    spool.record([record(number, size=60_000) for number in range(12)])
    spool.seal(stamp())
    rows = spool.rows(0, 100)
    assert max(len(row.frame) for row in rows) <= MAX_BATCH_BYTES
    assert numbers(spool, identity) == list(range(12))
    spool.close()


def test_a_record_that_could_never_be_sent_is_refused_before_it_is_recorded(spool: Spool) -> None:
    """It would stand at the head of the queue for ever."""
    with pytest.raises(TooLargeError, match="bytes; at most"):
        spool.record([record(1, size=MAX_BATCH_BYTES)])
    assert spool.count() == 0


def test_a_batch_is_due_by_age_or_by_number(spool: Spool) -> None:
    """Two records, or ten seconds of the clock, or a clock that was set back."""
    assert not spool.due(1000.0)
    spool.record([record(0)])
    assert not spool.due(1009.0)
    assert spool.due(1010.0)
    assert spool.due(980.0)
    spool.record([record(1)])
    assert spool.due(1001.0)


def test_sessions_grow_over_restarts_and_over_a_lost_spool(
    spool: Spool, identity: Identity, tmp_path: Path, open_spool: Callable[..., Spool]
) -> None:
    """A will of an earlier session can never look newer, not even after the spool was lost."""
    first = spool.next_session(1_700_000_000.0)
    second = spool.next_session(1_600_000_000.0)
    assert second == first + 1
    fresh = open_spool(tmp_path / "other.sqlite", identity)
    assert fresh.next_session(1_700_000_100.0) > second
    fresh.close()


def test_small_facts_survive_a_restart(
    spool: Spool, identity: Identity, tmp_path: Path, open_spool: Callable[..., Spool]
) -> None:
    """What ``note`` kept ``noted`` returns; what nobody noted is empty."""
    spool.note("fact", "yes")
    spool.close()
    again = open_spool(tmp_path / "spool.sqlite", identity)
    assert (again.noted("fact"), again.noted("other")) == ("yes", "")
    again.close()


def test_recording_is_fast_enough_for_a_busy_minute(spool: Spool) -> None:
    """A commit of a usual measurement takes milliseconds, not a share of the cadence (a loose bound: disks differ)."""
    began = time.monotonic()
    for number in range(50):
        spool.record([record(number, size=500)])
    assert time.monotonic() - began < 25.0


@pytest.mark.parametrize(
    ("kind", "notable", "waits"),
    [(Kind.MEASUREMENT, False, 900.0), (Kind.MEASUREMENT, True, 5.0), (Kind.EVENT, False, 5.0)],
)
def test_a_failure_does_not_wait_for_the_batch(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool], kind: Kind, notable: bool, waits: float
) -> None:
    """A profile's long batches are for routine; a failure or an event takes with it what is there."""
    spool = open_spool(tmp_path / "s.sqlite", identity, batch_records=50, batch_seconds=900.0, failure_seconds=5.0)
    routine = Record(Kind.MEASUREMENT, b"{}", 1000.0, notable=False)
    spool.record([routine, Record(kind, b"{}", 1000.0, notable=notable)])
    assert not spool.due(1000.0 + waits - 0.5)
    assert spool.due(1000.0 + waits)
    assert not spool.due(1000.0 + waits, delay_factor=10.0)
    spool.close()
