"""The collector itself: what comes in, how far each reader has got, what was refused, and the detector.

Must not live here: how panels look.
"""

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard

from balise_dashboards.board import Variable, board, link_to, link_to_page
from balise_dashboards.influxql import Query, Source, tag_values
from balise_dashboards.language import ALARM, FINE, GREY, WARN, steps
from balise_dashboards.names import COLLECTOR, CURSOR
from balise_dashboards.panels import lines, number, rows, unit

_READER = Variable("reader", "Reader", tag_values(CURSOR, "reader"), "Who reads the journal: judge and sinks")
_TO_FLEET = link_to("fleet", "The fleet")
_TO_PAGES = link_to_page("/", "The collector's own pages")
_MINUTE = "1m"
_OWN = Source(COLLECTOR)
_CURSOR = Source(CURSOR, ("reader",))


def build() -> Dashboard:
    """Return the dashboard of the collector."""
    made = board(
        "collector",
        "Collector",
        "The collector itself: rates, lag of each reader, quarantine, detector. For operators",
        (_READER,),
        "6h",
    )
    for panel in (*_numbers(), *_flow(), *_inside()):
        made = made.with_panel(panel.interval(_MINUTE))
    return made


def _numbers() -> tuple[Any, ...]:
    """The numbers at the top."""
    return (
        number(
            "Brokers connected",
            "MQTT brokers that the collector hears now",
            Query(_OWN.binned('last("brokers_up")')),
            [_TO_PAGES],
            limits=steps((None, ALARM), (1, FINE)),
        ),
        number(
            "Verdicts lag by",
            "How old the newest measurement was when it was judged: seconds between what is received and what is said",
            Query(_OWN.binned('last("judge_lag_s")')),
            [_TO_PAGES],
            unit="s",
            limits=steps((None, FINE), (60, WARN), (600, ALARM)),
        ),
        number(
            "Quarantined",
            "Messages refused since the beginning; each is kept with its reason",
            Query(_OWN.binned('last("quarantined")')),
            [_TO_PAGES],
            limits=steps((None, FINE), (1, WARN)),
        ),
        number(
            "Probes that wait",
            "Probes that speak and are not approved yet: `balise-collector fleet list` names them",
            Query(_OWN.binned('last("probes_waiting")')),
            [_TO_FLEET],
            limits=steps((None, FINE), (1, WARN)),
        ),
        number(
            "Measurements kept",
            "Measurements in the journal",
            Query(_OWN.binned('last("journal_rows")')),
            [_TO_PAGES],
        ),
        number(
            "Disk free",
            "What is left where the journal is kept",
            Query(_OWN.binned('last("disk_free_bytes")')),
            [_TO_PAGES],
            unit="decbytes",
            limits=steps((None, ALARM), (1_000_000_000, WARN), (10_000_000_000, FINE)),
        ),
    )


def _flow() -> tuple[Any, ...]:
    """What comes in, and who has read it."""
    return (
        lines(
            "What comes in",
            "Measurements and batches received, and verdicts written, per second",
            [
                _rate(_OWN, "journal_rows", "measurements", "A"),
                _rate(_OWN, "batches", "batches", "B"),
                _rate(_OWN, "verdicts", "verdicts", "C"),
                _rate(_OWN, "events", "events of probes", "D"),
            ],
            [_TO_FLEET],
            "cps",
        ),
        lines(
            "Lag of each reader",
            "Rows of the journal (for sinks: of what was concluded) that each reader has not read yet",
            [Query(_CURSOR.binned('max("lag_rows")', ("reader",)), "[[tag_reader]]")],
            [_TO_PAGES],
            "short",
        ),
    )


def _inside() -> tuple[Any, ...]:
    """Quarantine, detector, fleet, readers."""
    return (
        lines(
            "Quarantine",
            "Messages refused in each interval, and those that had to be dropped because the quarantine is full",
            [
                Query(_OWN.binned('spread("quarantined")'), "refused", ref="A"),
                Query(_OWN.binned('spread("quarantine_dropped")'), "dropped", ref="B"),
            ],
            [_TO_FLEET],
            "short",
            paints={"refused": WARN, "dropped": ALARM},
        ),
        lines(
            "Detector",
            "Cells whose evidence suffices (open) or has begun to add up (suspect), and incidents that stand open",
            [
                Query(_OWN.binned('max("cells_open")'), "cells open", ref="A"),
                Query(_OWN.binned('max("cells_suspect")'), "cells suspect", ref="B"),
                Query(_OWN.binned('max("incidents_open")'), "incidents open", ref="C"),
            ],
            [link_to("overview", "Overview")],
            "short",
            paints={"cells open": ALARM, "cells suspect": WARN, "incidents open": GREY},
        ),
        lines(
            "Fleet as heard",
            "Approved probes, and those that are heard",
            [
                Query(_OWN.binned('last("probes")'), "approved", ref="A"),
                Query(_OWN.binned('last("probes_alive")'), "heard", ref="B"),
            ],
            [_TO_FLEET],
            "short",
            paints={"approved": GREY, "heard": FINE},
        ),
        rows(
            "Readers",
            "How far each reader has got",
            Query(_CURSOR.newest('"position", "head", "lag_rows"', ("reader",)), table=True),
            [_TO_PAGES],
            (
                ("reader", "Reader", []),
                ("position", "Has read up to", unit("none")),
                ("head", "There is up to", unit("none")),
                ("lag_rows", "Lags by", unit("short")),
            ),
        ).span(12),
    )


def _rate(source: Source, field: str, name: str, ref: str) -> Query:
    return Query(source.binned(f'non_negative_derivative(last("{field}"), 1s)'), name, ref=ref)
