"""What every dashboard has: its variables, its links to the others, its annotations, and panels laid out in rows.

Lives here: the frame. Must not live here: what a single dashboard shows.
"""

from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models import dashboard as models

from balise_dashboards.influxql import DATASOURCE, Source, tag_values
from balise_dashboards.language import ALARM
from balise_dashboards.names import ANNOTATION, VERDICT

WIDTH: Final = 24
"""Columns of Grafana's grid."""
PAGES: Final = "http://127.0.0.1:8484"
"""Where the collector's own pages are until the reader says otherwise in the variable ``pages``."""
END_COLUMN: Final = f"{ANNOTATION}.end_ms"
"""The column that ends an annotation's region. Grafana asks for it by its whole name, and that is the field's where the
browser reads InfluxDB's answer (up to 10) and measurement, dot and field where the server does (10 and later): a second
column, named as the first one is there, makes both find it."""


def uid(name: str) -> str:
    """Return the permanent id of a dashboard."""
    return f"balise-{name}"


def link_to(name: str, title: str, **variables: str) -> dashboards.DashboardLink:
    """Return a link to another dashboard of ours, at the same time range and datasource."""
    values = "".join(f"&var-{variable}={value}" for variable, value in variables.items())
    return (
        dashboards.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{uid(name)}?${{__url_time_range}}&${{datasource:queryparam}}{values}")
        .tooltip(title)
    )


def link_to_page(path: str, title: str) -> dashboards.DashboardLink:
    """Return a link to the collector's own pages."""
    return (
        dashboards.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(f"${{pages}}{path}")
        .tooltip(title)
        .target_blank(True)
    )


@dataclass(frozen=True)
class Variable:
    """One list to choose from, filled by a query."""

    name: str
    label: str
    query: str
    description: str
    multi: bool = True

    def build(self) -> models.VariableModel:
        """Return Grafana's form; All is a regular expression that matches everything."""
        made = (
            dashboards.QueryVariable(self.name)
            .label(self.label)
            .description(self.description)
            .query(self.query)
            .datasource(DATASOURCE)
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(models.VariableSort.ALPHABETICAL_ASC)
            .multi(self.multi)
            .include_all(True)
            .all_value(".*")
            .current(
                models.VariableOption(
                    selected=True, text=["All"] if self.multi else "All", value=["$__all"] if self.multi else "$__all"
                )
            )
        )
        return made.build()


COUNTRY: Final = Variable("country", "Country", tag_values(VERDICT, "country"), "ISO 3166-1 codes that were measured")
SERVICE: Final = Variable("service", "Service", tag_values(VERDICT, "service", "country"), "Services of the catalogue")
PROVIDER: Final = Variable("asn", "Provider", tag_values(VERDICT, "asn", "country"), "Autonomous systems, by number")
ROLE: Final = Variable("role", "Role", tag_values(VERDICT, "role", "service"), "The part of a service that is measured")

ALL: Final = (
    ("overview", "Overview"),
    ("country", "Country"),
    ("service", "Service"),
    ("incident", "Incident"),
    ("fleet", "Fleet"),
    ("collector", "Collector"),
)
"""Every dashboard, in the order in which they link to one another."""


def board(
    name: str, title: str, description: str, variables: tuple[Variable, ...], since: str, *, long: bool = False
) -> dashboards.Dashboard:
    """Return an empty dashboard with its frame; ``long``: with the roll-ups' datasource too."""
    made = (
        dashboards.Dashboard(f"balise / {title}")
        .uid(uid(name))
        .description(description)
        .tags(["balise"])
        .readonly()
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time(f"now-{since}", "now")
        .refresh("1m")
        .annotations([])
        .with_variable(
            dashboards.DatasourceVariable("datasource")
            .label("InfluxDB")
            .description("An InfluxDB datasource in InfluxQL")
            .type("influxdb")
            .current(models.VariableOption(selected=True, text="balise", value="balise"))
        )
    )
    if long:
        made = made.with_variable(
            dashboards.DatasourceVariable("rollup")
            .label("Roll-ups")
            .description("The InfluxDB datasource of the roll-ups' bucket, in InfluxQL")
            .type("influxdb")
            .regex("/roll/i")
            .current(models.VariableOption(selected=True, text="balise-rollup", value="balise-rollup"))
        )
    for variable in variables:
        made = made.with_variable(_Made(variable))
    made = made.with_variable(
        dashboards.TextBoxVariable("pages")
        .label("Pages")
        .description("Address of the collector's own pages, for links to evidence")
        .default_value(PAGES)
        .current(models.VariableOption(selected=True, text=PAGES, value=PAGES))
    )
    for other, words in ALL:
        if other != name:
            made = made.link(link_to(other, words))
    return made


class _Made(dashboards.QueryVariable):
    """A variable that is built already, as the SDK's builders want it."""

    def __init__(self, variable: Variable) -> None:
        super().__init__(variable.name)
        self._internal = variable.build()


class Annotation(dashboards.AnnotationQuery):
    """Marks on the time axis, from when it began to when it ended, from an InfluxQL query."""

    def __init__(self, name: str, query: str, paint: str) -> None:
        super().__init__()
        self._internal.name = name
        self._internal.datasource = DATASOURCE
        self._internal.enable = True
        self._internal.icon_color = paint
        self._internal.target = _Target(
            {
                "fromAnnotations": True,
                "query": query,
                "rawQuery": True,
                "refId": "Anno",
                "resultFormat": "time_series",
                "tagsColumn": "labels",
                "textColumn": "text",
                "textEditor": True,
                "timeEndColumn": END_COLUMN,
                "titleColumn": "title",
            }
        )


class _Target(models.AnnotationTarget):
    """The SDK knows only Grafana's own target; influxdb's has other keys."""

    def __init__(self, keys: dict[str, Any]) -> None:
        super().__init__()
        self._keys = keys

    def to_json(self) -> dict[str, object]:
        """Return influxdb's keys."""
        return self._keys


def incident_marks(*by: str) -> Annotation:
    """Return the regions of incidents; those that were withdrawn are left out."""
    incidents = Source(ANNOTATION, by, ('"is_withdrawn" = 0',))
    told = f'"title", "text", "labels", "end_ms", "end_ms" AS "{END_COLUMN}"'
    return Annotation("Incidents", incidents.grouped(told), ALARM)
