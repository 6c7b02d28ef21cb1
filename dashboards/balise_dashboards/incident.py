"""One incident: when it began and ended, whom it reaches, what was said of it when, and the findings behind it.

Must not live here: how panels look.
"""

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard

from balise_dashboards import language
from balise_dashboards.board import COUNTRY, Variable, board, incident_marks, link_to, link_to_page
from balise_dashboards.influxql import GRAVEST, Query, Source, tag_values, verdicts
from balise_dashboards.language import ACCENT, ALARM, FINE, GREY, of_words, steps
from balise_dashboards.names import EVENT, INCIDENT, VERDICT
from balise_dashboards.panels import lines, linked, number, painted, rows, states, unit
from balise_dashboards.service import FINDING_COLUMNS

_COUNTRY = Variable("country", "Country", tag_values(INCIDENT, "country"), COUNTRY.description)
_SERVICE = Variable("service", "Service", tag_values(INCIDENT, "service", "country"), "Services with incidents")
_INCIDENT = Variable(
    "incident",
    "Incident",
    # Without $timeFilter: some releases of Grafana 10 leave it as it is in the query of a variable. Incidents are few.
    f'SELECT DISTINCT("id") FROM "{INCIDENT}" WHERE'
    ' "country" =~ /^${country:regex}$/ AND "service" =~ /^${service:regex}$/',
    "Incidents of which anything was ever said",
    multi=False,
)
_TO_SERVICE = link_to("service", "One service")
_TO_PAGE = link_to_page("/", "The collector's own pages")
_TOLD = Source(INCIDENT, ("country", "service"), ('"id" =~ /^${incident:regex}$/',))
_HERE = verdicts("country", "service")
_ABROAD = Source(VERDICT, ("service",), ("\"reference\" = 'yes'",))


def build() -> Dashboard:
    """Return the dashboard of an incident."""
    made = board(
        "incident",
        "Incident",
        "One incident: onset and end, scope, what was said when, and the findings behind it",
        (_COUNTRY, _SERVICE, _INCIDENT),
        "7d",
    ).annotation(incident_marks("country", "service"))
    for panel in (*_numbers(), *_timelines(), *_scope(), *_tables()):
        made = made.with_panel(panel)
    return made


def _numbers() -> tuple[Any, ...]:
    """The numbers at the top."""
    return (
        number(
            "Standing",
            "Whether the newest word on it is that it goes on",
            Query(_TOLD.grouped('last("is_open")')),
            [_TO_PAGE],
            unit="none",
            limits=steps((None, FINE), (1, ALARM)),
            mappings=of_words({"0": ("● over", FINE), "1": ("■ open", ALARM)}),
        ),
        number(
            "Began, at the earliest",
            "Start of the onset's interval: the last moment at which it was seen to work",
            Query(_TOLD.grouped('last("onset_earliest_s") * 1000')),
            [_TO_PAGE],
            unit="dateTimeAsIso",
        ),
        number(
            "Began, at the latest",
            "End of the onset's interval: the first moment at which it was seen to fail",
            Query(_TOLD.grouped('last("onset_ms")')),
            [_TO_PAGE],
            unit="dateTimeAsIso",
        ),
        number(
            "Ended, at the latest",
            "End of the interval in which it ended; empty while it goes on",
            Query(_TOLD.grouped('last("ended_ms")')),
            [_TO_PAGE],
            unit="dateTimeAsIso",
        ),
        number(
            "Lasts",
            "From the onset to the end, or to the last word on it",
            Query(_TOLD.grouped('last("duration_s")')),
            [_TO_PAGE],
            unit="s",
        ),
        number(
            "Evidence",
            "The largest statistic of the e-detector, in nats: how much better interference explains what was"
            " measured than chance does",
            Query(_TOLD.grouped('max("score")')),
            [link_to_page("/method", "What it means")],
        ),
    )


def _timelines() -> tuple[Any, ...]:
    """Verdicts over time, here and abroad."""
    return (
        states(
            "Timeline",
            "Verdicts on the service in the country, by provider, role and experiment; incidents are the regions",
            Query(
                _HERE.binned(GRAVEST, ("country", "asn", "role", "layer"), "null"),
                "[[tag_country]] AS[[tag_asn]] [[tag_role]] [[tag_layer]]",
            ),
            [_TO_PAGE, _TO_SERVICE],
        ),
        states(
            "The same, seen from abroad",
            "Verdicts of the references: what fails there too is the service's own trouble",
            Query(_ABROAD.binned(GRAVEST, ("country", "service"), "null"), "[[tag_country]] [[tag_service]]"),
            [_TO_SERVICE],
        ).height(6),
    )


def _scope() -> tuple[Any, ...]:
    """Whom it reaches."""
    return (
        lines(
            "Scope: providers",
            "How many providers were affected, measured and clean, and not measured, at each word on it",
            [
                Query(_TOLD.binned('last("affected_providers")'), "affected", ref="A"),
                Query(_TOLD.binned('last("clean_providers")'), "measured and clean", ref="B"),
                Query(_TOLD.binned('last("not_measured_providers")'), "not measured", ref="C"),
            ],
            [_TO_PAGE],
            "short",
            paints={"affected": ALARM, "measured and clean": FINE, "not measured": GREY},
        ),
        lines(
            "Scope: probes, and references abroad",
            "How many probes were affected of those measured, and what references saw of the same endpoints",
            [
                Query(_TOLD.binned('last("affected_probes")'), "probes affected", ref="A"),
                Query(_TOLD.binned('last("measured_probes")'), "probes measured", ref="B"),
                Query(_TOLD.binned('last("references_ok")'), "references that reached it", ref="C"),
                Query(_TOLD.binned('last("references_failed")'), "references that did not", ref="D"),
            ],
            [_TO_PAGE],
            "short",
            paints={"probes affected": ALARM, "probes measured": ACCENT, "references that reached it": FINE},
        ),
    )


def _tables() -> tuple[Any, ...]:
    """What was said, what happened, what was found."""
    return (
        rows(
            "What was said when",
            "Every revision: what we say can change as measurements arrive, and what we said before is kept",
            Query(
                _TOLD.grouped(
                    '"revision", "state", "grade", "locality", "mechanisms", "roles", "providers", "score", "text",'
                    ' "evidence", "link"',
                    (),
                    "ORDER BY time DESC LIMIT 200",
                ),
                table=True,
            ),
            [_TO_PAGE],
            (
                ("revision", "Revision", []),
                ("state", "Standing", painted(of_words(language.STANDING_WORDS))),
                ("grade", "Grade", []),
                ("locality", "Local or global", []),
                ("mechanisms", "How", painted(of_words(language.MECHANISM_WORDS))),
                ("roles", "Roles", []),
                ("providers", "Providers affected", []),
                ("score", "Evidence (nats)", unit("none")),
                ("text", "In words", []),
                ("evidence", "First measurements", []),
                ("link", "Page", linked("Evidence and quote", "${pages}${__value.raw}")),
            ),
        ),
        rows(
            "Openings, changes, ends",
            "What happened to the incidents of this country and service in this range",
            Query(
                Source(EVENT, ("country", "service")).grouped(
                    '"title", "text", "id"', ("change", "kind"), "ORDER BY time DESC LIMIT 50"
                ),
                table=True,
            ),
            [_TO_PAGE],
            (
                ("change", "What happened", []),
                ("kind", "To what", painted(of_words(language.KIND_WORDS))),
                ("title", "Title", []),
                ("text", "In words", []),
                ("id", "Incident", linked("Evidence and quote", "${pages}/incident/${__value.raw}")),
            ),
            6,
        ),
        rows(
            "Findings",
            "The newest verdicts that are neither reachable nor undecided: mechanism, rule and measurement",
            Query(
                _HERE.and_only('"is_ok" = 0', '"is_insufficient" = 0').grouped(
                    '"country", "asn", "role", "layer", "mechanism", "rule", "score", "id"',
                    (),
                    "ORDER BY time DESC LIMIT 200",
                ),
                table=True,
            ),
            [_TO_PAGE],
            FINDING_COLUMNS,
        ),
    )
