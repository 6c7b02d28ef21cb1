"""The derived store: newest words first, every revision kept, progress and conclusions in one piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.conclude.store import Progress
from balise_collector.conclude.store.sqlite import SqliteStore, incidents
from balise_collector.incidents import Incident, IncidentKind, IncidentScope, IncidentState, Interval
from balise_collector.incidents.model import UNTOLD
from balise_collector.judge import Verdict, VerdictState
from balise_collector.system.errors import JournalError
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, TargetRole

T = 1_589_733_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return an open store."""
    opened = SqliteStore(tmp_path / "derived.sqlite")
    yield opened
    opened.close()


def verdict(at: float, **changes: Any) -> Verdict:
    """Return a verdict of a probe in AS64501."""
    usual: dict[str, Any] = {
        "measurement": f"{int(at):032x}",
        "probe": "k7m2q9xd",
        "network": Network(country="PK", asn=64501),
        "service": "twitter",
        "role": TargetRole.WEB,
        "target": "twitter/web/twitter.com/4",
        "layer": Experiment.TCP,
        "design": Design.SENTINEL,
        "at": at,
        "since": at,
        "state": VerdictState.OK,
        "rule": "tcp.ok",
    }
    return Verdict(**{**usual, **changes})


def incident(revision: int = 1, **changes: Any) -> Incident:
    """Return a revision of an incident."""
    usual: dict[str, Any] = {
        "id": "abc",
        "kind": IncidentKind.INTERFERENCE,
        "state": IncidentState.OPEN,
        "country": "PK",
        "service": "twitter",
        "roles": (TargetRole.WEB,),
        "onset": Interval(earliest=T, latest=T + 300.0),
        "revision": revision,
    }
    return Incident(**{**usual, **changes})


def test_verdicts_are_found_by_time_probe_service_and_state(store: SqliteStore) -> None:
    """Every bound narrows, none is needed, order is that of time."""
    wanted = [
        verdict(T + 20.0),
        verdict(T + 10.0, probe="other0001"),
        verdict(T + 30.0, service="zoom", state=VerdictState.BLOCKED),
    ]
    store.save_verdicts(enumerate(wanted, 1))
    assert [v.at for v in store.verdicts()] == [T + 10.0, T + 20.0, T + 30.0]
    assert [v.at for v in store.verdicts(T + 15.0, T + 25.0)] == [T + 20.0]
    assert [v.at for v in store.verdicts(probe="other0001")] == [T + 10.0]
    assert [v.at for v in store.verdicts(service="zoom", state=VerdictState.BLOCKED)] == [T + 30.0]
    assert store.latest_verdict_at() == T + 30.0
    assert store.count_by_state() == {"blocked": 1, "ok": 2}


def test_a_second_judgement_takes_the_place_of_the_first(store: SqliteStore) -> None:
    """One verdict a measurement: the newer one, and it counts as a change."""
    store.save_verdicts([(1, verdict(T, state=VerdictState.INSUFFICIENT))])
    store.save_verdicts([(1, verdict(T, state=VerdictState.BLOCKED))])
    assert [v.state for v in store.verdicts()] == [VerdictState.BLOCKED]
    assert [change.change for change in store.changes(0, 10)] == [2]


def test_verdicts_of_each_state_are_counted_as_they_come(store: SqliteStore) -> None:
    """The counts are kept, not counted anew: also over second judgements, an older file, and an empty store."""

    def counted() -> dict[str, int]:
        return dict(store._db.execute("SELECT state, count(*) FROM verdict GROUP BY state").fetchall())

    states = [VerdictState.OK, VerdictState.BLOCKED, VerdictState.INSUFFICIENT]
    for turn in range(3):
        # Each turn judges some measurements again, and one of them twice.
        made = [(seq, verdict(T + seq, state=states[(seq + turn) % 3])) for seq in range(turn * 5, turn * 5 + 9)]
        store.save_verdicts([*made, (turn * 5, verdict(T, state=VerdictState.DOWN))])
        assert store.count_by_state() == counted()
    store._db.execute("DROP TABLE total")
    store._db.execute("PRAGMA user_version = 1")  # as the version before left it
    again = SqliteStore(store.path)
    assert again.count_by_state() == counted()
    again.close()
    store.changed_by_another()
    store.clear()
    assert store.count_by_state() == {}


def test_the_newest_revision_stands_and_the_others_can_be_read(store: SqliteStore) -> None:
    """What was said before is kept, with when it was said."""
    store.save_progress(Progress(seq=1), {}, [incident()], T + 600.0)
    closed = incident(2, state=IncidentState.CLOSED)
    store.save_progress(Progress(seq=2), {}, [closed], T + 900.0)
    assert store.incidents() == [closed]
    assert store.incident("abc") == closed
    assert store.revisions("abc") == [(T + 600.0, incident()), (T + 900.0, closed)]
    assert store.incident("none") is None


def test_progress_and_memory_are_one_piece(store: SqliteStore) -> None:
    """Where we are and what we know are saved together."""
    assert store.progress() == Progress()
    store.save_progress(Progress(seq=41, stepped=T), {"detector": b"d"}, [], T)
    assert store.progress() == Progress(seq=41, stepped=T)
    assert store.memory("detector") == b"d"
    assert store.memory("nothing") is None


def test_the_matrix_counts_states_of_a_window(store: SqliteStore) -> None:
    """Per provider, role and layer: how many verdicts of which state, from how many probes, how fresh."""
    rows = [
        verdict(T - 5000.0),
        verdict(T - 10.0, state=VerdictState.BLOCKED),
        verdict(T - 5.0, probe="other0001"),
        verdict(T + 5.0),
    ]
    store.save_verdicts(enumerate(rows, 1))
    (cell,) = store.matrix(T)
    assert (cell.asn, cell.states, cell.latest) == (64501, {"blocked": 1, "ok": 1}, T - 5.0)


def test_a_swapped_in_replay_is_noticed_before_the_next_write(store: SqliteStore, tmp_path: Path) -> None:
    """Two writers never mix: whoever did not notice the replay gets an error instead of spoiling it."""
    store.save_progress(Progress(seq=1), {}, [incident()], T)
    fresh = SqliteStore(tmp_path / "fresh.sqlite")
    fresh.save_progress(Progress(seq=9), {}, [], T)
    replayer = SqliteStore(tmp_path / "derived.sqlite")
    replayer.replace_with(fresh)
    with pytest.raises(JournalError, match="replay"):
        store.save_verdicts([(1, verdict(T))])
    assert store.changed_by_another()
    assert store.progress().seq == 9
    assert store.incidents() == []
    store.save_verdicts([(1, verdict(T))])
    replayer.close()
    fresh.close()


def test_the_store_says_how_to_make_it_again(tmp_path: Path) -> None:
    """A file that is no database: everything in it can be computed anew, and the message says so."""
    path = tmp_path / "derived.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(JournalError, match="replay"):
        SqliteStore(path)
    assert msgspec.json.encode(Progress())


# ---------------------------------------------------------------- files of a version that did not count witnesses


def wrote_without_witnesses(store: SqliteStore, one: Incident, noted_at: float) -> None:
    """Keep a revision as commit a430c09 wrote it: with neither the count nor the mechanisms' counts."""
    body = msgspec.to_builtins(one)
    del body["witnesses"]
    row = (one.id, one.revision, noted_at, store.last_change() + 1, msgspec.json.encode(body))
    store._db.execute("INSERT INTO incident VALUES(?,?,?,?,?)", row)


@pytest.mark.parametrize(
    ("states", "probes", "witnesses"),
    [
        # That version said "open" only of what two probes had seen.
        ((IncidentState.OPEN,), 3, (2,)),
        ((IncidentState.OPEN, IncidentState.CLOSED), 3, (2, 2)),
        ((IncidentState.UNCONFIRMED, IncidentState.OPEN, IncidentState.CLOSED), 3, (1, 2, 2)),
        ((IncidentState.UNCONFIRMED, IncidentState.CLOSED), 1, (1, 1)),
        ((IncidentState.OPEN, IncidentState.UNCONFIRMED, IncidentState.CLOSED), 2, (2, 1, 1)),
        ((IncidentState.OPEN, IncidentState.CLOSED), 1, (2, 1)),
        # Of these it said the same whether one or many had seen it.
        ((IncidentState.STANDING,), 3, (UNTOLD,)),
        ((IncidentState.STANDING, IncidentState.CLOSED), 3, (UNTOLD, UNTOLD)),
        ((IncidentState.STANDING,), 1, (1,)),
        ((IncidentState.CLOSED,), 1, (1,)),
    ],
)
def test_what_an_earlier_version_kept_is_confirmed_only_where_it_can_be_known(
    tmp_path: Path, states: tuple[IncidentState, ...], probes: int, witnesses: tuple[int, ...]
) -> None:
    """Unknown is not confirmed: at a430c09 what one probe saw stood among the findings once it had ended."""
    old = SqliteStore(tmp_path / "old.sqlite")
    for revision, state in enumerate(states, 1):
        one = incident(revision, state=state, scope=IncidentScope(affected_probes=probes), witnesses=9)
        wrote_without_witnesses(old, one, T + revision)
    old.close()
    for _ in range(2):
        now = SqliteStore(tmp_path / "old.sqlite")
        assert tuple(one.witnesses for _, one in now.revisions("abc")) == witnesses
        now.close()


def test_an_update_that_was_undone_is_made_good_too(tmp_path: Path) -> None:
    """The older program wrote again after the newer one had: what it adds is looked at the next time."""
    now = SqliteStore(tmp_path / "old.sqlite")
    now.save_progress(Progress(), {}, [incident(1, witnesses=3)], T)
    wrote_without_witnesses(
        now, incident(2, state=IncidentState.CLOSED, scope=IncidentScope(affected_probes=3), witnesses=9), T
    )
    now.close()
    again = SqliteStore(tmp_path / "old.sqlite")
    assert [one.witnesses for _, one in again.revisions("abc")] == [3, 3]
    again.close()


def test_whether_any_revision_is_of_an_earlier_version_is_asked_of_an_index(store: SqliteStore) -> None:
    """Every reader's thread opens the store: none of them may read through all that was ever said."""
    for number in range(300):
        store.save_progress(Progress(), {}, [incident(1, id=f"{number:012x}", witnesses=2)], T)
    plan = store._db.execute(f"EXPLAIN QUERY PLAN {incidents._UNWITNESSED} LIMIT 1").fetchall()
    assert [row[3] for row in plan] == ["SCAN incident USING INDEX incident_unwitnessed"]


def test_withdrawn_are_those_that_were_told_once(store: SqliteStore) -> None:
    """What one probe saw and nobody confirmed is taken back in silence, as it was kept."""
    gone = IncidentState.WITHDRAWN
    for name, witnesses in (("told", (2, 2)), ("lost", (2, 1)), ("alone", (1, 1))):
        store.save_progress(Progress(), {}, [incident(1, id=name, witnesses=witnesses[0])], T)
        store.save_progress(Progress(), {}, [incident(2, id=name, witnesses=witnesses[1], state=gone)], T + 60)
    assert [one.id for one in store.withdrawn()] == ["lost", "told"]
    assert store.incidents() == []
