"""What flows to InfluxDB, joined from the settings: points to one bucket, roll-ups to the other.

Lives here: the joining, and reading the token. Must not live here: writing (bucket.py), what flows (sinks/streams.py).
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from balise_collector.detect import INTERNET
from balise_collector.sinks import SinkError
from balise_collector.sinks.context import SinkContext
from balise_collector.sinks.influx.bucket import BucketWriter, WriteOptions
from balise_collector.sinks.influx.cardinality import Guard
from balise_collector.sinks.influx.sink import PointSink
from balise_collector.sinks.sampling import Sampler
from balise_collector.sinks.streams import (
    EVENTS,
    HEALTH,
    Conclusions,
    Rollups,
    Rows,
    Samples,
    Sources,
    Stream,
    WindowWidth,
)
from balise_collector.system.config import Influx

WINDOWS: Final = (WindowWidth("5m", 300.0, 60.0), WindowWidth("1h", 3600.0, 600.0))


@contextlib.contextmanager
def influx_streams(context: SinkContext, sources: Sources) -> Iterator[Sequence[Stream]]:
    """Yield the streams, samples first: they are taken also while the server is away; then let go of everything."""
    config, clock = context.config, context.clock
    known = {"service": frozenset({service.id for service in context.services.services} | {INTERNET})}

    def bucket(name: str) -> BucketWriter:
        return BucketWriter(
            url=config.influx.url,
            bucket=name,
            org=config.influx.org,
            token=lambda: token_of(config.influx),
            guard=Guard(known),
            now=clock.now,
            transport=WriteOptions(config.influx.ca_file, config.influx.timeout, config.influx.batch),
        )

    registry = context.open_registry()
    points, rollups = bucket(config.influx.bucket), bucket(config.influx.rollup_bucket)
    sink, summed = PointSink(points), PointSink(rollups)
    streams: list[Stream] = [
        Conclusions(sink, "influx", sources),
        Rows(HEALTH, sink, "influx-health", sources, registry.fleet),
        Rows(EVENTS, sink, "influx-events", sources, registry.fleet),
        *(Rollups(summed, f"rollup-{width.tag}", sources, width, clock.now) for width in WINDOWS),
    ]
    sampler = Sampler(config, registry, sources, streams, clock.now, context.brokers)
    with contextlib.closing(registry), contextlib.closing(points), contextlib.closing(rollups):
        yield [Samples(sink, "influx-samples", sources.journal, sampler.sample), *streams]


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
