"""The journal keeps what it said it keeps: once, in order, through kills, damage and full disks."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.journal import Batch, Notice, NoticeKind, Presence, RefusedMessage, Report
from balise_collector.journal.frames import id64
from balise_collector.journal.interface import Journal
from balise_collector.journal.sqlite import SqliteJournal, measurements
from balise_collector.journal.sqlite.events import EVENTS_KEPT
from balise_collector.system.errors import JournalError
from balise_wire.measurement import Measurement
from balise_wire.status import Event, EventKind, Health
from balise_wire.words import ClockState, Lifecycle
from tests.collector.field_probe import FieldProbe

AT = 1_589_733_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the journal is."""
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    """Return an open journal with the smallest quarantine."""
    opened = SqliteJournal(path, quarantine_bytes=1024 * 1024)
    yield opened
    opened.close()


@pytest.fixture
def batch_of(probe: FieldProbe) -> Callable[..., Batch]:
    """Return a maker of accepted batches around measurements."""

    def make(*measurements: Measurement, sequence: int = 0) -> Batch:
        frame = probe.batch(*measurements)
        return Batch(
            probe=probe.id,
            public_key=probe.public_hex,
            stream=probe.stream,
            sequence=sequence or probe.sequence,
            sent_at=AT - 1,
            clock_state=ClockState.SYNCED,
            frame=frame,
            measurements=tuple((place, m.id) for place, m in enumerate(measurements)),
        )

    return make


def test_the_back_end_is_a_journal(journal: SqliteJournal) -> None:
    """One interface, any back end: the type checker holds this one to every method of it (``make check``)."""
    back_end: Journal = journal
    assert back_end.read(0, 1) == []


def test_what_was_appended_is_read_back_in_order(
    journal: SqliteJournal, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A reader gets every measurement with its place, its probe and when it was received."""
    sent = [probe.measurement(AT + n) for n in range(5)]
    assert journal.append([batch_of(*sent[:3]), batch_of(*sent[3:])], (), (), AT) == 5
    rows = journal.read(0, 100)
    assert [row.measurement for row in rows] == sent
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert {(row.probe, row.received_at) for row in rows} == {(probe.id, AT)}
    assert [row.seq for row in journal.read(3, 1)] == [4]


def test_repeats_are_dropped_by_id(journal: SqliteJournal, probe: FieldProbe, batch_of: Callable[..., Batch]) -> None:
    """The same measurement in the same batch, resent, or in another batch enters once."""
    one, two = probe.measurement(), probe.measurement()
    first = batch_of(one)
    assert journal.append([first], (), (), AT) == 1
    assert journal.append([first], (), (), AT) == 0
    assert journal.append([batch_of(one, two)], (), (), AT) == 1
    assert [row.measurement.id for row in journal.read(0, 9)] == [one.id, two.id]
    assert journal.counts().batches == 2


def test_two_probes_may_have_the_same_id(
    journal: SqliteJournal, make_probe: Callable[..., FieldProbe], probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """Ids are each probe's own: a hostile one cannot keep another's measurement out."""
    one = probe.measurement()
    other = make_probe(id="probe0002")
    copied = other.measurement(id=one.id)
    frame = other.batch(copied)
    foreign = Batch(
        probe=other.id, public_key=other.public_hex, sent_at=AT, frame=frame, measurements=((0, copied.id),)
    )
    journal.append([foreign, batch_of(one)], (), (), AT)
    assert [row.probe for row in journal.read(0, 9)] == [other.id, probe.id]


def test_frames_verify_years_later(journal: SqliteJournal, probe: FieldProbe, batch_of: Callable[..., Batch]) -> None:
    """The journal keeps the exact sealed bytes and the key they verify against."""
    one = probe.measurement()
    batch = batch_of(one)
    journal.append([batch], (), (), AT)
    query = "SELECT b.frame, s.public_key FROM batch b JOIN signer s ON s.no = b.signer"
    assert journal._db.execute(query).fetchall() == [(batch.frame, probe.public_hex)]


def test_a_damaged_frame_costs_its_own_rows(
    journal: SqliteJournal, path: Path, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A byte that changed on disk is never a measurement: its rows are named with the reason, others are read."""
    for n in range(3):
        journal.append([batch_of(probe.measurement(AT + n), probe.measurement(AT + n))], (), (), AT)
    with sqlite3.connect(path) as db:
        frame = bytearray(db.execute("SELECT frame FROM batch WHERE no = 2").fetchone()[0])
        frame[-1] ^= 1
        db.execute("UPDATE batch SET frame = ? WHERE no = 2", (bytes(frame),))
    db.close()
    piece = journal.piece(0, 10)
    assert [row.seq for row in piece.rows] == [1, 2, 5, 6]
    assert [fault.seq for fault in piece.damaged] == [3, 4]
    assert all("no longer verifies" in fault.error for fault in piece.damaged)
    assert (piece.through, piece.ended) == (6, True)
    assert [row.seq for row in journal.rows([2, 3, 5])] == [2, 5]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ("UPDATE batch SET received_at = 1e300 WHERE no = 2", [1, 3]),
        ("UPDATE batch SET received_at = -5.0 WHERE no = 2", [1, 3]),
        ("UPDATE batch SET received_at = 'x' WHERE no = 2", [1, 3]),
        ("UPDATE batch SET clock_offset = 1e300 WHERE no = 2", [1, 3]),
        ("UPDATE batch SET clock_state = 'syncea', probe = 77, signer = 9, sent_at = 0 WHERE no = 2", [1, 2, 3]),
        ("UPDATE batch SET frame = 7 WHERE no = 2", [1, 3]),
        ("UPDATE batch SET frame = x'' WHERE no = 2", [1, 3]),
        ("DELETE FROM batch WHERE no = 2", [1, 3]),
        ("UPDATE measurement SET batch = 3 WHERE seq = 2", [1, 3]),
        ("UPDATE measurement SET batch = 99 WHERE seq = 2", [1, 3]),
        ("UPDATE measurement SET place = 5 WHERE seq = 2", [1, 3]),
        ("UPDATE measurement SET place = -1 WHERE seq = 2", [1, 3]),
        ("UPDATE measurement SET id = 1 WHERE seq = 2", [1, 3]),
        ("UPDATE probe SET id = CAST(x'ff6162' AS TEXT)", [1, 2, 3]),
    ],
)
def test_what_stands_beside_a_frame_is_held_against_it(
    journal: SqliteJournal, path: Path, probe: FieldProbe, batch_of: Callable[..., Batch], change: str, seen: list[int]
) -> None:
    """The frame is signed and says who, when and what; a column that says otherwise was damaged, and costs its rows."""
    sent = [probe.measurement(AT + n) for n in range(3)]
    for one in sent:
        journal.append([batch_of(one)], (), (), AT)
    with sqlite3.connect(path) as db:
        db.execute(change)
    db.close()
    piece = journal.piece(0, 10)
    assert [row.seq for row in piece.rows] == seen
    assert {row.probe for row in piece.rows} == {probe.id}
    assert [fault.seq for fault in piece.damaged] == [seq for seq in (1, 2, 3) if seq not in seen]
    assert all(row.measurement in sent for row in piece.rows)


def test_a_damaged_position_is_none(
    journal: SqliteJournal, path: Path, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A stream whose place cannot be read counts as not yet committed: its batches are taken, and repeats dropped."""
    sent = batch_of(probe.measurement())
    journal.append([sent], (), (), AT)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE stream SET beyond = '[3, x'")
        db.execute("UPDATE held SET runs = '{'")
    db.close()
    again = SqliteJournal(path)
    assert again.append([sent], (), (), AT) == 0
    assert again.append([batch_of(probe.measurement(), sequence=2)], (), (), AT) == 1
    assert again.position(probe.id, probe.stream).through == 2
    again.close()


def _page_of(path: Path, number: int) -> int:
    """Return the page that holds a measurement's row: pages are filled in the order of rows."""
    data = path.read_bytes()
    for start in range(0, len(data), 4096):
        page = data[start : start + 4096]
        if page[0] != 0x0D:  # a leaf of a table (sqlite.org/fileformat2.html, 1.6)
            continue
        cells = [int.from_bytes(page[8 + 2 * n : 10 + 2 * n], "big") for n in range(int.from_bytes(page[3:5], "big"))]
        numbers = {_varint(page, at + 1)[0] for at in cells if page[at] < 0x80 and page[at] < 40}
        if number in numbers and len(numbers) > 100:
            return start
    raise AssertionError(f"no page holds row {number}")


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, at + 9):
        value = value << 7 | page[place] & 0x7F
        if page[place] < 0x80:
            return value, place + 1
    return value, at + 9


def test_a_damaged_page_costs_its_own_rows(
    journal: SqliteJournal, path: Path, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A page of the disk that is no page any more costs the rows on it; a reader goes on behind it, and counts them."""
    for n in range(10):
        journal.append([batch_of(*[probe.measurement(AT + n) for _ in range(100)])], (), (), AT)
    journal.close()
    page = _page_of(path, 500)
    with path.open("r+b") as file:
        file.seek(page)
        file.write(bytes(4096))
    again = SqliteJournal(path)
    rows, lost, at = 0, 0, 0
    while True:
        piece = again.piece(at, 77)
        rows += len(piece.rows)
        lost += sum(fault.rows for fault in piece.damaged)
        assert piece.through > at or piece.ended
        at = piece.through
        if piece.ended:
            break
    assert at == 1000
    assert rows + lost == 1000
    assert 100 < lost < 300
    again.close()


def test_positions_survive_reopening(
    journal: SqliteJournal, path: Path, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """Receipts after a restart say what they said before."""
    for sequence in (1, 2, 5):
        journal.append([batch_of(probe.measurement(), sequence=sequence)], (), (), AT)
    again = SqliteJournal(path)
    position = again.position(probe.id, probe.stream)
    again.close()
    assert (position.through, position.beyond) == (2, (5,))


def test_an_unknown_stream_has_committed_nothing(journal: SqliteJournal) -> None:
    """A probe that the journal never met is told so: through 0."""
    assert journal.position("stranger1", "s").through == 0


def test_cursors_stand_until_moved(journal: SqliteJournal) -> None:
    """Every reader has its own cursor; it may also go back."""
    assert journal.cursor("judge") == 0
    journal.advance("judge", 41)
    journal.advance("judge", 7)
    assert journal.cursor("judge") == 7
    assert journal.cursor("influx") == 0


def test_the_quarantine_is_bounded_and_counts_what_it_dropped(journal: SqliteJournal) -> None:
    """The oldest refusals make room; their number is kept."""
    refused = [RefusedMessage(probe="", topic="t", reason=f"r{n}", raw=b"x" * 100_000) for n in range(30)]
    for one in refused:
        journal.append((), [one], (), AT)
    counts = journal.counts()
    assert counts.quarantined_bytes <= 1024 * 1024
    assert counts.quarantined + counts.quarantine_dropped == 30
    assert journal.quarantine(1)[0][3] == "r29"


def test_what_is_counted_is_what_is_there(
    journal: SqliteJournal, path: Path, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """No row is counted anew, and yet the counts are the rows': after repeats, a failed commit, and an older file."""

    def rows() -> tuple[int, ...]:
        return tuple(
            journal._db.execute(query).fetchone()[0]
            for query in (
                "SELECT count(*) FROM measurement",
                "SELECT count(*) FROM batch",
                "SELECT sum(length(frame)) FROM batch",
                "SELECT count(*) FROM quarantine",
                "SELECT sum(bytes) FROM quarantine",
                "SELECT count(*) FROM event",
            )
        )

    def counted(one: SqliteJournal) -> tuple[int, ...]:
        found = one.counts()
        return (
            found.measurements, found.batches, found.frame_bytes, found.quarantined, found.quarantined_bytes,
            found.events,
        )  # fmt: skip

    repeated = batch_of(probe.measurement(), probe.measurement())
    event = msgspec.structs.replace(batch_of(), events=(b'{"kind":"started"}',))
    refused = [RefusedMessage(probe="", topic="t", reason="r", raw=b"x" * 300_000)]
    for group in ([repeated], [repeated, batch_of(probe.measurement())], [event, event]):
        journal.append(group, refused, (), AT)
        assert counted(journal) == rows()
    journal._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(JournalError):
        journal.append([batch_of(probe.measurement())], refused, (), AT)
    journal._db.execute("PRAGMA max_page_count = 1000000")
    assert counted(journal) == rows()
    journal.append([batch_of(probe.measurement())], refused * 3, (), AT)
    assert counted(journal) == rows()
    dropped = journal.counts().quarantine_dropped
    assert dropped > 0
    journal._db.execute("DELETE FROM tally WHERE name != 'quarantine_dropped'")  # as the version before left it
    older = SqliteJournal(path)
    assert counted(older) == rows()
    assert older.counts().quarantine_dropped == dropped
    older.close()


def test_a_late_will_does_not_bury_a_new_session(journal: SqliteJournal, probe: FieldProbe) -> None:
    """A will of session 3 that arrives after session 4 said ready is no news."""
    for session, state in ((3, Lifecycle.READY), (4, Lifecycle.READY), (3, Lifecycle.LOST), (4, Lifecycle.READY)):
        journal.append((), (), [Presence(probe=probe.id, state=state, session=session)], AT)
    assert [row.state for row in journal.presence(0.0, AT)] == [Lifecycle.READY, Lifecycle.READY]


def test_a_forged_session_does_not_bury_the_true_ones(
    journal: SqliteJournal, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A probe that proves nothing (commit a430c09): a forged plain state lasts no longer than itself."""
    batch = msgspec.structs.replace(batch_of(probe.measurement()), session=5)
    journal.append([batch], (), [Presence(probe=probe.id, state=Lifecycle.READY, session=5)], AT)
    journal.append((), (), [Presence(probe=probe.id, state=Lifecycle.LOST, session=2**53)], AT + 1)
    journal.append((), (), [Presence(probe=probe.id, state=Lifecycle.READY, session=6)], AT + 2)
    assert journal.latest_presence()[probe.id].state is Lifecycle.READY


def proved(
    probe: FieldProbe, session: int, number: int, state: Lifecycle = Lifecycle.READY, oldest: int = 0
) -> Presence:
    """Return a state under the probe's seal."""
    return Presence(
        probe=probe.id, state=state, session=session, number=number, proved=True, stream=probe.stream, oldest=oldest
    )


def test_only_what_a_probe_says_under_its_seal_moves_its_receipt(
    journal: SqliteJournal, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A gap stays whatever a plain state says, and closes by a sealed state, a sealed report or a sealed batch."""
    gaps = iter((2, 4, 6))
    for sequence in (1, 3, 5, 7):
        journal.append([batch_of(probe.measurement(), sequence=sequence)], (), (), AT)
    plain = Presence(probe=probe.id, state=Lifecycle.READY, session=9, stream=probe.stream, oldest=7)
    journal.append((), (), [plain], AT)
    assert journal.position(probe.id, probe.stream).through == next(gaps) - 1
    journal.append((), (), [proved(probe, 9, 1, oldest=3)], AT)
    assert journal.position(probe.id, probe.stream).through == next(gaps) - 1
    report = Report(probe=probe.id, health=Health(at=AT), session=9, stream=probe.stream, oldest=5)
    journal.append((), (), (), AT, [report])
    assert journal.position(probe.id, probe.stream).through == next(gaps) - 1
    batch = msgspec.structs.replace(batch_of(probe.measurement(), sequence=9), session=9, oldest=9)
    journal.append([batch], (), (), AT)
    assert journal.position(probe.id, probe.stream).through == 9


def test_what_earlier_versions_kept_of_plain_states_moves_nothing(
    path: Path, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A journal of commit a430c09 holds ``oldest`` as anybody could have written it; it moves nothing."""
    before = SqliteJournal(path)
    for sequence in (1, 3):
        before.append([batch_of(probe.measurement(), sequence=sequence)], (), (), AT)
    before._db.execute("DROP TABLE held")
    before._db.execute("UPDATE stream SET oldest = 3")
    before.close()
    journal = SqliteJournal(path)
    journal.append([batch_of(probe.measurement(), sequence=5)], (), (), AT)
    found = journal.position(probe.id, probe.stream)
    assert (found.through, found.beyond) == (1, (3, 5))
    journal.close()


def test_a_probe_that_proves_its_states_is_not_spoken_for(journal: SqliteJournal, probe: FieldProbe) -> None:
    """Neither a plain goodbye, nor a repeat of an earlier state, nor one of an earlier session is its word."""

    def now(*heard: Presence) -> Lifecycle:
        journal.append((), (), heard, AT)
        return journal.latest_presence()[probe.id].state

    assert now(proved(probe, 5, 1), proved(probe, 5, 2, Lifecycle.SLEEPING)) is Lifecycle.SLEEPING
    assert now(proved(probe, 6, 1)) is Lifecycle.READY
    for forged in (Lifecycle.DISCONNECTED, Lifecycle.SLEEPING, Lifecycle.LOST):
        assert now(Presence(probe=probe.id, state=forged, session=99)) is Lifecycle.READY
    assert now(proved(probe, 5, 2, Lifecycle.SLEEPING)) is Lifecycle.READY
    assert now(proved(probe, 6, 2, Lifecycle.DISCONNECTED)) is Lifecycle.DISCONNECTED
    assert now(proved(probe, 6, 1)) is Lifecycle.DISCONNECTED
    assert now(proved(probe, 7, 0, Lifecycle.LOST)) is Lifecycle.LOST
    assert now(proved(probe, 7, 1)) is Lifecycle.READY


def test_a_program_that_was_put_back_is_heard_again(
    path: Path, journal: SqliteJournal, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A probe that proved its states and runs an older program now: its sealed batches say so."""
    journal.append((), (), [proved(probe, 5, 1)], AT)
    batch = msgspec.structs.replace(batch_of(probe.measurement()), session=6)
    journal.append([batch], (), (), AT)
    again = SqliteJournal(path)
    again.append((), (), [Presence(probe=probe.id, state=Lifecycle.DISCONNECTED, session=6)], AT)
    assert again.latest_presence()[probe.id].state is Lifecycle.DISCONNECTED
    again.close()


def test_streams_of_one_probe_stay_bounded(
    journal: SqliteJournal, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A hostile probe that begins a stream with every batch: the newest hundred are remembered."""
    for number in range(130):
        batch = msgspec.structs.replace(batch_of(sequence=1), stream=f"{number:016x}")
        journal.append([batch], (), (), AT + number)
    for query in ("SELECT count(*) FROM stream", "SELECT count(*) FROM held"):
        assert journal._db.execute(query).fetchone()[0] == 100
    assert journal.position(probe.id, f"{129:016x}").through == 1
    assert journal.position(probe.id, f"{0:016x}").through == 0


def test_a_failed_commit_leaves_nothing_and_can_be_repeated(
    journal: SqliteJournal, path: Path, probe: FieldProbe, batch_of: Callable[..., Batch]
) -> None:
    """A full disk: nothing of the group is there, the error says the mend, and the same group commits later."""
    batch = batch_of(*[probe.measurement() for _ in range(20)])
    journal._db.execute("PRAGMA max_page_count = 1")  # what a full disk looks like to SQLite
    grown = [RefusedMessage(probe="", topic="t", reason="r", raw=b"x" * 400_000)]
    with pytest.raises(JournalError, match="make room"):
        journal.append([batch], grown, (), AT)
    assert journal.read(0, 99) == []
    assert journal.position(probe.id, probe.stream).through == 0
    journal._db.execute("PRAGMA max_page_count = 1000000")
    assert journal.append([batch], grown, (), AT) == 20
    assert journal.position(probe.id, probe.stream).through == 1
    assert len(journal.read(0, 99)) == 20
    assert path.exists()


def test_watching_is_written_down(journal: SqliteJournal) -> None:
    """When we listened is known afterwards: silence counts only then."""
    journal.watch(AT)
    journal.append((), (), (), AT + 60)
    journal.watch(None)
    journal.append((), (), (), AT + 600)
    assert journal.watched() == [(AT, AT + 60)]


def test_what_is_new_is_asked_by_key(journal: SqliteJournal, probe: FieldProbe, batch_of: Callable[..., Batch]) -> None:
    """Whether measurements are here already costs their number, not all that the probe ever sent."""
    one, two = probe.measurement(), probe.measurement()
    assert journal.fresh(probe.id, [one.id]) == {one.id}
    journal.append([batch_of(one)], (), (), AT)
    assert journal.fresh(probe.id, [one.id, two.id]) == {two.id}
    assert journal.fresh("stranger1", [one.id]) == {one.id}
    plan = [row[3] for row in journal._db.execute(f"EXPLAIN QUERY PLAN {measurements._KNOWN}", ("[1]", 1))]
    assert any("(probe=? AND id=?)" in step for step in plan), plan


@given(st.binary(min_size=16, max_size=16))
def test_id64_is_the_first_half_of_the_id(raw: bytes) -> None:
    """The key that drops repeats is the first 64 bits as SQLite's signed integer."""
    assert id64(raw.hex()) == int.from_bytes(raw[:8], "big", signed=True)


WRITER = """
import sys
from pathlib import Path
from balise_collector.journal import Refused
from balise_collector.journal.sqlite import SqliteJournal
journal = SqliteJournal(Path(sys.argv[1]))
for n in range(100000):
    journal.append((), [Refused(probe="", topic="t", reason=str(n), raw=b"x")], (), 1.0)
    print(n, flush=True)
"""


def test_what_was_committed_survives_a_kill(path: Path) -> None:
    """Every append that returned before kill -9 is there afterwards, and the file is whole."""
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    last = -1
    for line in child.stdout:
        last = int(line)
        if last >= 60:
            os.kill(child.pid, signal.SIGKILL)
            break
    for line in child.stdout:
        last = int(line)
    child.stdout.close()
    child.wait(10)
    journal = SqliteJournal(path)
    reasons = [int(row[3]) for row in journal.quarantine(100_000)]
    assert journal._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    journal.close()
    assert sorted(reasons)[: last + 1] == list(range(last + 1))


def test_health_reports_are_read_like_rows(journal: SqliteJournal) -> None:
    """Every report in order for a reader with a cursor, and the last of each probe for a page."""
    for n in range(3):
        reports = [Report(probe=probe, health=Health(at=AT + n, spool_rows=n)) for probe in ("k7m2q9xd", "other")]
        journal.append((), (), (), AT + n, reports)
    assert [(row.no, row.probe, row.health.spool_rows) for row in journal.health(2, 3)] == [
        (3, "k7m2q9xd", 1),
        (4, "other", 1),
        (5, "k7m2q9xd", 2),
    ]
    assert {probe: row.health.spool_rows for probe, row in journal.latest_health().items()} == {
        "k7m2q9xd": 2,
        "other": 2,
    }
    assert journal.last_health() == 6


def test_the_last_word_of_each_probe_is_found(journal: SqliteJournal) -> None:
    """A page and a sink ask how things stand, not what was said in between."""
    for n, state in enumerate((Lifecycle.INIT, Lifecycle.READY, Lifecycle.LOST)):
        journal.append((), (), [Presence(probe="k7m2q9xd", state=state, session=1)], AT + n)
    last = journal.latest_presence()["k7m2q9xd"]
    assert (last.state, last.at) == (Lifecycle.LOST, AT + 2)


def test_what_is_noticed_again_within_a_day_is_one_notice(journal: SqliteJournal, epoch: float) -> None:
    """Two boards that throw each other off every minute are one line, with how often; a week later it is another."""
    told = Notice(probe="k7m2q9xd", kind=NoticeKind.CLONED, detail="in turn")
    other = Notice(probe="k7m2q9xd", kind=NoticeKind.CLAIMS, detail="says AS1")
    for minute in range(5):
        journal.append((), (), (), epoch + 60.0 * minute, (), [told])
    journal.append((), (), (), epoch + 400.0, (), [other])
    found = journal.latest_notices()["k7m2q9xd"]
    assert [(row.kind, row.began, row.at, row.times) for row in found] == [
        (NoticeKind.CLAIMS, epoch + 400.0, epoch + 400.0, 1),
        (NoticeKind.CLONED, epoch, epoch + 240.0, 5),
    ]
    journal.append((), (), (), epoch + 7 * 86_400.0, (), [told])
    assert [row.times for row in journal.latest_notices()["k7m2q9xd"]] == [1, 1]


# ---------------------------------------------------------------- what probes tell of themselves


def _told(probe: FieldProbe, *events: Event) -> Batch:
    """Return a batch of events."""
    return Batch(
        probe=probe.id,
        public_key=probe.public_hex,
        sent_at=AT,
        frame=b"",
        events=tuple(msgspec.json.encode(event) for event in events),
    )


def _link(number: int) -> Event:
    return Event(kind=EventKind.LINK_UNUSABLE, at=AT + number, detail=f"eth0 {number}")


def test_events_are_read_in_order_by_probe_and_by_kind(
    journal: SqliteJournal, make_probe: Callable[..., FieldProbe]
) -> None:
    """At a430c09 the only question that anybody asked of them was how many there were."""
    one, other = make_probe(id="k7m2q9xd"), make_probe(id="p2222222")
    full = Event(kind=EventKind.SPOOL_FULL, at=AT, detail="3 batches let go")
    journal.append([_told(one, _link(1), full), _told(other, _link(2))], (), (), AT + 5)
    journal.append([_told(one, _link(3))], (), (), AT + 9)
    assert [(row.no, row.probe, row.received_at, row.event) for row in journal.events(0, 10)] == [
        (1, one.id, AT + 5, _link(1)),
        (2, one.id, AT + 5, full),
        (3, other.id, AT + 5, _link(2)),
        (4, one.id, AT + 9, _link(3)),
    ]
    assert [row.no for row in journal.events(2, 1)] == [3]
    assert [row.event for row in journal.events_of(one.id, 2)] == [_link(3), full]
    assert [row.event for row in journal.events_of(one.id, 9, EventKind.SPOOL_FULL)] == [full]
    assert journal.events_of("nobody00", 9) == []
    assert (journal.last_event(), journal.counts().events) == (4, 4)
    journal.append([_told(one, _link(3))], (), (), AT + 60)
    assert journal.last_event() == 4


def test_each_kind_of_each_probe_has_its_own_room(
    journal: SqliteJournal, make_probe: Callable[..., FieldProbe]
) -> None:
    """A probe that tells one thing by the minute crowds out neither its other words nor those of other probes."""
    loud, quiet = make_probe(id="k7m2q9xd"), make_probe(id="p2222222")
    rare = Event(kind=EventKind.SPOOL_FULL, at=AT, detail="once")
    journal.append([_told(loud, rare), _told(quiet, rare)], (), (), AT)
    for turn in range(4):
        journal.append([_told(loud, *(_link(turn * 500 + n) for n in range(500)))], (), (), AT + turn)
    (kept,) = journal._db.execute("SELECT count(*) FROM event").fetchone()
    assert kept == EVENTS_KEPT + 2
    assert journal.events_of(loud.id, 1)[0].event == _link(1999)
    assert [row.event for row in journal.events_of(loud.id, 9, EventKind.SPOOL_FULL)] == [rare]
    assert [row.event for row in journal.events_of(quiet.id, 9)] == [rare]
    assert journal.last_event() == 2002


def test_questions_about_events_are_asked_of_an_index(journal: SqliteJournal) -> None:
    """A page of the fleet asks for each probe and each kind of trouble: none of that may read all rows."""
    plans = {
        "SELECT e.no FROM event e WHERE e.no > 5 ORDER BY e.no LIMIT 9": "SEARCH e USING",
        "SELECT no FROM event WHERE probe = 1 AND kind = 'reboot' ORDER BY no DESC LIMIT 9": "INDEX event_kind",
        "SELECT no, body FROM event WHERE probe = 1 ORDER BY no DESC LIMIT 9": "INDEX event_probe",
        "SELECT DISTINCT kind FROM event WHERE probe = 1": "INDEX event_kind",
        "SELECT 1 FROM event WHERE kind IS NULL LIMIT 1": "INDEX event_unsorted",
    }
    for query, index in plans.items():
        plan = " ".join(str(row[3]) for row in journal._db.execute(f"EXPLAIN QUERY PLAN {query}"))
        assert index in plan, (query, plan)
        assert "TEMP B-TREE" not in plan, (query, plan)


def test_events_of_a_file_that_knew_no_kinds_are_sorted_and_bounded(
    path: Path, make_probe: Callable[..., FieldProbe]
) -> None:
    """A journal of a430c09 has neither the column nor an end; its writer may also come back, after an update undone."""
    probe = make_probe(id="k7m2q9xd")
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE probe(no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);"
        "CREATE TABLE event(no INTEGER PRIMARY KEY, probe INTEGER NOT NULL, received_at REAL NOT NULL,"
        " body BLOB NOT NULL, UNIQUE(probe, body)); INSERT INTO probe VALUES(1, 'k7m2q9xd');"
    )
    bodies = [msgspec.json.encode(_link(n)) for n in range(EVENTS_KEPT + 50)]
    bodies += [msgspec.json.encode(Event(kind=EventKind.REBOOT, at=AT)), b"no json", b'{"kind":7}']
    older = "INSERT OR IGNORE INTO event(probe, received_at, body) VALUES(1, ?, ?)"
    db.executemany(older, [(AT, body) for body in bodies])
    db.commit()
    db.close()
    for _ in range(2):
        journal = SqliteJournal(path)
        assert len(journal.events_of(probe.id, 9999, EventKind.LINK_UNUSABLE)) == EVENTS_KEPT
        assert [row.event.kind for row in journal.events_of(probe.id, 9, EventKind.REBOOT)] == [EventKind.REBOOT]
        assert journal._db.execute("SELECT count(*) FROM event WHERE kind IS NULL").fetchone() == (0,)
        assert len(journal.events(0, 9999)) == EVENTS_KEPT + 1
        journal._db.execute(older, (AT, bodies[0]))
        journal.close()


def test_states_of_a_probe_are_kept_so_many(
    journal: SqliteJournal, probe: FieldProbe, make_probe: Callable[..., FieldProbe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest stay; another probe's are its own."""
    monkeypatch.setattr("balise_collector.journal.sqlite.presence.PRESENCE_KEPT", 50)
    other = make_probe(id="other001")
    journal.append([], [], [Presence(probe=other.id, state=Lifecycle.READY, session=1)], AT)
    for number in range(1, 513):
        journal.append([], [], [Presence(probe=probe.id, state=Lifecycle.READY, session=number)], AT + number)
    kept = [row for row in journal.presence(0.0, float("inf")) if row.probe == probe.id]
    assert 50 <= len(kept) <= 50 + 64
    assert max(row.at for row in kept) == AT + 512
    assert other.id in journal.latest_presence()
