"""One country: its providers, the services on them, the state of its lines, and its incidents on the time axis.

Must not live here: how panels look.
"""

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard

from balise_collector.judge.verdict import VerdictState
from balise_dashboards.board import COUNTRY, PROVIDER, SERVICE, board, incident_marks, link_to, link_to_page
from balise_dashboards.influxql import GRAVEST, ROLLUPS, Query, Source, verdicts
from balise_dashboards.language import label, of_codes
from balise_dashboards.names import INCIDENT, LINE, ROLLUP
from balise_dashboards.overview import INCIDENT_COLUMNS, INCIDENT_FIELDS
from balise_dashboards.panels import history, lines, linked, rows, states

_TO_SERVICE = link_to("service", "One service")
_TO_MATRIX = link_to_page("/matrix", "Matrix on the collector's pages")
_HERE = verdicts("country", "asn", "service")
_LINE = Source(LINE, ("country", "asn"))
_PAST = Source(ROLLUP, ("country", "asn", "service"), ("\"window\" = '1h'", "\"reference\" = 'no'"))
_COUNTED = ", ".join(f'sum("is_{state.value}") AS "{state.value}"' for state in VerdictState)


def build() -> Dashboard:
    """Return the dashboard of a country."""
    made = board(
        "country",
        "Country",
        "Providers, services and roles of one country, with its incidents as regions",
        (COUNTRY, PROVIDER, SERVICE),
        "24h",
        long=True,
    ).annotation(incident_marks("country", "service"))
    for panel in (*_courses(), *_tables(), *_lines_and_past()):
        made = made.with_panel(panel)
    return made


def _courses() -> tuple[Any, ...]:
    """States over time: providers, roles, experiments."""
    return (
        states(
            "Providers and services",
            "The gravest verdict of each interval; reachable where more than half of the verdicts say so; else grey",
            Query(_HERE.binned(GRAVEST, ("asn", "service"), "null"), "AS[[tag_asn]] [[tag_service]]"),
            [_TO_SERVICE, _TO_MATRIX],
        ),
        history(
            "Roles",
            "The parts of each service (site, app interface, images, ...) over all providers chosen",
            Query(_HERE.binned(GRAVEST, ("service", "role")), "[[tag_service]] [[tag_role]]"),
            [_TO_SERVICE],
        ),
        history(
            "Experiments",
            "Where on the way it fails: the name (dns), the address (tcp), the hello (tls), the request (http)",
            Query(_HERE.binned(GRAVEST, ("service", "layer")), "[[tag_service]] [[tag_layer]]"),
            [_TO_SERVICE],
        ).height(7),
    )


def _tables() -> tuple[Any, ...]:
    """Counts and incidents."""
    return (
        rows(
            "Verdicts by provider",
            "How many verdicts of each state this range has, per provider and service",
            Query(_HERE.grouped(_COUNTED, ("asn", "service")), table=True),
            [_TO_MATRIX],
            (
                ("asn", "Provider (AS)", []),
                (
                    "service",
                    "Service",
                    linked("This service", "/d/balise-service?${__url_time_range}&var-service=${__value.raw}"),
                ),
                *((state.value, label(state), []) for state in VerdictState),
            ),
        ),
        rows(
            "Incidents",
            "The newest word on each kind of incident of each service; counts are of providers and probes",
            Query(
                Source(INCIDENT, ("country", "service")).newest(INCIDENT_FIELDS, ("country", "service", "kind")),
                table=True,
            ),
            [link_to("incident", "One incident")],
            INCIDENT_COLUMNS,
            6,
        ),
    )


def _lines_and_past() -> tuple[Any, ...]:
    """The state of the lines, and thirty days."""
    return (
        lines(
            "Line: controls that failed",
            "Share of the controls (names that every home uses) that failed: the line's own trouble, not a service's",
            [Query(_LINE.binned('sum("controls_failed") / sum("controls_tried")', ("asn",)), "AS[[tag_asn]]")],
            [link_to("fleet", "The fleet")],
            "percentunit",
        ),
        lines(
            "Line: round trip to the nearest control",
            "Median over probes of the fastest control's round trip",
            [Query(_LINE.binned('median("rtt_ms")', ("asn",)), "AS[[tag_asn]]")],
            [link_to("fleet", "The fleet")],
            "ms",
        ),
        history(
            "Thirty days, hour by hour",
            "Roll-ups of the collector: trouble if there was any, else reachable where more than half of the verdicts"
            " say so, else grey",
            Query(
                _PAST.binned('max("state_code")', ("asn", "service")), "AS[[tag_asn]] [[tag_service]]", source=ROLLUPS
            ),
            [_TO_MATRIX],
            of_codes(),
        )
        .time_from("30d")
        .interval("1h"),
    )
