"""The InfluxDB sink against a real InfluxDB 1.6 (influxserver.py): everything arrives, once, and nothing waits for it.

Must not live here: what other answers than a real server's mean (test_influx_answers.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.conclude.inference import OperatorContext
from balise_collector.conclude.pipeline import JournalReader
from balise_collector.conclude.store import Store
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal import Presence, Report
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks import SinkError
from balise_collector.sinks.context import SinkContext
from balise_collector.sinks.influx.streams import influx_streams
from balise_collector.sinks.streams import Sources, Stream
from balise_collector.sinks.worker import SinkWorker
from balise_collector.system.clock import Clock
from balise_collector.system.config import Broker, CollectorSettings, Config, Influx
from balise_wire.status import Health
from balise_wire.words import ClockState, Lifecycle
from tests.collector.afternoon import Afternoon, batch_of
from tests.collector.influxserver import InfluxServer
from tests.testbed.waiting import eventually

pytestmark = pytest.mark.influx


@dataclass
class Seeded:
    """A collector's files after a made afternoon, and how it would send them."""

    config: Config
    journal: SqliteJournal
    store: Store
    sent: int
    now: float
    reader: JournalReader
    held: ExitStack

    @property
    def clock(self) -> Clock:
        """A clock that stands at the end of the afternoon."""
        return Clock(system=lambda: self.now)

    def streams(self, influx: InfluxServer, name: str, **changes: Any) -> list[Stream]:
        """What flows to two fresh databases of a server."""
        config = self.influx_config(influx, name, **changes)
        services = catalogue.load(catalogue.default_folder())
        context = SinkContext(
            config, self.clock, services, lambda: {"b": True}, partial(SqliteRegistry, config.fleet_file)
        )
        return list(self.held.enter_context(influx_streams(context, Sources(self.store, self.journal))))

    def influx_config(self, influx: InfluxServer, name: str, **changes: Any) -> Config:
        """Settings that lead to a server."""
        usual = {"url": influx.url, "token": influx.write_token, "bucket": name, "rollup_bucket": f"{name}_rollup"}
        usual["org"] = getattr(influx, "org", "balise")
        return msgspec.structs.replace(self.config, influx=Influx(**{**usual, **changes}))

    def worker(self, influx: InfluxServer, name: str) -> SinkWorker:
        """The thread that would send them, not started."""
        config = self.influx_config(influx, name, timeout=1.0)
        return worker_of(config, self.clock)

    def drain(self, streams: list[Stream]) -> None:
        """Send until nothing is left."""
        while any([stream.step() for stream in streams]):  # noqa: C419 - each takes its step
            pass


def worker_of(config: Config, clock: Clock) -> SinkWorker:
    """Return the thread that sends what a collector's files hold, not started."""
    context = SinkContext(
        config, clock, catalogue.load(catalogue.default_folder()), dict, partial(SqliteRegistry, config.fleet_file)
    )
    return SinkWorker(
        "influx",
        lambda sources: influx_streams(context, sources),
        lambda: Sources(
            SqliteStore(config.derived_file, SqliteJournal(config.journal_file)), SqliteJournal(config.journal_file)
        ),
        clock.monotonic,
    )


@pytest.fixture
def seeded(tmp_path: Path, afternoon: Afternoon) -> Iterator[Seeded]:
    """Fill a journal with an afternoon, judge it, and add presence and health."""
    config = Config(collector=CollectorSettings(state_dir=str(tmp_path)), broker=(Broker(host="127.0.0.1"),))
    journal = SqliteJournal(config.journal_file)
    store = SqliteStore(config.derived_file, SqliteJournal(config.journal_file))
    registry = SqliteRegistry(config.fleet_file)
    for probe in afternoon.probes:
        registry.approve(probe.member)
    registry.close()
    sent = afternoon.fill(journal)
    now = afternoon.start + afternoon.slots * 300.0 + 400.0
    states = [Presence(probe=probe.id, state=Lifecycle.READY, session=1) for probe in afternoon.probes]
    health = Health(at=now, temperature_c=51.5, spool_rows=2, clock_state=ClockState.SYNCED)
    journal.append((), (), states, now - 100.0, [Report(probe=probe.id, health=health) for probe in afternoon.probes])
    fleet = Fleet.of(probe.member for probe in afternoon.probes)
    reader = JournalReader(
        journal, store, OperatorContext(fleet=fleet, catalogue=catalogue.load(catalogue.default_folder()))
    )
    while reader.follow(now):
        pass
    with ExitStack() as held:
        yield Seeded(config, journal, store, sent, now, reader, held)
    store.close()
    journal.close()


def fresh(influx: InfluxServer, name: str) -> str:
    """Make both databases of a sink."""
    influx.database(f"{name}_rollup")
    return str(influx.database(name))


def count(influx: InfluxServer, database: str, measurement: str, field: str) -> int:
    """Return how many points have a field."""
    found = influx.rows(f'SELECT count("{field}") AS "n" FROM "{measurement}"', database)  # noqa: S608 - our own words
    return int(found[0]["n"]) if found else 0


@pytest.mark.contract
def test_everything_arrives_and_a_replay_overwrites(
    any_influx: InfluxServer, seeded: Seeded, afternoon: Afternoon
) -> None:
    """Every verdict, incident and health report is a point; sending all again with a new cursor changes no count."""
    name = fresh(any_influx, "whole")
    seeded.drain(seeded.streams(any_influx, name))
    first = {
        measurement: count(any_influx, name, measurement, field)
        for measurement, field in (
            ("balise_verdict", "state"),
            ("balise_incident", "revision"),
            ("balise_health", "clock"),
        )
    }
    assert first["balise_verdict"] == seeded.sent
    assert first["balise_incident"] >= 1
    assert first["balise_health"] == len(afternoon.probes)
    blocked = any_influx.rows('SELECT sum("is_blocked") AS "n" FROM "balise_verdict" GROUP BY "asn"', name)
    assert {row["asn"] for row in blocked if row["n"]} == {"64501"}
    alive = any_influx.rows('SELECT last("is_alive") AS "n" FROM "balise_fleet" GROUP BY "probe"', name)
    assert [row["n"] for row in alive] == [1] * len(afternoon.probes)
    assert any_influx.rows('SELECT last("temperature_c") AS "t" FROM "balise_health"', name)[0]["t"] == 51.5
    seeded.drain(seeded.streams(any_influx, name, url=any_influx.url + "/"))  # another name: everything again
    assert count(any_influx, name, "balise_verdict", "state") == seeded.sent
    assert count(any_influx, name, "balise_incident", "revision") == first["balise_incident"]


@pytest.mark.contract
def test_roll_ups_add_up_and_late_data_are_added(
    any_influx: InfluxServer, seeded: Seeded, afternoon: Afternoon
) -> None:
    """Five minutes and an hour count every verdict once; what comes hours late makes its windows anew."""
    name = fresh(any_influx, "rolled")
    courses = seeded.streams(any_influx, name)
    seeded.drain(courses)

    def total(window: str) -> int:
        question = f'SELECT sum("verdicts") AS "n" FROM "balise_rollup" WHERE "window" = \'{window}\''  # noqa: S608 - our own word
        return int(any_influx.rows(question, f"{name}_rollup")[0]["n"])

    assert total("5m") == total("1h") == seeded.sent
    rtt = any_influx.rows('SELECT mean("rtt_ms_median") AS "t" FROM "balise_rollup"', f"{name}_rollup")
    assert 5.0 < rtt[0]["t"] < 500.0
    probe = afternoon.probes[-1]
    late = probe.measurement(afternoon.start + 10.0)
    seeded.journal.append([batch_of(probe, [late], seeded.now)], (), (), seeded.now + 1.0)
    while seeded.reader.follow(seeded.now + 2.0):
        pass
    seeded.now += 3600.0
    seeded.drain(courses)
    assert total("5m") == total("1h") == seeded.sent + 1


def test_killed_for_a_stretch_and_every_point_is_there(
    make_influx: Callable[..., Any], seeded: Seeded, afternoon: Afternoon, eventually: Callable[..., None]
) -> None:
    """InfluxDB is killed while rows keep coming: afterwards every point is there (its pace: test_influx_program.py)."""
    influx = make_influx()
    name = fresh(influx, "outage")
    worker = seeded.worker(influx, name)
    worker.start()
    eventually(lambda: count(influx, name, "balise_verdict", "state") == seeded.sent, "the first afternoon")
    afternoon.slots += 80
    for since, until in ((36, 76), (76, 116)):
        if since == 76:
            influx.kill()
        seeded.sent += afternoon.fill(seeded.journal, until, since)
        while seeded.reader.follow(seeded.now):
            pass
    eventually(lambda: worker.failing, "the outage is noticed")
    influx.start()
    eventually(lambda: count(influx, name, "balise_verdict", "state") == seeded.sent, "all points", within=40.0)
    assert worker.failed is None
    worker.stop()
    worker.join(5.0)


def test_a_full_disk_waits_and_loses_nothing(
    make_influx: Callable[..., Any],
    seeded: Seeded,
    afternoon: Afternoon,
    eventually: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """InfluxDB's disk fills up while rows keep coming: one clear line, and every point is there when it has room."""
    try:
        influx = make_influx(disk_megabytes=48)
    except (RuntimeError, OSError) as error:
        pytest.skip(f"influx: no disk of its own to fill: this kernel gives no mount namespace to us ({error})")
    caplog.set_level("INFO", "balise_collector.sinks.worker")
    name = fresh(influx, "full")
    worker = seeded.worker(influx, name)
    worker.start()
    eventually(lambda: count(influx, name, "balise_verdict", "state") == seeded.sent, "the first afternoon")
    influx.disk.fill()
    afternoon.slots += 40
    before, seeded.sent = seeded.sent, seeded.sent + afternoon.fill(seeded.journal, 76, 36)
    seeded.now += 40 * 300.0
    while seeded.reader.follow(seeded.now):
        pass
    eventually(lambda: worker.failing, "the full disk is noticed")
    eventually(lambda: "its disk is full; make room" in caplog.text, "it is said")
    assert seeded.journal.cursor(seeded.streams(influx, name)[1]._bookmark._name) < seeded.store.last_change()  # type: ignore[attr-defined]
    assert before < seeded.sent
    influx.disk.make_room()
    influx.kill()  # a 1.x goes on refusing until it is started again
    influx.start()
    eventually(lambda: count(influx, name, "balise_verdict", "state") == seeded.sent, "all points", within=40.0)
    assert worker.failed is None
    worker.stop()
    worker.join(5.0)
    assert caplog.text.count("its disk is full") == 1
    assert "refused for good" not in caplog.text


@pytest.mark.contract
def test_points_older_than_the_retention_do_not_stop_the_rest(
    any_influx: InfluxServer, seeded: Seeded, caplog: pytest.LogCaptureFixture
) -> None:
    """A real 400 for a partial write: what the server keeps is kept, what it will never take is counted and logged."""
    if getattr(any_influx, "version", "").startswith("3"):
        pytest.skip("InfluxDB 3 is not given a retention by this test")
    name = any_influx.database("short", keep="1h")  # the afternoon is years ago
    seeded.drain(seeded.streams(any_influx, name)[1:2])
    assert count(any_influx, name, "balise_verdict", "state") == 0
    assert "refused for good" in caplog.text
    assert "retention" in caplog.text


@pytest.mark.contract
def test_a_field_of_another_type_costs_its_own_points_only(
    any_influx: InfluxServer, seeded: Seeded, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else wrote a string where balise writes a float: those points are left out, with the reason."""
    name = fresh(any_influx, "mixed")
    writer = seeded.streams(any_influx, name)[0]._sink._writer  # type: ignore[attr-defined]
    writer._post(['balise_health,probe=x temperature_c="warm" 1589733000000000000'])
    seeded.drain(seeded.streams(any_influx, name))
    assert count(any_influx, name, "balise_verdict", "state") == seeded.sent
    assert "conflict" in caplog.text or "type" in caplog.text
    assert any_influx.rows('SELECT sum("n") AS "n" FROM "balise_dropped"', name)[0]["n"] > 0


@pytest.mark.parametrize(
    ("changes", "status", "mend"),
    [
        ({"token": "writer:wrong"}, "401", "token_file"),
        ({"token": "reader:reader-password"}, "403", "right to write"),
        ({"bucket": "nowhere"}, "404|403", "influx setup|right to write"),
    ],
)
def test_a_refusal_stands_still_and_says_the_mend(
    influx: InfluxServer, seeded: Seeded, changes: dict[str, str], status: str, mend: str
) -> None:
    """A wrong token or bucket loses nothing: the cursor stays, and the message says what the operator does."""
    name = fresh(influx, "refused")
    conclusions = seeded.streams(influx, name, **changes)[1]
    with pytest.raises(SinkError, match=status) as raised:
        conclusions.step()
    assert any(word in str(raised.value) for word in mend.split("|"))
    assert conclusions.readers()[0][1] == 0


def test_a_server_that_takes_small_writes_only_gets_small_writes(
    make_influx: Callable[..., Any], seeded: Seeded
) -> None:
    """413 halves the batch until it fits: no setting has to be found out."""
    influx = make_influx(most_body=40_000)
    name = fresh(influx, "small")
    seeded.drain(seeded.streams(influx, name)[1:2])
    assert count(influx, name, "balise_verdict", "state") == seeded.sent


def test_a_token_that_was_changed_is_read_again(influx: InfluxServer, seeded: Seeded, tmp_path: Path) -> None:
    """The operator mends the token file; nothing is started again."""
    name = fresh(influx, "renewed")
    file = tmp_path / "influx.token"
    file.write_text("writer:old\n")
    stream = seeded.streams(influx, name, token="", token_file=str(file))[1]
    with pytest.raises(SinkError, match="401"):
        stream.step()
    file.write_text(f"{influx.write_token}\n")
    seeded.drain([stream])
    assert count(influx, name, "balise_verdict", "state") == seeded.sent


def test_a_worker_stops_at_once_while_its_server_is_away(seeded: Seeded, free_port: int) -> None:
    """SIGTERM does not wait for a back-off."""
    config = msgspec.structs.replace(
        seeded.config,
        influx=Influx(url=f"http://127.0.0.1:{free_port}", token="x"),
    )
    worker = worker_of(config, seeded.clock)
    worker.start()
    eventually(lambda: worker.failing, "its server is away")
    worker.stop()
    worker.join(2.0)
    assert not worker.is_alive()
    assert worker.failed is None
