"""The registry: approvals are seen by the running collector, strangers are bounded, versions only grow."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from balise_collector.fleet.assignment import Issued
from balise_collector.fleet.claims import Asked, Tasks
from balise_collector.fleet.members import Halt, Member, Pending
from balise_collector.fleet.orders import UNREAD_MOST, Able, Taken
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.registry.sqlite.assignments import TASKS_KEPT
from balise_collector.fleet.token import Token
from balise_wire.measurement import Network
from balise_wire.words import Profile, TargetRole
from tests.collector.field_probe import FieldProbe
from tests.collector.fleet.registry.memory import MemoryRegistry


@pytest.fixture
def filed(tmp_path: Path) -> Iterator[SqliteRegistry]:
    """Return an open registry in a file."""
    with closing(SqliteRegistry(tmp_path / "fleet.sqlite")) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FleetRegistry]:
    """Return an empty registry of each back end."""
    made: FleetRegistry = MemoryRegistry() if request.param == "memory" else SqliteRegistry(tmp_path / "fleet.sqlite")
    with closing(made):
        yield made


def asked(number: int) -> Asked:
    """Return one target of a task."""
    host = f"h{number}.example.org"
    return Asked(id=f"x/web/{host}/4", service="x", role=TargetRole.WEB, host=host, family=4)


def stranger(name: str, at: float) -> Pending:
    """Return a probe that waits since ``at``."""
    return Pending(id=name, public_key="ab" * 32, country="PK", asn=64501, first_seen=at, last_seen=at)


def test_the_running_collector_sees_what_the_command_line_wrote(
    filed: SqliteRegistry, tmp_path: Path, probe: FieldProbe
) -> None:
    """Another connection's approval shows up as a change, once; our own writes do not."""
    assert not filed.changed()
    other = SqliteRegistry(tmp_path / "fleet.sqlite")
    other.approve(probe.member)
    other.close()
    assert filed.changed()
    assert not filed.changed()
    assert filed.fleet().members == {probe.id: probe.member}
    filed.note_pending(stranger("stranger1", 1.0))
    assert not filed.changed()


def test_revoking_keeps_the_member_and_its_past(registry: FleetRegistry, probe: FieldProbe) -> None:
    """A revoked probe stays listed, so that its old measurements keep their meaning; approving lets it in again."""
    registry.approve(probe.member)
    assert registry.revoke(probe.id)
    assert not registry.revoke("nobody000")
    assert registry.fleet().members[probe.id].revoked
    assert registry.fleet().active() == ()
    registry.approve(probe.member)
    assert registry.fleet().active() == (probe.member,)


def test_approval_takes_a_probe_off_the_waiting_list(registry: FleetRegistry, probe: FieldProbe) -> None:
    """Only with the very key that was announced: another key under the same id still waits."""
    registry.note_pending(Pending(id=probe.id, public_key=probe.public_hex))
    registry.approve(probe.member)
    assert registry.pending() == []
    registry.note_pending(stranger(probe.id, 1.0))
    registry.approve(probe.member)
    assert [one.public_key for one in registry.pending()] == ["ab" * 32]


@pytest.mark.slow
def test_a_flood_of_strangers_is_bounded(registry: FleetRegistry) -> None:
    """Invented ids push out those that were silent longest, never fill the disk."""
    for number in range(1100):
        registry.note_pending(stranger(f"flood{number}", float(number)))
    waiting = registry.pending()
    assert len(waiting) == 1000
    assert waiting[0].id == "flood100"


def test_what_a_probe_can_do_is_its_boards_word(
    registry: FleetRegistry, probe: FieldProbe, make_probe: Callable[..., FieldProbe]
) -> None:
    """Kept over restarts; another board under the same id has to say it for itself."""
    registry.approve(probe.member)
    assert registry.fleet().order_of(probe.id).able is None
    able = Able(software="9.0", skills=frozenset({"experiment:quic"}))
    assert registry.note_able(probe.member, able)
    assert not registry.note_able(probe.member, able)
    assert registry.fleet().order_of(probe.id).able == able
    registry.approve(make_probe(id=probe.id).member)
    assert registry.fleet().order_of(probe.id).able is None


def test_what_was_taken_up_only_grows(registry: FleetRegistry, probe: FieldProbe) -> None:
    """Events that waited in a spool say what was; they undo nothing that is known since."""
    registry.approve(probe.member)
    for version, halted, at in ((3, True, 30.0), (2, False, 40.0), (3, False, 50.0)):
        registry.note_taken(probe.id, Taken(version=version, halted=halted, at=at))
        assert registry.fleet().order_of(probe.id).taken == Taken(version=3, halted=True, at=30.0)
    registry.note_taken(probe.id, Taken(version=4, halted=False, at=60.0))
    assert registry.fleet().order_of(probe.id).taken == Taken(version=4, halted=False, at=60.0)


def test_a_counter_that_is_behind_the_probes_goes_on_from_theirs(registry: FleetRegistry, probe: FieldProbe) -> None:
    """A registry that was lost must not halt in vain: the next version is above what the probe holds, and confirms."""
    registry.approve(probe.member)
    registry.issue(probe.id, Issued(1, "x", 9e9, turned=1))
    assert registry.catch_up(probe.id, 57)
    assert not registry.catch_up(probe.id, 40)
    issued = registry.issued(probe.id)
    assert (issued.version, issued.digest, issued.turned) == (57, "", 58)


def test_what_cannot_be_read_is_remembered_within_bounds(registry: FleetRegistry, probe: FieldProbe) -> None:
    """A few words for the operator; a probe that invents them by the thousand fills nothing."""
    registry.approve(probe.member)
    registry.note_unread(probe.id, {f"event 'word{n:04}'" for n in range(500)})
    registry.note_unread(probe.id, {"event 'one more'"})
    assert len(registry.fleet().order_of(probe.id).unread) == UNREAD_MOST
    assert registry.note_able(probe.member, Able(software="2"))
    assert registry.fleet().order_of(probe.id).unread == ()


def test_the_version_of_an_assignment_is_remembered(filed: SqliteRegistry, tmp_path: Path) -> None:
    """A restart must not issue an older version: probes ignore those."""
    assert filed.issued("k7m2q9xd").version == 0
    filed.issue("k7m2q9xd", Issued(7, "digest", 99.0, 600))
    again = SqliteRegistry(tmp_path / "fleet.sqlite")
    assert again.issued("k7m2q9xd") == Issued(7, "digest", 99.0, 600)
    assert again.fleet().paces == {"k7m2q9xd": 600}
    again.close()


def test_a_task_is_remembered_for_as_long_as_its_results_may_wait(
    filed: SqliteRegistry, tmp_path: Path, probe: FieldProbe
) -> None:
    """What a probe was given stays what it may have measured, over restarts and changes; and the table is bounded."""
    filed.approve(probe.member)
    assert filed.fleet().tasks_of(probe.id) == Tasks()
    for number in range(3):
        filed.issue(probe.id, Issued(number + 1, f"{number}", 99.0, 300), (asked(number),), 100.0 * number)
    with closing(SqliteRegistry(tmp_path / "fleet.sqlite")) as again:
        found = again.fleet().tasks_of(probe.id)
    assert found is not None
    assert found.unrecorded_until == 0.0
    assert set(found.asked) == {asked(number).id for number in range(3)}
    filed.issue(probe.id, Issued(4, "3", 99.0, 300), (asked(2),), 150.0 + TASKS_KEPT)
    left = filed.fleet().tasks_of(probe.id)
    assert left is not None
    assert set(left.asked) == {asked(1).id, asked(2).id}
    with closing(sqlite3.connect(tmp_path / "fleet.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM task").fetchone() == (2,)


def test_a_registry_of_an_earlier_version_says_what_it_does_not_know(
    filed: SqliteRegistry, tmp_path: Path, probe: FieldProbe
) -> None:
    """Tasks that were given before they were written down are an unknown, not a none."""
    filed.approve(probe.member)
    with closing(sqlite3.connect(tmp_path / "fleet.sqlite")) as db, db:
        query = "INSERT INTO assignment(probe, version, digest, expires, interval) VALUES(?, 6, 'x', 99.0, 300)"
        db.execute(query, (probe.id,))
    filed.issue(probe.id, Issued(7, "digest", 99.0, 300), (asked(1),), 50.0)
    found = filed.fleet().tasks_of(probe.id)
    assert found is not None
    assert (found.unrecorded_until, set(found.asked)) == (50.0, {asked(1).id})


def test_probes_with_one_task_share_its_table(registry: FleetRegistry, make_probe: Callable[..., FieldProbe]) -> None:
    """A thousand probes of one catalogue hold it once."""
    for name in ("aaaa", "bbbb"):
        registry.approve(make_probe(id=name).member)
        registry.issue(name, Issued(1, "x", 99.0, 300), (asked(1),), 1.0)
    fleet = registry.fleet()
    assert fleet.tasks_of("aaaa") is fleet.tasks_of("bbbb")


def test_where_a_probe_stood_is_written_down_with_each_approval(registry: FleetRegistry, probe: FieldProbe) -> None:
    """A move begins when it was written down, or when the operator says; a correction leaves no trace."""
    at = msgspec.structs.replace
    registry.approve(at(probe.member, approved_at=10.0))
    registry.approve(at(probe.member, approved_at=20.0))
    moved = at(probe.member, approved_at=30.0, network=Network(country="PK", asn=64777))
    registry.approve(moved)
    told = [(record.since, record.network.asn) for record in registry.fleet().records[probe.id]]
    assert told == [(10.0, 64501), (30.0, 64777)]
    registry.approve(at(moved, approved_at=40.0), since=0.0)
    assert [(r.since, r.network.asn) for r in registry.fleet().records[probe.id]] == [(0.0, 64777)]
    with registry.transaction() as held:
        for number in range(300):
            held.put(at(moved, approved_at=50.0 + number, network=Network(country="PK", asn=1 + number)))
    assert len(registry.fleet().records[probe.id]) == 256


def test_a_probe_that_delivers_hourly_is_waited_for_that_long(registry: FleetRegistry) -> None:
    """A metered line measures few targets often and sends them together: two batches may be missing, not three runs."""
    registry.approve(
        Member(id="k7m2q9xd", public_key="0" * 64, network=Network(country="PK", asn=1), profile=Profile.METERED)
    )
    registry.issue("k7m2q9xd", Issued(7, "digest", 99.0, 300))
    fleet = registry.fleet()
    assert fleet.patience("k7m2q9xd", 900.0) == 7200.0


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path, probe: FieldProbe) -> None:
    """A registry from before enrolment keeps its members, and takes what is new."""
    path = tmp_path / "fleet.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(
            "CREATE TABLE member(id TEXT PRIMARY KEY, public_key TEXT NOT NULL, country TEXT NOT NULL, asn INTEGER NOT"
            " NULL, access TEXT NOT NULL, region TEXT NOT NULL, role TEXT NOT NULL, approved_at REAL NOT NULL,"
            " revoked INTEGER NOT NULL)"
        )
        row = (probe.id, probe.public_hex, "PK", 64501, "fixed", "", "probe", 5.0, 0)
        db.execute("INSERT INTO member VALUES(?,?,?,?,?,?,?,?,?)", row)
    with closing(SqliteRegistry(path)) as registry:
        assert registry.fleet().members[probe.id] == msgspec.structs.replace(probe.member, approved_at=5.0)
        assert registry.tag(probe.id, ("roof", "old"))
    with closing(SqliteRegistry(path)) as registry:
        assert registry.fleet().members[probe.id].tags == ("roof", "old")
        assert not registry.tag("nobody000", ("x",))


def test_a_finished_probe_stays_in_the_history(registry: FleetRegistry, probe: FieldProbe) -> None:
    """Retired: listed, not active, and it keeps the day on which it was first retired."""
    registry.approve(probe.member)
    assert registry.retire(probe.id, 10.0)
    assert registry.retire(probe.id, 20.0)
    assert not registry.retire("nobody000", 10.0)
    assert registry.fleet().active() == ()
    assert registry.fleet().members[probe.id].retired_at == 10.0


def test_a_halt_holds_until_it_is_lifted(registry: FleetRegistry) -> None:
    """One at a time a country; the reason may change; what is over stays written down."""
    registry.halt("PK", "under review", 10.0)
    registry.halt("PK", "risk to hosts", 20.0)
    registry.halt("KZ", "test", 15.0)
    assert registry.fleet().halted()["PK"] == Halt(country="PK", since=10.0, reason="risk to hosts")
    assert registry.lift("PK", 30.0)
    assert not registry.lift("PK", 31.0)
    assert set(registry.fleet().halted()) == {"KZ"}
    assert [halt.until for halt in registry.halts()] == [30.0, None]


def test_a_silence_means_nothing_while_nobody_should_speak(registry: FleetRegistry, probe: FieldProbe) -> None:
    """Halted, just lifted, retired, revoked, unknown: no outage is made of it; otherwise since its last word."""
    registry.approve(probe.member)
    assert registry.fleet().silent_since(probe.id, 100.0, 2000.0, 900.0) == 100.0
    assert registry.fleet().silent_since("nobody000", 100.0, 2000.0, 900.0) is None
    registry.halt("PK", "x", 1000.0)
    assert registry.fleet().silent_since(probe.id, 100.0, 999.0, 900.0) == 100.0
    assert registry.fleet().silent_since(probe.id, 100.0, 2000.0, 900.0) is None
    registry.lift("PK", 2000.0)
    assert registry.fleet().silent_since(probe.id, 100.0, 2899.0, 900.0) is None
    assert registry.fleet().silent_since(probe.id, 100.0, 2900.0, 900.0) == 2000.0
    registry.retire(probe.id, 3000.0)
    assert registry.fleet().silent_since(probe.id, 100.0, 2950.0, 900.0) == 2000.0
    assert registry.fleet().silent_since(probe.id, 100.0, 3000.0, 900.0) is None
    registry.approve(probe.member)
    registry.revoke(probe.id)
    assert registry.fleet().silent_since(probe.id, 100.0, 4000.0, 900.0) is None


def test_a_change_of_several_parts_is_whole_or_not_at_all(registry: FleetRegistry, probe: FieldProbe) -> None:
    """A token that is spent and the member that it made are one change; what fails between leaves neither."""
    token = Token(hash="ab", probe=probe.id, network=probe.network, batch="b", card=1, made_at=1.0, expires=9.0)
    with registry.transaction() as held:
        held.add_token(token)

    def fail() -> None:
        with registry.transaction() as held:
            held.spend_token(token, probe.public_hex, probe.id, 2.0)
            held.put(probe.member)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert (registry.waiting_tokens(3.0), registry.member(id=probe.id)) == (1, None)
    with registry.transaction() as held:
        held.spend_token(token, probe.public_hex, probe.id, 2.0)
        held.put(probe.member)
        assert held.speaking_keys() == {probe.id: probe.public_hex}
    assert registry.waiting_tokens(3.0) == 0
    assert registry.batches() == [("b", 1.0, 1, 1)]
    assert registry.member(key=probe.public_hex) == probe.member
    registry.revoke(probe.id)
    spent = registry.token("ab")
    assert spent is not None
    assert spent.withdrawn
