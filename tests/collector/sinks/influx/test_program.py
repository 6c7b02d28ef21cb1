"""The whole program with InfluxDB beside it: MQTT in, InfluxQL out, and an InfluxDB that is killed for a stretch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from balise_collector.system.clock import machine_time
from balise_collector.system.identity import load_or_create
from balise_wire.envelope import Kind
from balise_wire.status import Health
from balise_wire.topics import Leaf
from tests.collector.conftest import Mosquitto, RunningCollector
from tests.collector.field_probe import FieldProbe
from tests.collector.fieldline import FieldLine

pytestmark = pytest.mark.influx
NOW = machine_time() - 3600.0
LAB_CLOCK = "2020-05-17T16:30:00Z"
BATCHES, IN_BATCH, ROUNDS = 60, 20, 3
"""The rate is that of the best of the rounds: a busy machine can only make one slower."""


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector under test lives on 17 May 2020, as the probes' measurements do."""
    monkeypatch.setenv("BALISE_CLOCK", f"{LAB_CLOCK}@{time.monotonic():.3f}x1")


def test_an_outage_of_influxdb_loses_nothing_and_slows_nothing(
    make_influx: Callable[..., Any],
    collector: RunningCollector,
    mosquitto: Mosquitto,
    probe: FieldProbe,
    field_line: type[FieldLine],
    eventually: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Killed while batches keep coming, then back: every point and health report is there; receipts came as fast."""
    influx = make_influx()
    name = influx.database("program")
    influx.database("program_rollup")
    token = collector.folder / "influx.token"
    token.write_text(influx.write_token)
    collector.settings.write_text(
        f'{collector.settings.read_text()}[influx]\nurl = "{influx.url}"\ntoken_file = "{token}"\n'
        'bucket = "program"\nrollup_bucket = "program_rollup"\ntimeout = 2.0\n'
    )
    collector.approve(probe)
    collector.start()
    line = field_line(probe, mosquitto.port, load_or_create(collector.state).public_key())
    eventually(lambda: b'"online":true' in line.retained.get("collector", b""), "the collector is online")

    def stored(measurement: str, field: str) -> int:
        found = influx.rows(f'SELECT count("{field}") AS "n" FROM "{measurement}"', name)  # noqa: S608 - our own words
        return int(found[0]["n"]) if found else 0

    def say_health(rows: int) -> None:
        body = msgspec.json.encode(Health(at=NOW, spool_rows=rows, temperature_c=48.0))
        line.send(
            Leaf.HEALTH,
            probe.seal(probe.envelope(body, kind=Kind.HEALTH, sequence=0, stream="", sent_at=machine_time())),
        )

    def batches(first: int) -> float:
        """Send batches, wait for their receipts; returns measurements a second."""
        began = time.monotonic()
        for n in range(first, first + BATCHES):
            line.record(*(probe.measurement(NOW + n + k / 100.0) for k in range(IN_BATCH)), sent_at=machine_time())
        eventually(lambda: not line.spool, "every batch receipted")
        return BATCHES * IN_BATCH / (time.monotonic() - began)

    try:
        say_health(1)
        up = max(batches(n * BATCHES) for n in range(ROUNDS))
        eventually(lambda: stored("balise_verdict", "state") == ROUNDS * BATCHES * IN_BATCH, "the first points")
        influx.kill()
        say_health(2)
        down = max(batches(n * BATCHES) for n in range(ROUNDS, 2 * ROUNDS))
        eventually(lambda: "sink influx:" in (collector.folder / "collector.log").read_text(), "the outage is told")
        influx.start()
        eventually(
            lambda: stored("balise_verdict", "state") == 2 * ROUNDS * BATCHES * IN_BATCH, "every point", within=60.0
        )
        eventually(lambda: stored("balise_health", "spool_rows") == 2, "every health report")
        eventually(lambda: stored("balise_cursor", "position") > 0, "the collector tells of itself")
        # Its log tells the outage once, and its end.
        log = (collector.folder / "collector.log").read_text()
        assert "takes changes again" in log
        assert influx.write_token not in log
    finally:
        line.stop()
    with capsys.disabled():
        print(f"\nmeasurements receipted per second: InfluxDB up {up:.0f}, killed {down:.0f}")  # noqa: T201 - the figures
    assert down > 0.5 * up
    assert collector.end(within=4.0) == 0
