"""What one probe may send: its own timetable several times over, and whatever it can have measured unheard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.quota import BACKLOG_TIMES, DAY, HOUR, OVER, POOL_LEAST, Account, Item, Quotas, weight
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.intake.broker import Delivery
from balise_collector.intake.writer import IntakeWriter
from balise_collector.journal import NoticeKind
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system.clock import Clock
from balise_collector.system.config import Broker, CollectorSettings, Config
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.words import Arm
from tests.collector.field_probe import FieldProbe

NOW = 1_589_733_000.0
PER_HOUR = 250.0
"""Results an hour of a standard probe with the shipped catalogue."""


def quotas(since: float = NOW, times: float = 5.0, accounts: dict[str, Account] | None = None) -> Quotas:
    """Return accounts of one probe with a timetable."""
    made = Quotas(times, accounts)
    made.expect("pk01", PER_HOUR, since)
    return made


def sent(made: Quotas, at: float, dated: list[float]) -> int:
    """Return how many results of given times are taken at a moment."""
    return sum(made.admit("pk01", [Item(one, 1.0) for one in dated], at))


def test_an_honest_day_of_failures_is_taken_whole() -> None:
    """Every result of a timetable, and as many paired runs again, each minute for three days."""
    made, lost = quotas(), 0
    for minute in range(3 * 1440):
        at = NOW + minute * 60.0
        dated = [at] * round(2 * PER_HOUR / 60.0)
        lost += len(dated) - sent(made, at, dated)
        made.caught_up("pk01", at)
    assert lost == 0


@pytest.mark.slow
@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_backlog_of_legitimate_size_is_taken_at_once(days: int) -> None:
    """After a shutdown everything comes within minutes: all that it can have measured, with paired runs, is taken."""
    made = quotas(since=NOW - 100 * DAY)
    made.admit("pk01", [Item(NOW - 90 * DAY, 1.0)], NOW - 90 * DAY)
    silent_since = NOW - days * DAY
    made.caught_up("pk01", silent_since)
    dated = [silent_since + hour * HOUR + n for hour in range(days * 24) for n in range(round(1.9 * PER_HOUR))]
    taken = 0
    for first in range(0, len(dated), 500):
        taken += sent(made, NOW + first / 500.0, dated[first : first + 500])
    assert taken == len(dated)


@pytest.mark.slow
def test_a_flood_is_bounded_by_the_timetable() -> None:
    """A probe that is always heard gets three timetables a day and two hours of five, however fast it sends."""
    made = quotas()
    taken = sum(sent(made, NOW + minute * 60.0, [NOW + minute * 60.0] * 3000) for minute in range(1440))
    day = PER_HOUR * 24
    assert day * 3 <= taken <= day * 3 + 2 * 5 * PER_HOUR


def test_who_pretends_to_have_been_silent_gets_what_silence_gives() -> None:
    """Two days without a word are two days of backlog, once; what was receipted in order since leaves no more."""
    made = quotas()
    made.caught_up("pk01", NOW)
    later = NOW + 2 * DAY
    dated = [NOW + hour * HOUR for hour in range(48)] * 700
    taken = sent(made, later, dated)
    assert 24_000 <= taken <= 48 * BACKLOG_TIMES * PER_HOUR + 2 * 5 * PER_HOUR
    assert sent(made, later + 60.0, dated) <= 5 * PER_HOUR


@pytest.mark.slow
def test_a_new_probe_has_no_past_to_deliver() -> None:
    """A board that was let in an hour ago has measured for an hour: a year of results is not its own."""
    made = quotas(since=NOW - HOUR)
    dated = [NOW - hour * HOUR for hour in range(24 * 365)] * 3
    assert sent(made, NOW, dated) <= POOL_LEAST + 5 * PER_HOUR * 2 + BACKLOG_TIMES * PER_HOUR


def test_no_hour_of_the_past_holds_more_than_a_probe_can_measure() -> None:
    """Thousands of results dated into one hour of yesterday are one hour's worth, whatever the backlog."""
    made = quotas(since=NOW - 100 * DAY)
    assert sent(made, NOW, [NOW - DAY] * 20_000) == 5 * PER_HOUR


def test_what_weighs_more_costs_more(probe: FieldProbe) -> None:
    """A result with two hundred trials, or with thousands of packets, counts as many."""
    trial = TcpObservation(arm=Arm.SUBJECT, at=NOW, address="198.18.0.10", port=443)
    packets = (Packet(t_us=0, direction=Direction.IN),) * 20
    paired = probe.measurement(observations=(msgspec.structs.replace(trial, packets=packets),) * 10)
    assert weight(paired) == 1.0
    assert weight(probe.measurement(observations=(trial,) * 200)) > 16.0
    heavy = msgspec.structs.replace(trial, packets=packets * 200)
    assert weight(probe.measurement(observations=(heavy,))) > 16.0


def test_a_body_is_paid_for_before_it_is_read() -> None:
    """Bodies of megabytes use a quota up, whatever is in them; then they are refused unread, in words."""
    made = quotas()
    read = sum(not made.may_open("pk01", 4 * 1024 * 1024, NOW) for _ in range(1000))
    assert read < 30
    assert made.may_open("pk01", 4 * 1024 * 1024, NOW).startswith(OVER)
    assert not made.may_open("pk01", 20_000, NOW + HOUR)


def test_messages_beyond_any_backlog_are_not_even_opened() -> None:
    """Thousands of messages in a minute wait unopened; an hour later the probe is heard again."""
    made = quotas()
    heard = sum(made.knock("pk01", NOW) for _ in range(10_000))
    assert heard == 3000
    assert sum(made.knock("pk01", NOW + HOUR) for _ in range(10_000)) == 1500


def test_accounts_survive_a_restart() -> None:
    """A restart gives nobody a new pool, and takes nobody's backlog."""
    made = quotas(since=NOW - 100 * DAY)
    made.admit("pk01", [Item(NOW, 1.0)] * 2000, NOW)
    kept = made.accounts(["pk01", "never-heard"])
    assert set(kept) == {"pk01"}
    again = quotas(since=NOW - 100 * DAY, accounts=kept)
    assert again.admit("pk01", [Item(NOW, 1.0)], NOW) == [True]
    assert again.accounts(["pk01"])["pk01"].backlog == pytest.approx(kept["pk01"].backlog, abs=1.0)
    assert again.accounts(["pk01"])["pk01"].pool == pytest.approx(kept["pk01"].pool - 1.0, abs=1.0)


def test_no_quota_is_a_setting() -> None:
    """0 takes everything: a bench, and a fleet whose operator wants so."""
    made = quotas(times=0.0)
    assert sent(made, NOW, [NOW - DAY] * 50_000) == 50_000
    assert all(made.knock("pk01", NOW) for _ in range(5000))


def test_who_left_is_forgotten() -> None:
    """Accounts are those of members."""
    made = quotas()
    made.admit("pk01", [Item(NOW, 1.0)], NOW)
    made.forget([])
    assert made.accounts(["pk01"]) == {}


# ---------------------------------------------------------------- at the door


class _Wire:
    """Takes acknowledgements and receipts."""

    name, up = "here", True

    def __init__(self) -> None:
        self.acknowledged = 0

    def ack(self, _delivery: Delivery) -> bool:
        """Count one acknowledgement."""
        self.acknowledged += 1
        return True

    def publish(self, _topic: str, _payload: bytes) -> None:
        """Say nothing."""


@pytest.fixture
def door(tmp_path: Path, probe: FieldProbe) -> Iterator[tuple[IntakeWriter, _Wire]]:
    """Return the writer of a collector that let one probe in an hour ago, not started."""
    place = Config(collector=CollectorSettings(state_dir=str(tmp_path)), broker=(Broker(host="127.0.0.1"),))
    clock = Clock(system=lambda: NOW)
    registry, journal = SqliteRegistry(place.fleet_file), SqliteJournal(place.journal_file)
    member = msgspec.structs.replace(probe.member, approved_at=NOW - HOUR)
    registry.approve(member)
    key, services = Ed25519PrivateKey.generate(), catalogue.load(catalogue.default_folder())
    ingest = IntakeWriter(place, clock, key, services, journal, registry, [], threading.Event())
    ingest.current.fleet = Fleet.of([member])  # what was assigned is another test's matter
    ingest.quotas.expect(probe.id, PER_HOUR, NOW - HOUR)
    yield ingest, _Wire()
    journal.close()
    registry.close()


def test_what_is_over_is_kept_told_and_receipted(door: tuple[IntakeWriter, _Wire], probe: FieldProbe) -> None:
    """The stream of a probe that sends too much goes on: all is acknowledged and receipted, the rest is quarantined."""
    ingest, wire = door
    connection: Any = wire
    for n in range(12):
        frame = probe.batch(
            *(probe.measurement(NOW - n * 9 * DAY - k) for k in range(500)), sent_at=NOW, historical=True
        )
        ingest.take([Delivery(connection, 1, n, 1, probe.topic, frame)])
    taken = ingest._journal.head()
    assert 2000 <= taken <= 4000
    assert wire.acknowledged == 12
    assert ingest._journal.position(probe.id, probe.stream).through == 12
    over = [reason for _, _, _, reason in ingest._journal.quarantine(100)]
    assert over
    assert all(reason.startswith(OVER) for reason in over)
    assert NoticeKind.QUOTA in {one.kind for one in ingest._journal.latest_notices()[probe.id]}


def test_a_repeat_costs_nothing(door: tuple[IntakeWriter, _Wire], probe: FieldProbe) -> None:
    """A probe whose receipts were lost sends everything again and again: nothing of it counts, or is refused."""
    ingest, wire = door
    connection: Any = wire
    frame = probe.batch(*(probe.measurement(NOW - k) for k in range(100)), sent_at=NOW)
    for n in range(40):
        ingest.take([Delivery(connection, 1, n, 1, probe.topic, frame)] * 2)
    assert ingest._journal.head() == 100
    assert ingest._journal.quarantine(10) == []
    kept = ingest._journal.accounts()[probe.id]
    assert kept.pool > 1000.0
