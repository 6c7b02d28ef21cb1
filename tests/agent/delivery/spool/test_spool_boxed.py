"""The boxed spool: nothing on the disk tells what was seen, and everything of it arrives all the same."""

from __future__ import annotations

import math
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool
from balise_agent.system.identity import load_or_create
from balise_wire.box import OVERHEAD, Opener, addressee, is_box, private_key, public_hex
from balise_wire.envelope import MAX_BATCH_BYTES, Envelope, Kind, decode_envelope
from balise_wire.seal import Sealer, unseal
from balise_wire.status import Receipt
from balise_wire.words import ClockState

if TYPE_CHECKING:
    from collections.abc import Callable

    from balise_agent.system.identity import Identity

SECRET = private_key(bytes(range(32)))
KEY = public_hex(SECRET.public_key())
OTHER_SECRET = private_key(bytes(32))
OTHER = public_hex(OTHER_SECRET.public_key())
READABLE = re.compile(rb"BLS1|\"n\":|seen-")
"""What a result looks like to whoever has the disk: a frame that is merely signed, or its JSON."""


def stamp(at: float = 2000.0, **changes: Any) -> Stamp:
    """Return a moment."""
    return Stamp(at, ClockState.SYNCED, 7, **{"historical": False, "boot": "b007", "uptime": 12.3, **changes})


def record(number: int, kind: Kind = Kind.MEASUREMENT, size: int = 0) -> Record:
    """Return a record that can be told from others."""
    body = msgspec.json.encode({"n": number, "seen": f"seen-{number}", "filler": "x" * size})
    return Record(kind, body, 1000.0 + number, number % 2 == 0)


class Reader:
    """The collector's side: opens boxes and carriers, and counts what came."""

    def __init__(self, identity: Identity, secret: Any = SECRET) -> None:
        self._key = identity.key.public_key()
        self._opener = Opener([secret])
        self.envelopes: list[Envelope] = []
        self.numbers: list[int] = []

    def read(self, frame: bytes) -> Envelope:
        """Take one frame apart."""
        assert is_box(frame), "what goes on air is boxed as it lies on the disk"
        return self._read(frame)

    def _read(self, frame: bytes) -> Envelope:
        envelope = decode_envelope(unseal(self._opener.open(frame), self._key, most=1 << 22))
        self.envelopes.append(envelope)
        if envelope.kind is Kind.CARRIED:
            for part in msgspec.json.decode(envelope.body, type=list[bytes]):
                self._read(part)
        else:
            self.numbers += [item["n"] for item in msgspec.json.decode(envelope.body)]
        return envelope

    def take(self, spool: Spool) -> list[int]:
        """Read everything that a spool would send."""
        for row in spool.rows(0, 10_000):
            assert self.read(row.frame).sequence == row.sequence
        return self.numbers


def content(path: Path) -> bytes:
    """Return every byte of the spool's files."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob("spool.sqlite*")))


@pytest.fixture
def boxed(spool: Spool) -> Spool:
    """Return an empty spool whose collector opens boxes."""
    assert spool.seal_to(KEY)
    return spool


def test_nothing_on_the_disk_tells_what_was_seen(boxed: Spool, tmp_path: Path, identity: Identity) -> None:
    """Neither what waits for its batch nor a sealed batch, in the file or in its log; the collector reads all."""
    boxed.record([record(number) for number in range(5)], stamp())
    assert not READABLE.search(content(tmp_path / "spool.sqlite"))
    boxed.seal(stamp())
    boxed.record([record(5)], stamp())
    assert not READABLE.search(content(tmp_path / "spool.sqlite"))
    boxed.seal(stamp())
    assert Reader(identity).take(boxed) == list(range(6))


def test_what_a_killed_run_left_goes_on_in_a_carrier(
    boxed: Spool, tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool]
) -> None:
    """In the order it was recorded, with the moments of then, under one sequence of the stream; nothing is lost."""
    boxed.record([record(1)], stamp(1500.0))
    boxed.record([record(2, Kind.EVENT), record(3)], stamp(1600.0))
    stream = boxed.stream
    boxed.batches.database.close()  # what a kill leaves
    again = open_spool(tmp_path / "spool.sqlite", identity)
    assert again.seal_to(KEY)
    assert again.count() == 3
    assert again.due(2000.0)
    again.record([record(4)], stamp(2000.0))
    again.seal(stamp(2000.0))
    reader = Reader(identity)
    assert reader.take(again) == [1, 2, 3, 4]
    carrier, *parts = reader.envelopes
    assert (carrier.kind, carrier.sequence, carrier.stream) == (Kind.CARRIED, 1, stream)
    assert [(one.sequence, one.stream, one.historical) for one in parts[:3]] == [(0, "", True)] * 3
    assert [(one.kind, one.sent_at, one.boot, one.uptime) for one in parts[:3]] == [
        (Kind.MEASUREMENT, 1500.0, "b007", 12.3),
        (Kind.EVENT, 1600.0, "b007", 12.3),
        (Kind.MEASUREMENT, 1600.0, "b007", 12.3),
    ]
    assert not again.due(2000.0)
    assert again.forget(Receipt(stream=stream, through=2)) == 2
    assert again.count() == 0
    again.close()


_WRITER = """
import sys
from pathlib import Path
from balise_agent.system.identity import load_or_create
from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool
from balise_wire.envelope import Kind
from balise_wire.seal import Sealer
from balise_wire.words import ClockState
path, number = Path(sys.argv[1]), int(sys.argv[3])
sealer = Sealer(load_or_create(path.parent).key)
spool = Spool(path, probe="k7m2q9xd", sealer=sealer, max_bytes=1 << 26, batch_records=7, batch_seconds=1.0)
assert spool.seal_to(sys.argv[2])
while True:
    number += 1
    if spool.record([Record(Kind.MEASUREMENT, b'{"n":%d}' % number, 1.0)]):
        print(number, flush=True)
    if number % 5 == 0:
        spool.seal(Stamp(2.0, ClockState.SYNCED, 1, historical=False))
"""


@pytest.mark.slow
def test_everything_acknowledged_survives_kill_9_and_nobody_reads_it(
    tmp_path: Path, open_spool: Callable[..., Spool]
) -> None:
    """Whatever ``record`` returned true for arrives exactly once, whenever the kill came; the disk never shows it."""
    path = tmp_path / "spool.sqlite"
    told = 0
    for wanted in (3, 17, 40, 29):
        command = [sys.executable, "-c", _WRITER, str(path), KEY, str(told)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(wanted)]
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split(b"\n")
        before, told = told, max(int(line) for line in [*lines, *rest[:-1]] if line.strip())
        assert not READABLE.search(content(path))
        identity = load_or_create(tmp_path)
        spool = open_spool(path, identity, batch_records=7)
        spool.seal_to(KEY)
        spool.seal(stamp())
        found = Reader(identity).take(spool)
        assert found == [*range(before + 1, len(found) + before + 1)]
        assert told - before <= len(found) <= told - before + 1  # the one whose answer the kill swallowed
        spool.forget(Receipt(stream=spool.stream, through=1 << 40))
        assert spool.count() == 0
        told = before + len(found)
        spool.close()


def test_what_was_bare_is_boxed_as_soon_as_the_collector_says_so(
    spool: Spool, tmp_path: Path, identity: Identity, fill: Callable[..., None]
) -> None:
    """A board that was updated: batches and what waits, in the file and in its log; the numbers stay what they were."""
    for number in range(6):
        spool.record([record(number)], stamp())
        if number < 4:
            spool.seal(stamp())
    assert READABLE.search(content(tmp_path / "spool.sqlite"))
    assert spool.seal_to(KEY)
    assert not READABLE.search(content(tmp_path / "spool.sqlite"))
    spool.seal(stamp())
    reader = Reader(identity)
    assert reader.take(spool) == list(range(6))
    assert [one.sequence for one in reader.envelopes] == [1, 2, 3, 4, 5]
    fill(spool, 1)
    assert spool.forget(Receipt(stream=spool.stream, through=6)) == 6


def test_a_collector_that_opens_no_boxes_any_more_gets_what_is_new(
    boxed: Spool, identity: Identity, tmp_path: Path
) -> None:
    """It was put back to an older program: new results flow bare, and those of this run that no batch had closed.

    What is boxed waits for a collector that opens it, and no receipt for a later number makes it go.
    """
    boxed.record([record(0)], stamp())
    boxed.seal(stamp())
    boxed.record([record(1)], stamp())
    assert boxed.seal_to("")
    boxed.seal(stamp())
    (row,) = boxed.rows(0, 10)
    envelope = decode_envelope(unseal(row.frame, identity.key.public_key(), most=1 << 20))
    assert (envelope.sequence, envelope.oldest) == (2, 2)
    assert boxed.oldest() == 2
    assert boxed.forget(Receipt(stream=boxed.stream, through=2)) == 1
    assert boxed.count() == 1
    boxed.record([record(2)], stamp())
    assert boxed.seal_to(KEY)
    boxed.seal(stamp())
    assert Reader(identity).take(boxed) == [0, 2]
    assert not READABLE.search(content(tmp_path / "spool.sqlite"))


def test_what_is_boxed_for_another_collector_waits_and_goes_first(
    tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool]
) -> None:
    """A probe that was enrolled anew elsewhere: old batches stand in nobody's way, and are the first to be let go."""
    spool = open_spool(tmp_path / "spool.sqlite", identity, max_bytes=40_000, batch_records=1)
    spool.seal_to(OTHER)
    # Larger than any that follows: what is let go to make room for one of those is this one alone.
    large = b'{"n":0,"f":"%s"}' % (identity.key.sign(b"a") + identity.key.sign(b"b")).hex().encode()
    spool.record([Record(Kind.MEASUREMENT, large, 1.0)], stamp())
    spool.seal(stamp())
    spool.record([record(1)], stamp())
    spool.seal_to(KEY)
    spool.seal(stamp())
    assert [addressee(row.frame) == addressee(spool.rows(0, 9)[0].frame) for row in spool.rows(0, 9)] == [True]
    assert Reader(identity).take(spool) == [1]
    spool.seal_to(OTHER)
    assert Reader(identity, OTHER_SECRET).take(spool) == [0]
    spool.seal_to(KEY)
    number = 1
    while not spool.lost:
        number += 1
        spool.record(
            [
                Record(
                    Kind.MEASUREMENT,
                    b'{"n":%d,"f":"%s"}' % (number, identity.key.sign(b"%d" % number).hex().encode()),
                    1.0,
                )
            ]
        )
        spool.seal(stamp())
    assert spool.lost == 1
    assert Reader(identity).take(spool) == list(range(1, number + 1))
    spool.close()


@pytest.mark.parametrize("key", ["00" * 32, "zz", "ab" * 31])
def test_a_key_that_is_none_changes_nothing(boxed: Spool, key: str, identity: Identity) -> None:
    """Nothing is boxed for a key that nobody can have, and nothing goes bare because of it."""
    assert not boxed.seal_to(key)
    boxed.record([record(1)], stamp())
    boxed.seal(stamp())
    assert Reader(identity).take(boxed) == [1]


def test_a_restored_card_does_not_let_old_receipts_cover_new_results(
    boxed: Spool, tmp_path: Path, identity: Identity, open_spool: Callable[..., Spool]
) -> None:
    """Its next numbers were given out before: a receipt that names them was for other batches. A new stream begins."""
    boxed.record([record(1)], stamp())
    boxed.seal(stamp())
    boxed.batches.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = (tmp_path / "spool.sqlite").read_bytes()
    for number in range(2, 9):
        boxed.record([record(number)], stamp())
        boxed.seal(stamp())
    receipt = Receipt(stream=boxed.stream, through=boxed.oldest() + 7)
    assert not boxed.is_behind(receipt)
    boxed.close()
    (tmp_path / "spool.sqlite").write_bytes(copy)
    again = open_spool(tmp_path / "spool.sqlite", identity)
    again.seal_to(KEY)
    again.record([record(20)], stamp())
    again.seal(stamp())
    assert again.is_behind(receipt)
    again.begin_anew("a receipt says so")
    assert again.stream != receipt.stream
    assert not again.is_behind(receipt)
    again.seal(stamp())
    assert again.forget(receipt) == 0
    reader = Reader(identity)
    assert reader.take(again) == [1, 20]
    assert reader.envelopes[0].stream == again.stream
    again.close()


def test_the_largest_record_fits_a_carrier(boxed: Spool, identity: Identity, tmp_path: Path, open_spool: Any) -> None:
    """What could be recorded can be passed on after a kill, even if nothing of it can be compressed."""
    chance = random.Random(1)
    body = msgspec.json.encode({"n": 1, "f": chance.randbytes(118_000).hex()})
    boxed.record([Record(Kind.MEASUREMENT, body, 1.0)], stamp())
    boxed.batches.database.close()
    again = open_spool(tmp_path / "spool.sqlite", identity)
    again.seal_to(KEY)
    again.seal(stamp())
    (row,) = again.rows(0, 9)
    assert len(row.frame) <= MAX_BATCH_BYTES
    assert Reader(identity).take(again) == [1]
    again.close()


def test_boxing_costs_a_batch_less_than_a_byte_a_record(identity: Identity, tmp_path: Path) -> None:
    """P7 counts what crosses: 69 bytes a batch, whatever is in it."""
    sizes = []
    for name, key in (("bare", ""), ("boxed", KEY)):
        spool = Spool(
            tmp_path / f"{name}.sqlite", probe="k7m2q9xd", sealer=Sealer(identity.key), max_bytes=1 << 24,
            batch_records=100, batch_seconds=60.0, failure_seconds=math.inf,
        )  # fmt: skip
        spool.seal_to(key)
        spool.record([record(number, size=300) for number in range(100)], stamp())
        spool.seal(stamp())
        sizes.append(len(spool.rows(0, 1)[0].frame))
        spool.close()
    assert abs(sizes[1] - sizes[0] - OVERHEAD) <= 8  # ids are random, and compress by chance
