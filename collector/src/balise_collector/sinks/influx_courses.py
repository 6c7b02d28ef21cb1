"""What flows to InfluxDB, joined from the settings: points to one bucket, roll-ups to the other.

Lives here: the joining, and reading the token. Must not live here: writing (influx.py), what flows (courses.py).
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from balise_collector.detect import INTERNET
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.sinks import SinkError
from balise_collector.sinks.cardinality import Guard
from balise_collector.sinks.courses import Conclusions, Course, Gauges, HealthReports, ProbeEvents, Rollups
from balise_collector.sinks.influx import InfluxSink
from balise_collector.sinks.watch import Watch
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config, Influx

WINDOWS: Final = (("5m", 300.0, 60.0), ("1h", 3600.0, 600.0))
"""Each window's tag, its width and the pause between two looks, in clock seconds."""


@contextlib.contextmanager
def influx_courses(
    config: Config, clock: Clock, services: Catalogue, brokers: Callable[[], Mapping[str, bool]]
) -> Iterator[Sequence[Course]]:
    """Yield the courses, gauges first: they are looked at also while the server is away; then let go of everything."""
    known = {"service": frozenset({service.id for service in services.services} | {INTERNET})}

    def sink(bucket: str) -> InfluxSink:
        return InfluxSink(
            url=config.influx.url,
            bucket=bucket,
            org=config.influx.org,
            token=lambda: token_of(config.influx),
            guard=Guard(known),
            now=clock.now,
            ca_file=config.influx.ca_file,
            timeout=config.influx.timeout,
            batch=config.influx.batch,
        )

    points, rollups = sink(config.influx.bucket), sink(config.influx.rollup_bucket)
    registry = FleetRegistry(config.fleet_file)
    watch = Watch(registry, config.state_dir, clock.now, brokers, float(config.detect.silence_seconds))
    courses: list[Course] = [
        Gauges(points, watch.look),
        Conclusions(points, "influx"),
        HealthReports(points, "influx-health", registry.fleet),
        ProbeEvents(points, "influx-events", registry.fleet),
        *(Rollups(rollups, f"rollup-{tag}", tag, width, every, clock.now) for tag, width, every in WINDOWS),
    ]
    watch.courses = courses
    with contextlib.closing(registry), contextlib.closing(points), contextlib.closing(rollups):
        yield courses


def token_of(influx: Influx) -> str:
    """Return the token (SinkError where there is none to be had)."""
    if influx.token:
        return influx.token
    try:
        token = Path(influx.token_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SinkError(
            f"[influx] token_file {influx.token_file}: {error}; write the token into it, or run: "
            "balise-collector influx setup"
        ) from None
    if not token:
        raise SinkError(f"[influx] token_file {influx.token_file}: is empty; write the token into it")
    return token
