"""What a journal is, whatever keeps it: every back end passes the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from balise_collector.fleet.quota import Account
from balise_collector.fleet.whereabouts import Sighting
from balise_collector.journal import Batch, Notice, NoticeKind, Presence, RefusedMessage, Report
from balise_collector.journal.interface import Journal
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.journal.sqlite.notices import NOTICE_LASTS
from balise_collector.system.faults import Fault
from balise_wire.measurement import Measurement
from balise_wire.status import Event, EventKind, Health
from balise_wire.words import Lifecycle
from tests.collector.field_probe import FieldProbe
from tests.collector.journal.memory import MemoryJournal

AT = 1_589_733_000.0


@pytest.fixture(params=["sqlite", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """Return an empty journal of each back end."""
    made: Journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.sqlite")
    with closing(made):
        yield made


@pytest.fixture
def probe() -> FieldProbe:
    """Return a probe."""
    return FieldProbe()


def batch_of(probe: FieldProbe, *measurements: Measurement, sequence: int = 0, **changes: object) -> Batch:
    """Return an accepted batch."""
    frame = probe.batch(*measurements)
    usual = Batch(
        probe=probe.id,
        public_key=probe.public_hex,
        stream=probe.stream,
        sequence=sequence or probe.sequence,
        sent_at=AT - 1,
        frame=frame,
        measurements=tuple((place, one.id) for place, one in enumerate(measurements)),
    )
    return msgspec.structs.replace(usual, **changes)


def test_measurements_come_back_once_and_in_order(journal: Journal, probe: FieldProbe) -> None:
    """A repeat is dropped; what is read is what was sealed, with when it came."""
    one, two, three = (probe.measurement(AT + n) for n in range(3))
    assert journal.append([batch_of(probe, one, two)], (), (), AT) == 2
    assert journal.append([batch_of(probe, two, three)], (), (), AT + 1) == 1
    rows = journal.read(0, 9)
    assert [row.measurement for row in rows] == [one, two, three]
    assert [(row.seq, row.received_at) for row in rows] == [(1, AT), (2, AT), (3, AT + 1)]
    assert journal.head() == 3
    assert [row.measurement for row in journal.rows([3, 1, 99])] == [one, three]
    found = journal.find(two.id)
    assert found is not None
    assert found.seq == 2
    assert journal.find("0" * 32) is None


def test_a_stretch_says_where_to_go_on(journal: Journal, probe: FieldProbe) -> None:
    """And whether anything came behind it."""
    journal.append([batch_of(probe, *(probe.measurement(AT + n) for n in range(3)))], (), (), AT)
    first, second = journal.piece(0, 2), journal.piece(2, 2)
    assert (len(first.rows), first.through, first.ended) == (2, 2, False)
    assert (len(second.rows), second.through, second.ended) == (1, 3, True)
    assert journal.piece(3, 2).through == 3


def test_ids_are_each_probes_own(journal: Journal, probe: FieldProbe) -> None:
    """A hostile one keeps another's measurement out of nothing."""
    other = FieldProbe(id="probe0002")
    one = probe.measurement()
    assert journal.append([batch_of(other, other.measurement(id=one.id)), batch_of(probe, one)], (), (), AT) == 2
    assert journal.fresh(probe.id, [one.id, "ab" * 16]) == {"ab" * 16}
    assert journal.fresh("stranger1", [one.id]) == {one.id}


def test_all_or_nothing(journal: Journal, probe: FieldProbe) -> None:
    """What cannot be a row leaves nothing of its commit behind."""
    odd = batch_of(probe, probe.measurement(), measurements=((0, "no id"),))
    with pytest.raises(ValueError, match="invalid literal"):
        journal.append([batch_of(probe, probe.measurement()), odd], [_refused("x")], (), AT)
    assert (journal.head(), journal.quarantine(), journal.position(probe.id, probe.stream).through) == (0, [], 0)


def test_readers_have_cursors_of_their_own(journal: Journal) -> None:
    """A new one begins at the beginning."""
    journal.advance("judge", 7)
    journal.advance("sink", 3)
    assert (journal.cursor("judge"), journal.cursor("sink"), journal.cursor("other")) == (7, 3, 0)
    assert journal.counts().cursors == {"judge": 7, "sink": 3}


def test_a_receipt_is_what_is_committed(journal: Journal, probe: FieldProbe) -> None:
    """Without a gap, beyond it, and what the probe said that it holds no more."""
    for sequence in (1, 2, 5):
        journal.append([batch_of(probe, probe.measurement(), sequence=sequence)], (), (), AT)
    held = journal.position(probe.id, probe.stream)
    assert (held.through, held.beyond) == (2, (5,))
    journal.append([batch_of(probe, probe.measurement(), sequence=6, oldest=5)], (), (), AT)
    assert journal.position(probe.id, probe.stream).through == 6
    assert journal.position(probe.id, "another").through == 0


def test_a_state_is_written_down_when_it_is_news(journal: Journal) -> None:
    """No repeat, no late will of an earlier session, and none without proof of one that proves."""
    said = [
        (Lifecycle.READY, 2, False, 0), (Lifecycle.READY, 2, False, 0), (Lifecycle.LOST, 1, False, 0),
        (Lifecycle.READY, 3, True, 1), (Lifecycle.SLEEPING, 3, True, 1), (Lifecycle.LOST, 3, False, 0),
        (Lifecycle.SLEEPING, 3, True, 2),
    ]  # fmt: skip
    for n, (state, session, proved, number) in enumerate(said):
        heard = Presence(probe="p", state=state, session=session, proved=proved, number=number)
        journal.append((), (), [heard], AT + n)
    assert [(row.at - AT, row.state) for row in journal.presence(AT - 1, AT + 99)] == [
        (0, Lifecycle.READY), (3, Lifecycle.READY), (6, Lifecycle.SLEEPING)
    ]  # fmt: skip
    assert journal.presence(AT, AT + 3)[0].at == AT + 3
    assert journal.latest_presence()["p"].state is Lifecycle.SLEEPING


def test_when_we_listened_is_known(journal: Journal) -> None:
    """Each watch lasts until the last commit before it ended."""
    assert (journal.watching, journal.watched()) == (None, [])
    journal.watch(AT)
    journal.append((), (), (), AT + 60)
    journal.watch(None)
    journal.append((), (), (), AT + 90)
    journal.watch(AT + 120)
    assert journal.watching == AT + 120
    assert journal.watched() == [(AT, AT + 60), (AT + 120, AT + 120)]
    assert journal.watched(AT + 100) == [(AT, AT + 60)]


def test_health_is_read_by_number(journal: Journal) -> None:
    """And the last of each probe is known."""
    for n in range(3):
        journal.append((), (), (), AT + n, [Report(probe=f"p{n % 2}", health=Health(at=n))])
    assert [(row.no, row.health.at) for row in journal.health(1, 9)] == [(2, 1), (3, 2)]
    assert (journal.last_health(), journal.latest_health()["p0"].health.at) == (3, 2)


def test_when_each_board_last_reported_is_known(journal: Journal) -> None:
    """In a stretch of our own time, its end included and its beginning not."""
    for n in range(4):
        journal.append((), (), (), AT + n, [Report(probe=f"p{n % 2}", health=Health(at=0))])
    assert journal.reported(AT, AT + 2) == {"p1": AT + 1, "p0": AT + 2}
    assert journal.reported(AT + 3, AT + 9) == {}


def test_events_are_kept_once_the_newest_of_each_kind(journal: Journal, probe: FieldProbe) -> None:
    """A repeat is none, and one kind that is told without end crowds no other out."""
    full = Event(kind=EventKind.SPOOL_FULL, at=AT)
    bodies = [msgspec.json.encode(Event(kind=EventKind.LINK_UNUSABLE, at=AT + n)) for n in range(250)]
    for event in (msgspec.json.encode(full), msgspec.json.encode(full), *bodies):
        journal.append([batch_of(probe, events=(event,), measurements=())], (), (), AT)
    assert journal.last_event() == 251
    assert [row.event for row in journal.events_of(probe.id, 9, EventKind.SPOOL_FULL)] == [full]
    assert [row.event.at for row in journal.events_of(probe.id, 2)] == [AT + 249, AT + 248]
    assert len(journal.events(0, 999)) == 201
    assert journal.events(250, 9)[0].no == 251


def test_the_same_noticed_again_within_a_day_is_one_notice(journal: Journal) -> None:
    """Counted, with the last words; the last noticed of a probe comes first."""
    told = Notice(probe="p", kind=NoticeKind.QUOTA, detail="much")
    journal.append((), (), (), AT, (), [told, Notice(probe="p", kind=NoticeKind.CLONED, detail="two")])
    journal.append((), (), (), AT + 9, (), [msgspec.structs.replace(told, detail="more")])
    quota, cloned = journal.latest_notices()["p"]
    assert (quota.began, quota.at, quota.times, quota.detail) == (AT, AT + 9, 2, "more")
    assert cloned.kind is NoticeKind.CLONED
    journal.append((), (), (), AT + 10 + NOTICE_LASTS, (), [told])
    assert journal.latest_notices()["p"][0].times == 1


def test_a_network_is_a_sighting_when_it_changes(journal: Journal) -> None:
    """The same again is nothing new."""
    for n, asn in enumerate((1, 1, 2, 1)):
        journal.append((), (), (), AT, sightings=[Sighting(probe="p", at=AT + n, asn=asn, country="PK")])
    assert [(one.no, one.asn) for one in journal.sightings(0)] == [(1, 1), (2, 2), (3, 1)]
    assert [one.no for one in journal.sightings(2)] == [3]


def test_what_is_refused_is_kept_with_its_reason(journal: Journal) -> None:
    """The newest first, and counted."""
    journal.append((), [_refused("first"), _refused("second")], (), AT)
    assert journal.quarantine(1) == [(AT, "p", "t", "second")]
    assert journal.totals().refused == journal.counts().quarantined == 2


def test_what_was_set_aside_is_told_once(journal: Journal) -> None:
    """It is counted by reader, taken up by one that begins anew, and handed on by a replay."""
    fault, other = Fault(place="judge", seq=3, error="odd"), Fault(place="step", seq=0, error="cell", rows=2)
    assert journal.set_aside("judge", [fault, other], AT) == [fault, other]
    assert journal.set_aside("judge", [fault], AT + 1) == []
    assert [(one.fault.seq, one.times, one.last_at) for one in journal.asides()] == [(0, 1, AT), (3, 2, AT + 1)]
    assert journal.aside_counts() == {"judge": 3}
    journal.set_aside("replay", [fault], AT + 2)
    journal.hand_on("replay", "judge")
    assert [(one.reader, one.fault.seq) for one in journal.asides()] == [("judge", 3)]
    journal.take_up("judge")
    assert journal.asides() == []
    assert journal.totals().set_aside == 4


def test_what_a_probe_had_left_survives(journal: Journal) -> None:
    """With the commit that spent it."""
    journal.append((), (), (), AT, accounts={"p": Account(5.0, 7.0, AT)})
    assert journal.accounts() == {"p": Account(5.0, 7.0, AT)}


def test_figures_are_of_what_was_taken(journal: Journal, probe: FieldProbe) -> None:
    """Measurements, batches, bytes, and when the last came."""
    assert journal.totals().last_received is None
    batch = batch_of(probe, probe.measurement())
    journal.append([batch], (), (), AT)
    assert (journal.totals().measurements, journal.totals().batches, journal.totals().last_received) == (1, 1, AT)
    assert journal.counts().frame_bytes == len(batch.frame)


def _refused(reason: str) -> RefusedMessage:
    return RefusedMessage(probe="p", topic="t", reason=reason, raw=b"x")
