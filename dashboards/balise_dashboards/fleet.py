"""The fleet: who is heard, who is silent and why, and how the boards do. For operators.

Must not live here: how panels look.
"""

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

from balise_dashboards import language
from balise_dashboards.board import Variable, board, link_to, link_to_page
from balise_dashboards.influxql import Query, Source, tag_values
from balise_dashboards.language import ALARM, FINE, WARN, of_words, steps
from balise_dashboards.names import FLEET, HEALTH, PROBE_EVENT
from balise_dashboards.overview import ALIVE
from balise_dashboards.panels import history, lines, number, painted, rows, states, unit

_COUNTRY = Variable("country", "Country", tag_values(FLEET, "country"), "Countries with approved probes")
_PROBE = Variable("probe", "Probe", tag_values(FLEET, "probe", "country"), "Approved probes, by their opaque ids")
_TO_COLLECTOR = link_to("collector", "The collector")
_TO_PAGES = link_to_page("/", "The collector's own pages")
_FLAGS = of_words(language.FLAG_WORDS)
_FLEET = Source(FLEET, ("country", "probe"))
_HEALTH = Source(HEALTH, ("country", "probe"))
_EVENTS = Source(PROBE_EVENT, ("country", "probe"))
_TOLD_FIELDS = '"at_ms", "kind", "country", "probe", "detail"'
_HEARD = _FLEET.binned(ALIVE, ("probe",))
_WRONG = _FLEET.binned('last("is_clock_wrong") AS "wrong"', ("probe",))
_SILENT = _FLEET.binned('1 - last("is_alive") AS "silent"', ("probe",))
_EACH = " GROUP BY time($__interval) fill(none)"


def build() -> Dashboard:
    """Return the dashboard of the fleet."""
    made = board(
        "fleet",
        "Fleet",
        "Every approved probe: heard or silent and why, and how its board does. For operators, not for the public",
        (_COUNTRY, _PROBE),
        "24h",
    )
    for panel in (*_numbers(), *_presence(), *_told(), *_boards_over_time(), *_budget_and_clock(), *_tables()):
        made = made.with_panel(panel)
    return made


def _numbers() -> tuple[Any, ...]:
    """The numbers at the top."""
    return (
        number(
            "Heard",
            "Probes and references that were heard within the time that is allowed for silence",
            Query(f'SELECT sum("alive") FROM ({_HEARD}) WHERE $timeFilter{_EACH}'),
            [_TO_PAGES],
            limits=steps((None, FINE)),
        ),
        number(
            "Silent",
            "Approved and not heard; the table says why, as far as it is known",
            Query(f'SELECT sum("silent") FROM ({_SILENT}) WHERE $timeFilter{_EACH}'),
            [_TO_PAGES],
            limits=steps((None, FINE), (1, ALARM)),
        ),
        number(
            "Clocks wrong",
            "Probes whose clock differs from ours by more than verdicts bear",
            Query(f'SELECT sum("wrong") FROM ({_WRONG}) WHERE $timeFilter{_EACH}'),
            [_TO_PAGES],
            limits=steps((None, FINE), (1, WARN)),
        ),
        number(
            "Hottest board",
            "The highest temperature that any board told; from 80 degrees on a Raspberry Pi slows itself down",
            Query(_HEALTH.binned('max("temperature_c")')),
            [_TO_PAGES],
            unit="celsius",
            limits=steps((None, FINE), (70, WARN), (80, ALARM)),
        ),
        number(
            "Oldest in any queue",
            "How long the oldest batch that a probe still holds has waited for our receipt",
            Query(_FLEET.binned('max("queue_age_s")')),
            [_TO_COLLECTOR],
            unit="s",
            limits=steps((None, FINE), (3600, WARN), (86400, ALARM)),
        ),
        number(
            "Own failures",
            "Times that a probe itself could not measure (its line was unusable), since its start; the highest",
            Query(_HEALTH.binned('max("own_failures")')),
            [_TO_PAGES],
        ),
    )


def _presence() -> tuple[Any, ...]:
    """Who is heard, and why not."""
    return (
        rows(
            "Probes",
            "The newest word on each: when it was last heard, why it is silent, its version, its queue and its clock",
            Query(
                _FLEET.newest(
                    '"is_alive", "last_seen", "why", "software", "queue_rows", "queue_age_s", "is_clock_wrong"',
                    ("country", "asn", "probe", "kind"),
                ),
                table=True,
            ),
            [_TO_PAGES],
            (
                ("country", "Country", []),
                ("asn", "Provider (AS)", []),
                ("probe", "Probe", []),
                ("kind", "Is a", []),
                ("is_alive", "Heard", painted(of_words(language.ALIVE_WORDS))),
                ("last_seen", "Last heard", unit("dateTimeFromNow")),
                ("why", "Why silent", []),
                ("software", "Version", []),
                ("queue_rows", "Waiting", unit("short")),
                ("queue_age_s", "Oldest waits", unit("s")),
                ("is_clock_wrong", "Clock wrong", painted(_FLAGS)),
            ),
            10,
        ),
        states(
            "Heard and silent",
            "Silent where a probe was not heard at any minute of the interval",
            Query(_FLEET.binned('min("is_alive")', ("country", "probe"), "null"), "[[tag_country]] [[tag_probe]]"),
            [_TO_PAGES],
            of_words(language.ALIVE_WORDS),
        ),
    )


def _told() -> tuple[Any, ...]:
    """What probes tell of themselves."""
    return (
        rows(
            "What probes told",
            "The newest events in this range: why one started anew, refused a task, had no room or could not measure,"
            " in its own words",
            Query(_EVENTS.grouped(_TOLD_FIELDS, tail="ORDER BY time DESC LIMIT 100"), table=True),
            [_TO_PAGES],
            (
                ("at_ms", "By its clock", unit("dateTimeAsIso")),
                ("kind", "What", painted(of_words(language.EVENT_WORDS))),
                ("country", "Country", []),
                ("probe", "Probe", []),
                ("detail", "In its own words", []),
            ),
            9,
        ).span(14),
        lines(
            "How often",
            "Events of all probes by kind",
            [Query(_EVENTS.binned('sum("n")', ("kind",)), "[[tag_kind]]")],
            [_TO_PAGES],
            "short",
            stacked=True,
        )
        .span(10)
        .height(9),
    )


def _boards_over_time() -> tuple[Any, ...]:
    """Queue, temperature and power."""
    return (
        lines(
            "Age of the queue",
            "How long the oldest batch of each probe has waited for our receipt, by its own word",
            [Query(_HEALTH.binned('max("spool_oldest_s")', ("probe",)), "[[tag_probe]]")],
            [_TO_COLLECTOR],
            "s",
        ),
        lines(
            "Temperature",
            "The hottest thermal zone of each board; a board that tells none has no line",
            [Query(_HEALTH.binned('max("temperature_c")', ("probe",)), "[[tag_probe]]")],
            [_TO_PAGES],
            "celsius",
        ),
        history(
            "Slowed down by its board",
            "The firmware's flags (frequency capped, throttled, soft temperature limit): its times are not the line's",
            Query(_HEALTH.binned('max("throttled")', ("probe",)), "[[tag_probe]]"),
            [_TO_PAGES],
            _FLAGS,
        )
        .span(12)
        .height(7),
        history(
            "Under-voltage",
            "The firmware's or the sensor's alarm: a weak power supply; boards without a detector have no row",
            Query(_HEALTH.binned('max("undervoltage")', ("probe",)), "[[tag_probe]]"),
            [_TO_PAGES],
            _FLAGS,
        )
        .span(12)
        .height(7),
    )


def _budget_and_clock() -> tuple[Any, ...]:
    """Bytes and clocks."""
    return (
        lines(
            "Sent today",
            "Bytes that each probe sent since midnight (UTC), of its budget",
            [Query(_HEALTH.binned('max("sent_bytes_today")', ("probe",)), "[[tag_probe]]")],
            [_TO_PAGES],
            "decbytes",
        ),
        lines(
            "Received today",
            "Bytes that each probe received since midnight (UTC), of its budget",
            [Query(_HEALTH.binned('max("received_bytes_today")', ("probe",)), "[[tag_probe]]")],
            [_TO_PAGES],
            "decbytes",
        ),
        lines(
            "Clock",
            "How far each probe believes its clock to be off; who does not know has no line",
            [Query(_HEALTH.binned('mean("clock_offset_ms")', ("probe",)), "[[tag_probe]]")],
            [_TO_PAGES],
            "ms",
            signed=True,
        ),
    )


def _tables() -> tuple[Any, ...]:
    """Versions and boards."""
    return (
        rows(
            "Versions",
            "How many probes run which version",
            Query(_FLEET.newest('"software"', ("probe",)), table=True),
            [_TO_PAGES],
            (("software", "Version", []), ("probe (count)", "Probes", [])),
        )
        .span(12)
        .with_transformation(
            DataTransformerConfig(
                id_val="groupBy",
                options={
                    "fields": {
                        "software": {"operation": "groupby", "aggregations": []},
                        "probe": {"operation": "aggregate", "aggregations": ["count"]},
                    }
                },
            )
        ),
        rows(
            "Boards",
            "The newest health report of each probe; what a board does not tell stays empty",
            Query(
                _HEALTH.newest(
                    '"uptime_s", "cpu_percent", "memory_bytes", "disk_free_bytes", "disk_written_bytes", "tap_drops",'
                    ' "clock", "clock_offset_ms"',
                    ("country", "asn", "probe"),
                ),
                table=True,
            ),
            [_TO_PAGES],
            (
                ("country", "Country", []),
                ("asn", "Provider (AS)", []),
                ("probe", "Probe", []),
                ("uptime_s", "Up for", unit("s")),
                ("cpu_percent", "Processor", unit("percent")),
                ("memory_bytes", "Memory of the agent", unit("decbytes")),
                ("disk_free_bytes", "Free on its card", unit("decbytes")),
                ("disk_written_bytes", "Written to its card", unit("decbytes")),
                ("tap_drops", "Packets missed", unit("short")),
                ("clock", "Clock", painted(of_words(language.CLOCK_WORDS))),
                ("clock_offset_ms", "Clock off by", unit("ms")),
            ),
        ),
    )
