"""The names of measurements, as the sinks write them: one place to look, and none to keep in step."""

from balise_collector.experiments.line.points import LINE
from balise_collector.sinks.influx.points import (
    ANNOTATION,
    COLLECTOR,
    CURSOR,
    EVENT,
    FLEET,
    HEALTH,
    INCIDENT,
    PROBE_EVENT,
    ROLLUP,
    STATE_CODES,
    UNCONFIRMED,
    VERDICT,
)

__all__ = [
    "ANNOTATION",
    "COLLECTOR",
    "CURSOR",
    "EVENT",
    "FLEET",
    "HEALTH",
    "INCIDENT",
    "LINE",
    "PROBE_EVENT",
    "ROLLUP",
    "STATE_CODES",
    "UNCONFIRMED",
    "VERDICT",
]
