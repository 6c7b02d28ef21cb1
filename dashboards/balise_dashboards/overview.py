"""The overview: what is going on now, where, and whether we can tell. Must not live here: how panels look."""

from typing import Any, Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from balise_collector.judge.verdict import VerdictState
from balise_dashboards import language
from balise_dashboards.board import COUNTRY, SERVICE, board, incident_marks, link_to, link_to_page
from balise_dashboards.influxql import GRAVEST, Query, Source, verdicts
from balise_dashboards.language import ALARM, FINE, GREY, colour, label, of_words, steps
from balise_dashboards.names import COLLECTOR, FLEET, INCIDENT, UNCONFIRMED
from balise_dashboards.panels import Column, history, lines, linked, number, painted, rows, states, unit, world

INCIDENTS = Source(INCIDENT, ("country", "service"))
UNTOLD = Source(UNCONFIRMED, ("country", "service"))
ALIVE: Final = 'last("is_alive") AS "alive"'
_TO_COUNTRY = link_to("country", "One country")
_TO_FLEET = link_to("fleet", "The fleet")
_TO_PAGES = link_to_page("/", "The collector's own pages")

INCIDENT_COLUMNS: Final[tuple[Column, ...]] = (
    ("country", "Country", []),
    ("service", "Service", linked("This service", "/d/balise-service?${__url_time_range}&var-service=${__value.raw}")),
    ("kind", "What", painted(of_words(language.KIND_WORDS))),
    ("state", "Standing", painted(of_words(language.STANDING_WORDS))),
    ("mechanisms", "How", painted(of_words(language.MECHANISM_WORDS))),
    ("grade", "Grade", []),
    ("locality", "Local or global", []),
    ("onset_ms", "Began", unit("dateTimeAsIso")),
    ("affected_providers", "Providers affected", []),
    ("clean_providers", "clean", []),
    ("not_measured_providers", "not measured", []),
    ("affected_probes", "Probes affected", []),
    ("measured_probes", "measured", []),
    (
        "id",
        "Incident",
        linked(
            "Timeline and evidence",
            "/d/balise-incident?${__url_time_range}&var-incident=${__value.raw}"
            "&var-country=${__data.fields.country}&var-service=${__data.fields.service}",
        ),
    ),
)
UNTOLD_COLUMNS: Final[tuple[Column, ...]] = (
    ("country", "Country", []),
    ("service", "Service", []),
    ("kind", "What it would be", painted(of_words(language.KIND_WORDS))),
    ("state", "Standing", painted(of_words(language.UNCONFIRMED_WORDS))),
    ("mechanisms", "How", painted(of_words(language.MECHANISM_WORDS))),
    ("onset_ms", "Began", unit("dateTimeAsIso")),
    ("affected_providers", "Providers affected", []),
    ("clean_providers", "clean", []),
    ("measured_probes", "Probes that measured", []),
    ("id", "Incident", linked("Its page", "${pages}/incident/${__value.raw}")),
)
INCIDENT_FIELDS: Final = (
    '"state", "mechanisms", "grade", "locality", "onset_ms", "affected_providers", "clean_providers",'
    ' "not_measured_providers", "affected_probes", "measured_probes", "id"'
)
_UNTOLD_FIELDS: Final = (
    '"state", "mechanisms", "onset_ms", "affected_providers", "clean_providers", "measured_probes", "id"'
)
_FLEET = Source(FLEET, ("country",))
_ALL_VERDICTS = verdicts("country", "service")
_BY_SERVICE = ("country", "service", "asn")


def build() -> Dashboard:
    """Return the overview."""
    made = board(
        "overview",
        "Overview",
        "What is going on now, in every country that is measured. Grey means that we cannot tell.",
        (COUNTRY, SERVICE),
        "24h",
    ).annotation(incident_marks("country", "service"))
    for panel in (*_numbers(), *_incidents_and_services(), *_where_and_how_many()):
        made = made.with_panel(panel)
    return made


def _numbers() -> tuple[Any, ...]:
    """The numbers at the top."""
    return (
        number(
            "Incidents open",
            "Incidents that stand open now, as the collector counts them (every minute)",
            Query(Source(COLLECTOR).binned('last("incidents_open")')),
            [_TO_PAGES],
            limits=steps((None, FINE), (1, ALARM)),
        ),
        number(
            "Probes heard",
            "Approved probes and references that were heard within the time that the collector allows for silence",
            Query(
                f'SELECT sum("alive") FROM ({_FLEET.binned(ALIVE, ("probe",))}) WHERE $timeFilter'
                " GROUP BY time($__interval) fill(none)"
            ),
            [_TO_FLEET],
        ),
        number(
            "Cells under suspicion",
            "Series (country, provider, service, role, experiment) whose evidence has begun to add up, without being"
            " enough",
            Query(Source(COLLECTOR).binned('last("cells_suspect")')),
            [link_to("collector", "The collector")],
        ),
        number(
            "Verdicts",
            "Measurements that were judged in this range, of probes inside the countries chosen",
            Query(_ALL_VERDICTS.binned('count("score")')),
            [_TO_COUNTRY],
            calc="sum",
        ),
        number(
            "Blocked or slowed",
            "Verdicts of interference in this range: paired measurements whose controls succeeded",
            Query(_ALL_VERDICTS.binned('sum("is_blocked") + sum("is_throttled")')),
            [_TO_COUNTRY],
            limits=steps((None, FINE), (1, ALARM)),
            calc="sum",
        ),
        number(
            "We cannot tell",
            "Share of verdicts without a finding: a control failed, the line was unwell, or it failed once only",
            Query(_ALL_VERDICTS.binned('mean("is_insufficient")')),
            [_TO_PAGES],
            unit="percentunit",
            limits=steps((None, GREY)),
            calc="mean",
        ),
    )


def _incidents_and_services() -> tuple[Any, ...]:
    """What was said, and the services by provider."""
    return (
        rows(
            "Incidents in this range",
            "The newest word on each kind of incident of each service and country; the link leads to its timeline."
            " Counts are of providers and probes, never of people",
            Query(INCIDENTS.newest(INCIDENT_FIELDS, ("country", "service", "kind")), table=True),
            [_TO_PAGES, link_to("incident", "One incident")],
            INCIDENT_COLUMNS,
        ),
        rows(
            "Seen by one probe, not confirmed",
            "What no second witness confirms, going on, standing or ended: no finding. It is in no other panel, mark or"
            " alert, and is not published",
            Query(UNTOLD.newest(_UNTOLD_FIELDS, ("country", "service", "kind")), table=True),
            [_TO_PAGES],
            UNTOLD_COLUMNS,
            5,
        ),
        states(
            "Services by provider",
            "The gravest verdict of each interval; reachable where more than half of the verdicts say so; else grey",
            Query(_ALL_VERDICTS.binned(GRAVEST, _BY_SERVICE, "null"), "[[tag_country]] [[tag_service]] AS[[tag_asn]]"),
            [_TO_COUNTRY, link_to("service", "One service")],
        ).height(12),
    )


def _where_and_how_many() -> tuple[Any, ...]:
    """The map, the counts and the countries."""
    return (
        world(
            "Where",
            "Countries with probes, in the colour of the gravest verdict in this range. No tiles are asked of anybody",
            Query(_ALL_VERDICTS.grouped(f'{GRAVEST} AS "state"', ("country",)), table=True),
            [_TO_COUNTRY],
        ),
        lines(
            "Verdicts by state",
            "How many verdicts of each state each interval had",
            [
                Query(_ALL_VERDICTS.binned(f'sum("is_{state.value}")'), label(state), ref=chr(65 + place))
                for place, state in enumerate(VerdictState)
            ],
            [_TO_COUNTRY],
            "short",
            stacked=True,
            paints={label(state): colour(state) for state in VerdictState},
        ).height(9),
        history(
            "Countries",
            "The gravest verdict in each country and interval, whatever the service",
            Query(_ALL_VERDICTS.binned(GRAVEST, ("country",)), "[[tag_country]]"),
            [_TO_COUNTRY],
        ).height(6),
    )
