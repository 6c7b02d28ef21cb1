"""One service: its roles, the subject against its controls, and how long connecting takes.

Must not live here: how panels look.
"""

from typing import Any, Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from balise_dashboards.board import COUNTRY, PROVIDER, ROLE, Variable, board, incident_marks, link_to, link_to_page
from balise_dashboards.influxql import GRAVEST, Query, Source, tag_values, verdicts
from balise_dashboards.language import ACCENT, ALARM, GREY
from balise_dashboards.names import LINE, VERDICT
from balise_dashboards.panels import Column, heat_of, history, lines, linked, rows, states

_SERVICE = Variable("service", "Service", tag_values(VERDICT, "service"), "Services of the catalogue")
_PROVIDER = Variable("asn", "Provider", tag_values(VERDICT, "asn", "service", "country"), PROVIDER.description)
_COUNTRY = Variable("country", "Country", tag_values(VERDICT, "country", "service"), COUNTRY.description)
_TO_COUNTRY = link_to("country", "One country")
_TO_METHOD = link_to_page("/method", "How it is measured")

FINDING_COLUMNS: Final[tuple[Column, ...]] = (
    ("country", "Country", linked("This country", "/d/balise-country?${__url_time_range}&var-country=${__value.raw}")),
    ("asn", "Provider (AS)", []),
    ("role", "Role", []),
    ("layer", "Experiment", []),
    ("mechanism", "How", []),
    ("rule", "By rule", linked("What the rule says", "${pages}/method")),
    ("score", "Evidence (nats)", []),
    ("id", "Measurement", []),
)
_HERE = verdicts("service", "country", "asn", "role")
_ABROAD = Source(VERDICT, ("service", "role"), ("\"reference\" = 'yes'",))
_LINE = Source(LINE, ("country", "asn"))
_SERIES = "[[tag_country]] AS[[tag_asn]]"


def build() -> Dashboard:
    """Return the dashboard of a service."""
    made = board(
        "service",
        "Service",
        "Roles of one service, the subject against its controls, and times of the handshakes",
        (_SERVICE, _COUNTRY, _PROVIDER, ROLE),
        "24h",
    ).annotation(incident_marks("country", "service"))
    for panel in (*_courses(), *_subject_and_control(), *_connecting(), *_answering(), *_findings()):
        made = made.with_panel(panel)
    return made


def _courses() -> tuple[Any, ...]:
    """States over time, here and abroad."""
    return (
        states(
            "Roles by provider",
            "The gravest verdict of each interval; reachable where more than half of the verdicts say so; else grey",
            Query(_HERE.binned(GRAVEST, ("country", "asn", "role"), "null"), f"{_SERIES} [[tag_role]]"),
            [_TO_COUNTRY, _TO_METHOD],
        ),
        history(
            "Seen from abroad",
            "What references in other countries see of the same endpoints: trouble here and there is the service's own",
            Query(_ABROAD.binned(GRAVEST, ("country", "role")), "[[tag_country]] [[tag_role]]"),
            [_TO_METHOD],
        ).height(6),
    )


def _subject_and_control() -> tuple[Any, ...]:
    """The subject against its controls."""
    return (
        lines(
            "Subject against control",
            "Share of trials that failed in each interval: of the service's names (subject), of the controls that were"
            " tried beside them, and of the line's own controls. Only a subject that fails alone is a finding",
            [
                Query(_HERE.binned('sum("subjects_failed") / sum("subjects_tried")'), "subject", ref="A"),
                Query(_HERE.binned('sum("controls_failed") / sum("controls_tried")'), "control beside it", ref="B"),
                Query(_LINE.binned('sum("controls_failed") / sum("controls_tried")'), "the line's controls", ref="C"),
            ],
            [_TO_METHOD],
            "percentunit",
            paints={"subject": ALARM, "control beside it": ACCENT, "the line's controls": GREY},
        ),
        lines(
            "Time of subject and control",
            "Median time of a whole trial of the subject, and of the controls that succeeded beside it",
            [
                Query(_HERE.binned('median("elapsed_ms")'), "subject", ref="A"),
                Query(_HERE.binned('median("control_ms")'), "control", ref="B"),
            ],
            [_TO_METHOD],
            "ms",
            paints={"subject": ALARM, "control": ACCENT},
        ),
    )


def _connecting() -> tuple[Any, ...]:
    """How long connecting takes."""
    return (
        lines(
            "Round trip",
            "Median time from SYN to SYN-ACK, by provider (experiment tcp)",
            [Query(_HERE.binned('median("rtt_ms")', ("country", "asn")), _SERIES)],
            [_TO_COUNTRY],
            "ms",
        ),
        lines(
            "TLS handshake",
            "95th percentile of the time from the connection to the answer to the hello, by provider (experiment tls)",
            [Query(_HERE.binned('percentile("handshake_ms", 95)', ("country", "asn")), _SERIES)],
            [_TO_COUNTRY],
            "ms",
        ),
        heat_of(
            "Round trips of all probes",
            "How many probes had which median round trip: two bands are two ways to the service",
            Query(_HERE.binned('median("rtt_ms")', ("probe",)), "[[tag_probe]]"),
            [_TO_COUNTRY],
            "ms",
        ),
        heat_of(
            "TCP connections of all probes",
            "How many probes had which median time to connect (experiments tls and http)",
            Query(_HERE.binned('median("connect_ms")', ("probe",)), "[[tag_probe]]"),
            [_TO_COUNTRY],
            "ms",
        ),
    )


def _answering() -> tuple[Any, ...]:
    """How long look-ups take, how fast pages come, and how fast beside a control."""
    return (
        lines(
            "Name look-up",
            "Median time from question to first answer, by provider (experiment dns)",
            [Query(_HERE.binned('median("dns_ms")', ("country", "asn")), _SERIES)],
            [_TO_COUNTRY],
            "ms",
        ),
        lines(
            "Goodput",
            "Median rate of fetching a page, by provider (experiments http and throughput)",
            [Query(_HERE.binned('median("goodput_kbps")', ("country", "asn")), _SERIES)],
            [_TO_COUNTRY],
            "Kbits",
        ),
        lines(
            "Rate beside its control",
            "Median ratio of the service's rate to a control's on one server, by provider (experiment throughput): "
            "below 0.5 it is slowed",
            [Query(_HERE.binned('median("rate_ratio")', ("country", "asn")), _SERIES)],
            [_TO_COUNTRY],
            "percentunit",
        ).span(24),
    )


def _findings() -> tuple[Any, ...]:
    """How it fails."""
    return (
        rows(
            "How it fails",
            "The newest findings: mechanism and rule; the identifier names the measurement in the collector's evidence",
            Query(
                _HERE.and_only('"is_ok" = 0', '"is_insufficient" = 0').grouped(
                    '"country", "asn", "role", "layer", "mechanism", "rule", "score", "id"',
                    (),
                    "ORDER BY time DESC LIMIT 100",
                ),
                table=True,
            ),
            [_TO_METHOD],
            FINDING_COLUMNS,
        ),
    )
