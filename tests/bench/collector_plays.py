"""The collector's side and the naive side of P8, each in a process of its own whose CPU time is read from outside.

``collector_plays.py ingest SETTINGS`` runs ingest alone (no judge, no pages) until killed; ``collector_plays.py points
PORT N`` writes N points one by one with influxdb-client as its manual shows it, and prints its CPU seconds. Must not
live here: goals (bench_collector.py).
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS

from balise_collector.fleet import catalogue
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.intake.ingest import Ingest
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system import identity
from balise_collector.system.clock import Clock
from balise_collector.system.config import load


def ingest(settings: str) -> None:
    """Run the writer thread and its broker connection, and nothing else of the collector."""
    config = load(Path(settings))
    services = catalogue.load(catalogue.default_folder())
    writer = Ingest(
        config,
        Clock(),
        identity.load_or_create(config.state_dir),
        services,
        partial(SqliteJournal, config.journal_file),
        partial(SqliteRegistry, config.fleet_file),
    )
    writer.start()
    print("ready", flush=True)
    threading.Event().wait()


def points(port: int, count: int) -> None:
    """Write one point a message with influxdb-client's synchronous API."""
    make: Any = Point  # influxdb-client has no types
    client = InfluxDBClient(url=f"http://127.0.0.1:{port}", token="t", org="o")
    write = client.write_api(write_options=SYNCHRONOUS)

    def one(number: int) -> None:
        point = (
            make("balise_verdict")
            .tag("country", "PK").tag("asn", "64501").tag("service", "twitter").tag("role", "web")
            .tag("layer", "tcp").tag("probe", "k7m2q9xd").tag("state", "ok")
            .field("rtt_ms", 41.5).field("is_ok", 1).field("rule", "tcp.ok").field("id", "0" * 32)
            .time(1_589_733_000_000_000_000 + number)
        )  # fmt: skip
        write.write(bucket="b", record=point)

    for number in range(50):
        one(number)
    before = os.times()
    for number in range(count):
        one(number)
    after = os.times()
    print(after.user + after.system - before.user - before.system)


if __name__ == "__main__":
    if sys.argv[1] == "ingest":
        ingest(sys.argv[2])
    else:
        points(int(sys.argv[2]), int(sys.argv[3]))
