"""The pipeline concludes the same live, after any restart, and in a replay; and what it concludes is true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.conclude.inference import LEARNED, OperatorContext, learned_of
from balise_collector.conclude.pipeline import LINES, JournalReader, operator_context, replay
from balise_collector.conclude.store import Progress
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.whereabouts import Sighting, Where, read_told
from balise_collector.incidents import Incident, IncidentKind, IncidentState, Locality
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.judge import Verdict, VerdictState
from balise_collector.run.databases import Databases
from balise_collector.system.clock import Clock
from balise_collector.system.config import Broker, CollectorSettings, Config, JudgeSettings
from balise_collector.system.errors import ConfigError
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Access, Arm, Experiment, TargetRole
from tests.collector.afternoon import Afternoon, batch_of
from tests.collector.field_probe import FieldProbe


@pytest.fixture(scope="session")
def services() -> Catalogue:
    """Return the catalogue that we ship."""
    return catalogue.load(catalogue.default_folder())


@pytest.fixture
def place(tmp_path: Path) -> Config:
    """Settings of a collector in a folder of its own."""
    return Config(collector=CollectorSettings(state_dir=str(tmp_path)), broker=(Broker(host="127.0.0.1"),))


@pytest.fixture
def around(afternoon: Afternoon, services: Catalogue) -> OperatorContext:
    """Return the surroundings of the afternoon's fleet."""
    return OperatorContext(fleet=Fleet.of(p.member for p in afternoon.probes), catalogue=services)


@pytest.fixture
def journal(place: Config) -> Iterator[SqliteJournal]:
    """Return the journal of that collector."""
    opened = SqliteJournal(place.journal_file)
    yield opened
    opened.close()


@pytest.fixture
def open_store(place: Config) -> Iterator[Callable[[], SqliteStore]]:
    """Return a maker of stores of that collector."""
    stores: list[SqliteStore] = []

    def make() -> SqliteStore:
        stores.append(SqliteStore(place.derived_file, SqliteJournal(place.journal_file)))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def conclude(reader: JournalReader, until: float) -> None:
    """Follow the journal to its end, and let the time up to ``until`` pass."""
    while reader.follow(until):
        pass
    reader.save()


def blocking(store: SqliteStore) -> Incident:
    """The one incident of interference that there is."""
    (found,) = [one for one in store.incidents() if one.kind is IncidentKind.INTERFERENCE]
    return found


# ---------------------------------------------------------------- the conclusion


def test_one_provider_that_drops_is_one_local_incident(
    afternoon: Afternoon, journal: SqliteJournal, open_store: Callable[[], SqliteStore], around: OperatorContext
) -> None:
    """Who is affected, who is clean, by what mechanism, from when to when, and that abroad it worked."""
    sent = afternoon.fill(journal)
    store = open_store()
    conclude(JournalReader(journal, store, around), afternoon.start + 40 * 300.0)
    found = blocking(store)
    began, ended = afternoon.start + 12 * 300.0, afternoon.start + 24 * 300.0
    assert found.state is IncidentState.CLOSED
    assert found.country == "PK"
    assert found.service == "twitter"
    assert found.scope.affected == (64501,)
    assert found.scope.clean == (64502,)
    assert found.locality is Locality.LOCAL
    assert {share.mechanism for share in found.mechanisms} == {Mechanism.IP_DROP}
    assert abs(found.onset.latest - began) <= 600.0
    assert found.end is not None
    assert abs(found.end.latest - ended) <= 600.0
    assert len(store.verdicts()) == sent
    blocked = store.verdicts(state=VerdictState.BLOCKED)
    assert {v.network.asn for v in blocked} == {64501}
    assert blocked[0].measurement == store.measurement(blocked[0].measurement).id  # type: ignore[union-attr]


def test_every_revision_is_kept(
    afternoon: Afternoon, journal: SqliteJournal, open_store: Callable[[], SqliteStore], around: OperatorContext
) -> None:
    """What was said before an incident grew or closed can still be read, in order, without a gap."""
    afternoon.fill(journal)
    store = open_store()
    conclude(JournalReader(journal, store, around), afternoon.start + 40 * 300.0)
    revisions = store.revisions(blocking(store).id)
    assert [one.revision for _, one in revisions] == list(range(1, len(revisions) + 1))
    assert [at for at, _ in revisions] == sorted(at for at, _ in revisions)
    assert revisions[0][1].end is None


def test_references_that_report_late_still_decide(
    afternoon: Afternoon, journal: SqliteJournal, open_store: Callable[[], SqliteStore], around: OperatorContext
) -> None:
    """A verdict that lacked references is judged again when they report, and then says blocked."""
    references = [p for p in afternoon.probes if p.country != "PK"]
    inside = [p for p in afternoon.probes if p.country == "PK"]
    afternoon.probes = inside
    afternoon.fill(journal, until=14)
    afternoon.probes = references
    for number, probe in enumerate(references):
        from_then = afternoon.measurements(13, number, probe)
        received_at = afternoon.start + 14 * 300.0 + 120.0 + number
        journal.append([batch_of(probe, from_then, received_at)], (), (), received_at)
    store, heard = open_store(), list[tuple[Verdict, float]]()
    reader = JournalReader(journal, store, around, heed=lambda verdict, at: heard.append((verdict, at)))
    conclude(reader, afternoon.start + 16 * 300.0)
    last = [v for v in store.verdicts(state=VerdictState.BLOCKED) if v.at >= afternoon.start + 13 * 300.0]
    assert {v.rule for v in last} == {"ip.drop"}
    first = {verdict.measurement: verdict for verdict, _ in reversed(heard)}
    later = [(verdict, at) for verdict, at in heard if verdict.rule == "ip.drop" and verdict in last]
    assert len(later) == len(last), "a burst hears of the accusation, once"
    assert {first[verdict.measurement].state for verdict, _ in later} == {VerdictState.INSUFFICIENT}
    assert all(at >= afternoon.start + 14 * 300.0 + 120.0 for _, at in later), "when references had spoken"


# ---------------------------------------------------------------- the same again


def told(store: SqliteStore) -> list[Any]:
    """Everything that was concluded, as data."""
    return [msgspec.to_builtins(store.incidents()), msgspec.to_builtins(store.numbered_verdicts())]


@pytest.mark.slow
def test_a_replay_concludes_what_the_live_run_did(
    afternoon: Afternoon,
    journal: SqliteJournal,
    open_store: Callable[[], SqliteStore],
    around: OperatorContext,
    place: Config,
    services: Catalogue,
) -> None:
    """Slot by slot as it arrives, or all at once years later: the same verdicts and incidents."""
    registry = SqliteRegistry(place.fleet_file)
    for probe in afternoon.probes:
        registry.approve(probe.member)
    registry.close()
    live = open_store()
    reader = JournalReader(journal, live, around)
    for slot in range(afternoon.slots):
        afternoon.fill(journal, since=slot, until=slot + 1)
        while reader.follow(afternoon.start + (slot + 1) * 300.0):
            pass
    end = afternoon.start + 40 * 300.0
    conclude(reader, end)
    before = told(live)
    judged, found = replay(place, Clock(system=lambda: end + 1.0), services, partial(Databases, place))
    again = open_store()
    assert told(again) == before
    assert (judged, found) == (len(before[1]), len(before[0]))
    assert live.changed_by_another()


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 5])
def test_a_restart_at_any_slot_changes_nothing(
    afternoon: Afternoon,
    journal: SqliteJournal,
    open_store: Callable[[], SqliteStore],
    around: OperatorContext,
    every: int,
    tmp_path: Path,
) -> None:
    """Killed and started again after each slot, with or without a save before it: the same conclusions."""
    whole = SqliteStore(tmp_path / "whole.sqlite")
    store = open_store()
    unbroken = JournalReader(journal, whole, around)
    for slot in range(0, afternoon.slots, every):
        afternoon.fill(journal, since=slot, until=min(slot + every, afternoon.slots))
        floor = afternoon.start + (slot + every) * 300.0
        for reader in (unbroken, JournalReader(journal, store, around)):
            while reader.follow(floor):
                pass
    end = afternoon.start + 40 * 300.0
    conclude(unbroken, end)
    conclude(JournalReader(journal, store, around), end)
    assert _readable(store) == _readable(whole)
    whole.close()


def _readable(store: SqliteStore) -> list[Any]:
    """What people read of each incident; how many revisions led there may differ by a restart."""
    return [msgspec.structs.replace(one, revision=1, score=0.0) for one in store.incidents()]


CHILD = """
import sys
from pathlib import Path
import msgspec
from balise_collector.fleet import catalogue
from balise_collector.system.clock import Clock
from balise_collector.system.config import load
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.conclude.pipeline import JournalReader, operator_context
from balise_collector.conclude.store import Store
config = load(Path(sys.argv[1]))
journal = SqliteJournal(config.journal_file)
store = SqliteStore(config.derived_file)
fleet = SqliteRegistry(config.fleet_file).fleet()
around = operator_context(config, Clock(), fleet, catalogue.load(catalogue.default_folder()))
reader = JournalReader(journal, store, around)
journal_read = journal.read
journal.read = lambda after, most: journal_read(after, 7)  # small bites, so that a kill finds it anywhere
while reader.follow(0.0):
    print(reader.seq, flush=True)
reader.save()
print("end", flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_costs_nothing(
    afternoon: Afternoon,
    journal: SqliteJournal,
    open_store: Callable[[], SqliteStore],
    around: OperatorContext,
    place: Config,
    tmp_path: Path,
) -> None:
    """kill -9 in the middle of judging, several times: at the end every measurement has its verdict, once."""
    settings = tmp_path / "collector.toml"
    settings.write_text(f'[collector]\nstate_dir = "{tmp_path}"\n[broker]\nhost = "127.0.0.1"\n')
    registry = SqliteRegistry(place.fleet_file)
    for probe in afternoon.probes:
        registry.approve(probe.member)
    registry.close()
    sent = afternoon.fill(journal)
    for life in range(4):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(settings)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for number, _ in enumerate(child.stdout):
            if number == 3 + life:
                os.kill(child.pid, signal.SIGKILL)
                break
        child.stdout.close()
        child.wait(20)
    store = open_store()
    conclude(JournalReader(journal, store, around), afternoon.start + 40 * 300.0)
    assert [seq for seq, _ in sorted(store.numbered_verdicts())] == list(range(1, sent + 1))
    assert blocking(store).state is IncidentState.CLOSED


@pytest.mark.slow
def test_what_the_detector_forgot_stays_as_it_was_told(
    afternoon: Afternoon, journal: SqliteJournal, open_store: Callable[[], SqliteStore], around: OperatorContext
) -> None:
    """Weeks later, after a restart, an old incident reads as it did: want of data is no news."""
    afternoon.fill(journal)
    store = open_store()
    conclude(JournalReader(journal, store, around), afternoon.start + 40 * 300.0)
    before = store.revisions(blocking(store).id)
    for days in (20, 21):
        conclude(JournalReader(journal, store, around), afternoon.start + days * 86_400.0)
    for number, probe in enumerate(afternoon.probes):
        received_at = afternoon.start + 22 * 86_400.0 + number
        fresh = [probe.measurement(received_at - 30.0)]
        journal.append([batch_of(probe, fresh, received_at)], (), (), received_at)
    conclude(JournalReader(journal, store, around), afternoon.start + 22 * 86_400.0 + 3600.0)
    assert store.revisions(blocking(store).id) == before


def test_a_journal_from_a_backup_is_judged_from_its_start(
    afternoon: Afternoon, journal: SqliteJournal, open_store: Callable[[], SqliteStore], around: OperatorContext
) -> None:
    """A journal shorter than the conclusions: nothing that arrives afterwards may be skipped."""
    store = open_store()
    sent = afternoon.fill(journal, until=4)
    store.save_progress(Progress(seq=10_000, stepped=afternoon.start), {}, [], afternoon.start)
    conclude(JournalReader(journal, store, around), afternoon.start + 5 * 300.0)
    assert sum(store.count_by_state().values()) == sent


def _taught(afternoon: Afternoon, journal: SqliteJournal, references: Any, answered: Any) -> None:
    """Let references be answered with addresses, one set a slot."""
    for number, addresses in enumerate(answered):
        at = afternoon.start + 300.0 * number
        answer = DnsAnswer(rtt_ms=8.0, addresses=addresses)
        trial = DnsObservation(arm=Arm.SUBJECT, at=at, name="twitter.com", answers=(answer,), tls_consistent=True)
        for reference in references:
            heard = reference.measurement(at, experiment=Experiment.DNS, observations=(trial,))
            journal.append([batch_of(reference, [heard], at + 9.0)], (), (), at + 10.0)


def test_what_references_taught_survives_a_restart(
    afternoon: Afternoon, journal: SqliteJournal, open_store: Callable[[], SqliteStore], around: OperatorContext
) -> None:
    """A name without addresses gets those that references were given; a restart does not turn them over."""
    around = replace(around, laboratory=("198.18.0.0/15",))
    _taught(afternoon, journal, afternoon.probes[-2:], (("198.18.3.1", "198.18.3.2"), ("198.18.3.2", "198.18.3.3")))
    store = open_store()
    reader = JournalReader(journal, store, around)
    conclude(reader, afternoon.start + 600.0)
    taught = reader.inference.learn()
    assert taught["twitter.com", 4] == ("198.18.3.1", "198.18.3.2")
    reader.save()
    assert learned_of(store.memory(LEARNED)) == taught
    assert JournalReader(journal, store, around).inference.learn() == taught


@pytest.mark.parametrize("alone", ["one", "one network", "one host"])
def test_one_reference_teaches_nobody_an_address(
    afternoon: Afternoon,
    journal: SqliteJournal,
    open_store: Callable[[], SqliteStore],
    around: OperatorContext,
    alone: str,
) -> None:
    """An address counts from the second network and host on: one that lies would send the fleet to itself."""
    liars = [afternoon.probes[-1]] if alone == "one" else afternoon.probes[-2:]
    members = [probe.member for probe in afternoon.probes]
    for place in (-1, -2):
        if alone == "one network":
            network = msgspec.structs.replace(members[place].network, asn=64999)
            members[place] = msgspec.structs.replace(members[place], network=network)
        elif alone == "one host":
            members[place] = msgspec.structs.replace(members[place], host="the same cellar")
    around = replace(around, fleet=Fleet.of(members), laboratory=("198.18.0.0/15",))
    _taught(afternoon, journal, liars, (("198.18.3.66",),) * 3)
    reader = JournalReader(journal, open_store(), around)
    conclude(reader, afternoon.start + 1200.0)
    assert reader.inference.learn() == {}


def test_the_record_says_where_a_probe_stood(
    afternoon: Afternoon, journal: SqliteJournal, open_store: Callable[[], SqliteStore], around: OperatorContext
) -> None:
    """A probe that names another provider, access or region moves no cell of it."""
    probe, other = afternoon.probes[0], afternoon.probes[2]
    lie = Network(country="PK", asn=other.asn, access=Access.MOBILE, region="PK-IS")
    for number, claim in enumerate((probe.network, lie)):
        at = afternoon.start + 300.0 * number
        heard = probe.measurement(at, network=claim)
        journal.append([batch_of(probe, [heard], at + 9.0)], (), (), at + 10.0)
    store = open_store()
    reader = JournalReader(journal, store, around)
    conclude(reader, afternoon.start + 600.0)
    assert [verdict.network for verdict in store.verdicts()] == [probe.network] * 2
    assert {key.asn for key in reader.inference.detector.index.cells} <= {0, probe.asn}


def test_a_line_that_is_elsewhere_opens_nothing_and_closes_nothing(
    afternoon: Afternoon, journal: SqliteJournal, open_store: Callable[[], SqliteStore], around: OperatorContext
) -> None:
    """Through a tunnel a blocked service is ok: such results are set aside, and the block goes on for those at home."""
    home, tunnel = afternoon.probes[0], afternoon.probes[1]
    start = afternoon.start
    seen = [Sighting(probe=one.id, at=start - 60.0, asn=home.asn, country="PK") for one in (home, tunnel)]
    seen.append(Sighting(probe=tunnel.id, at=start + 600.0, asn=64999, country="NL"))
    for number in range(4):
        at = start + 300.0 * number
        for one in (home, tunnel):
            journal.append([batch_of(one, [one.measurement(at)], at + 9.0)], (), (), at + 10.0, (), (), None, seen)
            seen = []
    for observed, rules in ((True, {"tcp.ok", "line.elsewhere"}), (False, {"tcp.ok"})):
        store = open_store()
        conclude(JournalReader(journal, store, replace(around, observed=observed)), start + 1800.0)
        found = {(verdict.at - start, verdict.rule) for verdict in store.verdicts(probe=tunnel.id)}
        assert {rule for _, rule in found} == rules
        assert all((at >= 600.0) is (rule == "line.elsewhere") for at, rule in found) or not observed
        assert {verdict.rule for verdict in store.verdicts(probe=home.id)} == {"tcp.ok"}
        told = read_told(store.memory(LINES))
        assert told[tunnel.id].line is (Where.DIFFERS if observed else Where.UNKNOWN)
        store.clear()


def test_what_nobody_vouches_for_is_not_judged(
    afternoon: Afternoon,
    journal: SqliteJournal,
    open_store: Callable[[], SqliteStore],
    around: OperatorContext,
    make_probe: Callable[..., FieldProbe],
) -> None:
    """An older journal may hold claims that were never held against anything: a replay concludes nothing from them."""
    known, stranger = afternoon.probes[0], make_probe(id="nobody000")
    claims: tuple[tuple[Any, dict[str, Any], str], ...] = (
        (stranger, {}, "record.unknown"),
        (known, {"network": Network(country="KZ", asn=9198)}, "record.country"),
        (known, {"service": "zoom"}, "record.target"),
        (known, {"host": "example.org"}, "record.target"),
        (known, {"family": 6}, "record.target"),
        (known, {"role": TargetRole.LINE}, "record.target"),
        (known, {"experiment": Experiment.LINE, "observations": ()}, "record.target"),
    )
    for number, (probe, changes, _) in enumerate(claims):
        at = afternoon.start + 300.0 * number
        journal.append([batch_of(probe, [probe.measurement(at, **changes)], at + 9.0)], (), (), at + 10.0)
    store = open_store()
    conclude(JournalReader(journal, store, around), afternoon.start + 3000.0)
    found = store.verdicts()
    assert [verdict.rule for verdict in found] == [rule for *_, rule in claims]
    assert {verdict.state for verdict in found} == {VerdictState.INSUFFICIENT}
    assert not {verdict.network.asn for verdict in found} & {9198}
    assert not {verdict.service for verdict in found} & {"zoom"}


@pytest.mark.slow
def test_a_snapshot_of_another_version_is_judged_anew(
    afternoon: Afternoon,
    journal: SqliteJournal,
    open_store: Callable[[], SqliteStore],
    around: OperatorContext,
    place: Config,
) -> None:
    """A snapshot that this program cannot read costs time, not conclusions: the journal is read from its start."""
    sent = afternoon.fill(journal)
    store = open_store()
    conclude(JournalReader(journal, store, around), afternoon.start + 40 * 300.0)
    before = told(store)
    store._db.execute("UPDATE memory SET body = x'00' WHERE name = 'detector'")
    conclude(JournalReader(journal, store, around), afternoon.start + 40 * 300.0)
    assert told(store) == before
    assert sum(store.count_by_state().values()) == sent
    assert place.derived_file.exists()


def test_the_operators_fingerprints_join_our_own(place: Config, services: Catalogue, tmp_path: Path) -> None:
    """``[judge] fingerprints``: files in OONI's format, read at the start; what cannot be read names key and file."""
    file = tmp_path / "prints.csv"
    head = (
        "name,scope,other_names,location_found,pattern_type,pattern,confidence_no_fp,expected_countries,source,exp_url"
    )
    file.write_text(f"{head},notes\na,isp,,dns,full,192.0.2.66,5,PK,ours,,\n")
    config = msgspec.structs.replace(place, judge=JudgeSettings(fingerprints=(str(file),)))
    known = operator_context(config, Clock(), Fleet.of([]), services).fingerprints
    assert known.address("192.0.2.66") is not None
    assert known.address("10.10.34.34") is not None
    bad = tmp_path / "bad.csv"
    bad.write_text(f"{head},notes\na,isp,,elsewhere,full,192.0.2.66,5,PK,ours,,\n")
    config = msgspec.structs.replace(place, judge=JudgeSettings(fingerprints=(str(bad),)))
    with pytest.raises(ConfigError, match=r"judge\.fingerprints: .*bad\.csv: fingerprints line 2"):
        operator_context(config, Clock(), Fleet.of([]), services)
