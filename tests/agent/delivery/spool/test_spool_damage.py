"""A damaged place of a spool costs itself: everything else is delivered, the loss is counted, nothing stands still."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool
from balise_agent.system.identity import Identity, ephemeral
from balise_wire.box import Opener, is_box, private_key, public_hex
from balise_wire.envelope import Envelope, Kind, decode_envelope
from balise_wire.seal import Sealer, unseal
from balise_wire.status import Receipt
from balise_wire.words import ClockState

PAGE = 4096
SECRET = private_key(bytes(range(32)))
KEY = public_hex(SECRET.public_key())
WAITING = 20
"""Records in no batch yet."""
IDENTITY = ephemeral()
DAMAGE: dict[str, Callable[[bytearray, int, random.Random], None]] = {}


def damage(kind: Callable[[bytearray, int, random.Random], None]) -> Callable[[bytearray, int, random.Random], None]:
    """Note one kind of damage to a page."""
    DAMAGE[kind.__name__] = kind
    return kind


@damage
def zeroed(content: bytearray, page: int, _chance: random.Random) -> None:
    """A block that the card gives back as nothing."""
    content[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)


@damage
def random_bytes(content: bytearray, page: int, chance: random.Random) -> None:
    """A block of something else."""
    content[page * PAGE : (page + 1) * PAGE] = chance.randbytes(PAGE)


@damage
def flipped(content: bytearray, page: int, chance: random.Random) -> None:
    """Three bits anywhere."""
    for _ in range(3):
        content[page * PAGE + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)


@damage
def flipped_head(content: bytearray, page: int, chance: random.Random) -> None:
    """Two bits where SQLite keeps a page's structure."""
    for _ in range(2):
        content[page * PAGE + chance.randrange(60)] ^= 1 << chance.randrange(8)


def opened(path: Path, *, boxed: bool, identity: Identity = IDENTITY) -> Spool:
    """Open a spool as a probe does whose collector opens boxes, or does not."""
    spool = Spool(
        path, probe="k7m2q9xd", sealer=Sealer(identity.key), max_bytes=1 << 26, batch_records=100, batch_seconds=10.0
    )
    if boxed:
        assert spool.seal_to(KEY)
    return spool


def fill(spool: Spool, batches: int, *, large: bool = False) -> None:
    """Seal batches of one record each, and leave some records without one."""
    chance = random.Random(batches)
    for number in range(batches + WAITING):
        size = chance.choice((10, 400, 3000, 5000)) if large else chance.choice((10, 60, 120))
        body = msgspec.json.encode({"n": number, "filler": chance.randbytes(size).hex()})
        kind = Kind.MEASUREMENT if number < batches else Kind.EVENT
        spool.record([Record(kind, body, 1000.0 + number, number % 3 == 0)])
        if number < batches:
            spool.seal(Stamp(1000.0 + number, ClockState.SYNCED, 1, historical=False))


def delivered(spool: Spool) -> set[int]:
    """Let the collector take everything, row by row as its receipts allow; nothing may be left over."""
    spool.seal(Stamp(9999.0, ClockState.SYNCED, 1, historical=False))
    found: set[int] = set()

    def read(frame: bytes) -> Envelope:
        frame = Opener([SECRET]).open(frame) if is_box(frame) else frame
        envelope = decode_envelope(unseal(frame, IDENTITY.key.public_key(), most=1 << 22))
        if envelope.kind is Kind.CARRIED:
            for part in msgspec.json.decode(envelope.body, type=list[bytes]):
                read(part)
        else:
            found.update(item["n"] for item in msgspec.json.decode(envelope.body))
        return envelope

    while rows := spool.rows(0, 500):
        heard = [read(row.frame) for row in rows]
        assert {one.stream for one in heard} == {spool.stream}
        assert spool.forget(Receipt(stream=spool.stream, through=0, beyond=tuple(one.sequence for one in heard)))
    assert spool.count() == 0
    return found


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a folder in memory where there is one: no power goes here, and a disk takes its time for each commit."""
    base = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    folder = base / f"balise-damage-{random.randrange(1 << 62):x}" if base.is_dir() else None
    if folder is None:
        pytest.skip("no /dev/shm")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def trials(
    folder: Path, kind: str, batches: int, *, boxed: bool, large: bool = False, every: int = 1
) -> tuple[int, int]:
    """Damage each page in turn, or every n-th; return the worst loss, and the pages."""
    spool = opened(folder / "base.sqlite", boxed=boxed)
    fill(spool, batches, large=large)
    spool.close()
    whole = (folder / "base.sqlite").read_bytes()
    chance = random.Random(kind)
    worst = 0
    for page in range(0, len(whole) // PAGE, every):
        content = bytearray(whole)
        DAMAGE[kind](content, page, chance)
        for old in folder.glob("spool.sqlite*"):
            old.unlink()
        (folder / "spool.sqlite").write_bytes(content)
        spool = opened(folder / "spool.sqlite", boxed=boxed)
        lost = batches + WAITING - len(delivered(spool))
        worst = max(worst, lost)
        # A flipped row number is two rows for the one that counts what is missing.
        assert abs(spool.lost - lost) <= (0 if kind in {"zeroed", "random_bytes"} else 2), (page, spool.damage)
        assert bool(spool.damage) or not lost
        spool.close()
    return worst, len(whole) // PAGE


@pytest.mark.slow
@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("boxed", [False, True], ids=["bare", "boxed"])
def test_a_damaged_page_gives_up_itself_alone(memory: Path, kind: str, boxed: bool) -> None:
    """Each page of a small spool with large rows in turn: header, facts, counts, interior pages, leaves, overflow."""
    worst, pages = trials(memory, kind, 40, boxed=boxed, large=True)
    assert pages > 25
    assert worst <= WAITING


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_page_of_a_thousand_rows_gives_up_itself_alone(memory: Path, kind: str) -> None:
    """Every page of a thousand batches: the worst of them holds two dozen small ones."""
    worst, pages = trials(memory, kind, 1000, boxed=True, every=1 if kind == "zeroed" else 7)
    print(f"{kind}: {pages} pages, at worst {worst} of {1000 + WAITING} rows lost")  # noqa: T201 - the counts are the finding
    assert pages > 80
    assert worst <= 24


def test_the_stream_goes_on_where_both_words_about_it_agree(memory: Path) -> None:
    """A leaf that is lost changes no number: receipts that are under way count, and no sequence is given twice."""
    spool = opened(memory / "spool.sqlite", boxed=True)
    fill(spool, 60)
    stream = spool.stream
    spool.forget(Receipt(stream=stream, through=10))
    spool.close()
    content = bytearray((memory / "spool.sqlite").read_bytes())
    with sqlite3.connect(memory / "spool.sqlite") as database:
        leaf = (
            database.execute(
                "SELECT pageno FROM dbstat WHERE name = 'batch' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 1"
            ).fetchone()
            if _has_dbstat(database)
            else None
        )
    page = leaf[0] - 1 if leaf else len(content) // PAGE - 2
    content[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    (memory / "spool.sqlite").write_bytes(content)
    again = opened(memory / "spool.sqlite", boxed=True)
    assert again.stream == stream
    left = [row.sequence for row in again.rows(0, 100)]
    assert again.lost == 50 - len(left)
    again.seal(Stamp(1.0, ClockState.SYNCED, 1, historical=False))
    assert again.rows(60, 9)[0].sequence == 61
    again.close()


def _has_dbstat(database: sqlite3.Connection) -> bool:
    """Whether this SQLite can say which page is what."""
    try:
        database.execute("SELECT 1 FROM dbstat LIMIT 1")
    except sqlite3.OperationalError:
        return False
    return True


@pytest.mark.parametrize("statement", [
    "UPDATE meta SET value = '0123456789abcdef' WHERE name = 'stream'",
    "UPDATE meta SET value = 'nonsense' WHERE name = 'stream'",
    "UPDATE sqlite_sequence SET seq = 3 WHERE name = 'batch'",
    "UPDATE sqlite_sequence SET seq = 3000000 WHERE name = 'batch'",
    "UPDATE twin SET floor = 99000",
    "UPDATE twin SET stream = 'fedcba9876543210'",
])  # fmt: skip
def test_a_count_that_contradicts_itself_begins_a_new_stream(memory: Path, statement: str) -> None:
    """A number that is used twice would let a receipt cover what never arrived; everything goes on under new ones."""
    spool = opened(memory / "spool.sqlite", boxed=True)
    fill(spool, 30)
    stream = spool.stream
    spool.batches.database.execute(statement)
    spool.close()
    again = opened(memory / "spool.sqlite", boxed=True)
    assert again.stream not in {stream, "0123456789abcdef", "fedcba9876543210", "nonsense"}
    assert delivered(again) == set(range(50))
    again.close()


def test_a_count_that_is_lost_goes_on_above_all_that_were_given_out(memory: Path) -> None:
    """The second word about the stream stands: no number below its bound was free for certain."""
    spool = opened(memory / "spool.sqlite", boxed=True)
    fill(spool, 30)
    stream = spool.stream
    spool.batches.database.execute("DELETE FROM sqlite_sequence WHERE name = 'batch'")
    spool.close()
    again = opened(memory / "spool.sqlite", boxed=True)
    again.seal(Stamp(1.0, ClockState.SYNCED, 1, historical=False))
    assert again.stream == stream
    assert [row.sequence for row in again.rows(30, 9)] == [1000]
    assert delivered(again) == set(range(50))
    again.close()


@pytest.mark.slow
def test_a_bit_in_the_log_does_not_take_the_commits_behind_it(memory: Path) -> None:
    """SQLite ends at the first frame whose checksum fails, without a word: all that was committed after it was gone."""
    spool = opened(memory / "base.sqlite", boxed=True)
    fill(spool, 60)
    whole = {name: (memory / f"base.sqlite{name}").read_bytes() for name in ("", "-wal")}
    spool.close()
    log = whole["-wal"]
    frames = [place for place in range(32, len(log), 24 + PAGE) if log[place + 8 : place + 16] == log[16:24]]
    assert len(frames) > 60
    worst = 0
    for place in (0, 16, *(frames[step] + 30 for step in range(0, len(frames) - 8, 17))):
        for old in memory.glob("spool.sqlite*"):
            old.unlink()
        content = bytearray(log)
        content[place] ^= 1
        (memory / "spool.sqlite").write_bytes(whole[""])
        (memory / "spool.sqlite-wal").write_bytes(content)
        again = opened(memory / "spool.sqlite", boxed=True)
        worst = max(worst, 80 - len(delivered(again)))
        assert again.damage
        again.close()
    assert worst <= 3


def test_a_commit_that_the_power_cut_in_half_is_no_damage(memory: Path) -> None:
    """Nobody was told that it was recorded: the file is taken as it is, and nothing is counted."""
    spool = opened(memory / "base.sqlite", boxed=True)
    fill(spool, 10)
    log = (memory / "base.sqlite-wal").read_bytes()
    shutil.copy(memory / "base.sqlite", memory / "spool.sqlite")
    spool.close()
    frames = [place for place in range(32, len(log), 24 + PAGE) if log[place + 8 : place + 16] == log[16:24]]
    (memory / "spool.sqlite-wal").write_bytes(log[: frames[-1] + 24 + 1000])
    again = opened(memory / "spool.sqlite", boxed=True)
    assert (again.damage, again.lost) == ("", 0)
    assert len(delivered(again)) == 29
    again.close()


def test_damage_that_shows_while_it_runs_costs_no_more(memory: Path) -> None:
    """A page that goes bad under a running probe: rebuilt at once, what waits is in memory, the stream goes on."""
    spool = opened(memory / "spool.sqlite", boxed=True)
    fill(spool, 200)
    spool.batches.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spool.batches.database.execute("PRAGMA cache_size=0")
    content = bytearray((memory / "spool.sqlite").read_bytes())
    page = len(content) // PAGE // 2
    with (memory / "spool.sqlite").open("r+b") as file:
        file.seek(page * PAGE)
        file.write(bytes(PAGE))
    spool.batches.database.execute("PRAGMA shrink_memory")
    stream = spool.stream
    assert spool.rows(0, 500) == []  # meets the page; the next look finds the file rebuilt
    assert len(delivered(spool)) >= 200 + WAITING - 24
    assert spool.stream == stream
    assert 0 < spool.lost <= 24
    assert not spool.disk_refuses
    spool.close()


def test_damaged_files_stay_few_and_small(tmp_path: Path) -> None:
    """What is set aside takes at most a quarter of what the spool may take."""
    for number in range(6):
        (tmp_path / "spool.sqlite").write_bytes(b"broken" * 100_000)
        spool = Spool(
            tmp_path / "spool.sqlite", probe="k7m2q9xd", sealer=Sealer(IDENTITY.key), max_bytes=5_000_000,
            batch_records=10, batch_seconds=10.0,
        )  # fmt: skip
        spool.close()
        assert len(list(tmp_path.glob("*.damaged.*"))) == min(number + 1, 2)
