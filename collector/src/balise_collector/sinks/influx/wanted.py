"""Whether the settings ask for an InfluxDB or for a file of line protocol, and how each is opened.

influxdb-client takes half a second to import, which every command would wait for: it is imported where a sink is
opened. Must not live here: what flows (streams.py).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from balise_collector.sinks.context import SinkContext
from balise_collector.sinks.influx.line_file import LineFile
from balise_collector.sinks.influx.sink import PointSink
from balise_collector.sinks.streams import Conclusions, Sources, Stream
from balise_collector.system.config import Config


def line_file(config: Config) -> str:
    """Say which file of line protocol the settings name."""
    return config.sinks.line_protocol_file


def line_file_streams(context: SinkContext, sources: Sources) -> AbstractContextManager[Sequence[Stream]]:
    """Open what flows to the file: what was concluded."""
    sink = PointSink(LineFile(context.config.sinks.line_protocol_file))
    return nullcontext([Conclusions(sink, "file", sources)])


def server(config: Config) -> str:
    """Say which server and buckets the settings name."""
    influx = config.influx
    return f"{influx.url}, buckets {influx.bucket} and {influx.rollup_bucket}" if influx.url else ""


def server_streams(context: SinkContext, sources: Sources) -> AbstractContextManager[Sequence[Stream]]:
    """Open what flows to the server."""
    from balise_collector.sinks.influx.streams import influx_streams  # noqa: PLC0415 - as said

    return influx_streams(context, sources)
