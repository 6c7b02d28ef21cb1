"""What a derived store is, whatever keeps it: every back end passes the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.conclude.inference import OperatorContext
from balise_collector.conclude.pipeline import JournalReader
from balise_collector.conclude.store import Progress, Store
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.incidents import IncidentState
from balise_collector.journal.interface import Journal
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.judge import VerdictState
from balise_wire.bins import BIN
from tests.collector.afternoon import Afternoon
from tests.collector.conclude.store.memory import MemoryStore
from tests.collector.conclude.store.test_store import incident, verdict
from tests.collector.journal.memory import MemoryJournal

T = 1_589_733_000.0


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return an empty store of each back end."""
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "derived.sqlite")
    with closing(made):
        yield made


def test_a_later_judgement_takes_the_place_of_the_first(store: Store) -> None:
    """It is another change, and the first is counted no more."""
    store.save_verdicts([(1, verdict(T)), (2, verdict(T + 1))])
    store.save_verdicts([(1, verdict(T, state=VerdictState.BLOCKED))])
    assert [one.state for one in store.verdicts()] == [VerdictState.BLOCKED, VerdictState.OK]
    assert [(one.change, one.seq) for one in store.changes(0, 9)] == [(2, 2), (3, 1)]
    assert store.count_by_state() == {"blocked": 1, "ok": 1}
    assert (store.last_change(), store.latest_verdict_at()) == (3, T + 1)


def test_verdicts_are_found_by_time_probe_state_and_place(store: Store) -> None:
    """Both ends of a time belong to it, the oldest come first."""
    made = [(seq, verdict(T + seq, probe=f"probe{seq % 2}")) for seq in range(1, 6)]
    store.save_verdicts(made)
    assert [seq for seq, _ in store.numbered_verdicts(T + 2, T + 4)] == [2, 3, 4]
    assert [seq for seq, _ in store.numbered_verdicts(probe="probe0", most=1)] == [2]
    assert store.verdicts(state="blocked") == []
    assert [seq for seq, _ in store.verdicts_at([5, 99, 1])] == [5, 1]
    assert (store.last_measured("probe0"), store.newest_of("probe1"), store.newest_of("nobody")) == (T + 4, 5, None)
    assert store.touched(0, 3, 100.0) == ([int(T // 100)], 3)


def test_every_revision_stays(store: Store) -> None:
    """The newest is what stands, and what was withdrawn does not; what was told once is known."""
    first, second = incident(1, witnesses=2), incident(2, state=IncidentState.WITHDRAWN, witnesses=2)
    store.save_progress(Progress(seq=4), {}, [first], T)
    assert [one.revision for one in store.incidents()] == [1]
    store.save_progress(Progress(seq=5), {"detector": b"x"}, [second], T + 60)
    assert store.incidents() == []
    assert [(at, one.revision) for at, one in store.revisions(first.id)] == [(T, 1), (T + 60, 2)]
    assert [one.revision for one in store.withdrawn()] == [2]
    assert [at for at, _ in store.told(first.country, first.service)] == [T, T + 60]
    newest = store.incident(first.id)
    assert newest is not None
    assert newest.revision == 2


def test_progress_and_memory_are_one_with_what_was_concluded(store: Store) -> None:
    """A new one has none; what is forgotten begins anew."""
    assert (store.progress(), store.memory("detector")) == (Progress(), None)
    store.save_progress(Progress(seq=5, stepped=9.0), {"detector": b"x"}, (), T)
    assert (store.progress(), store.memory("detector")) == (Progress(seq=5, stepped=9.0), b"x")
    store.save_verdicts([(1, verdict(T))])
    store.clear()
    assert (store.progress(), store.verdicts(), store.count_by_state()) == (Progress(), [], {})


def test_counts_are_those_of_the_verdicts(store: Store) -> None:
    """In bins of five minutes, in wider ones, and packed for each part."""
    since = T // BIN * BIN
    store.save_verdicts([(seq, verdict(since + seq * 100.0)) for seq in range(7)])
    assert [(cell.bin, cell.state, cell.verdicts) for cell in store.history(since, since + 3 * BIN, BIN)] == [
        (0, "ok", 3), (1, "ok", 3), (2, "ok", 1)
    ]  # fmt: skip
    assert [cell.verdicts for cell in store.history(since, since + 4 * BIN, 2 * BIN)] == [6, 1]
    (series,) = store.series(since, 2)
    assert sum(cell.verdicts for cell in store.history(since, since + 2 * BIN, BIN)) == 6
    assert list(series.counts) == ["ok"]
    (cell,) = store.matrix(since + 600.0)
    assert (cell.states, cell.probes, cell.latest) == ({"ok": 7}, 1, since + 600.0)


@pytest.mark.slow
def test_the_pipeline_concludes_the_same_over_every_back_end(afternoon: Afternoon, tmp_path: Path) -> None:
    """Journal and store of both kinds: the same verdicts, incidents and progress from the same afternoon."""
    around = OperatorContext(
        fleet=Fleet.of(p.member for p in afternoon.probes), catalogue=catalogue.load(catalogue.default_folder())
    )
    sealed, remembered = SqliteJournal(tmp_path / "journal.sqlite"), MemoryJournal()
    written = SqliteStore(tmp_path / "derived.sqlite", sealed)
    ended = afternoon.start + 40 * 300.0
    told = []
    pairs: list[tuple[Journal, Store]] = [(sealed, written), (remembered, MemoryStore(remembered))]
    with closing(written):
        for journal, store in pairs:
            afternoon.fill(journal)
            reader = JournalReader(journal, store, around)
            while reader.follow(ended):
                pass
            reader.save()
            told.append((store.verdicts(), store.incidents(), store.progress(), store.count_by_state()))
    assert told[0][1]
    assert told[0] == told[1]
