"""The panels that dashboards are made of, each of a kind that a stock Grafana has.

Lives here: how a kind of panel looks, the same on every dashboard, and that each has a title, a description, a unit,
a link and words for the day on which there is nothing yet. Must not live here: what is asked.
"""

from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    common,
    geomap,
    heatmap,
    stat,
    statetimeline,
    statushistory,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import geomap as geometry
from grafana_foundation_sdk.models import heatmap as heat

from balise_dashboards.influxql import Query
from balise_dashboards.language import ACCENT, GREY, Mapping, of_bits, steps

NOTHING_YET: Final = "No data yet: the first results come some ten minutes after the first probe"
CADENCE: Final = "5m"
"""The shortest interval that Grafana may ask for: the cadence of measurements."""
_GAP_MS: Final = 900_000
"""A state is drawn on over this much without verdicts, and no further: what nobody measured is no state."""
_BOXES: Final = 120
"""Most intervals of a status history: it refuses to draw more than half as many as it has pixels."""
_BLANK: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"""One transparent pixel: the map's lowest layer, so that no tile is asked of anybody."""

Links = Sequence[dashboards.DashboardLink]


def _dress(panel: Any, title: str, description: str, unit: str, queries: Sequence[Query], links: Links) -> Any:
    """Give a panel what every panel has."""
    dressed = (
        panel.title(title)
        .description(description)
        .unit(unit)
        .datasource(queries[0].source)
        .interval(CADENCE)
        .links(list(links))
        .no_value(NOTHING_YET)
    )
    for query in queries:
        dressed = dressed.with_target(query)
    return dressed


def _fixed(paint: str) -> dashboards.FieldColor:
    return dashboards.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(paint)


def number(
    title: str,
    description: str,
    query: Query,
    links: Links,
    unit: str = "short",
    limits: dashboards.ThresholdsConfig | None = None,
    mappings: list[Mapping] | None = None,
    calc: str = "lastNotNull",
) -> Any:
    """Return one large number (or word) with its course behind it; ``calc``: which of the series' values it is."""
    made = (
        stat.Panel()
        .graph_mode(shared.BigValueGraphMode.AREA)
        .color_mode(shared.BigValueColorMode.VALUE)
        .text_mode(shared.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs([calc]).values(False))
        .thresholds(limits or steps((None, ACCENT)))
        .span(4)
        .height(4)
    )
    if mappings:
        made = made.mappings(mappings)
    return _dress(made, title, description, unit, [query], links)


def states(title: str, description: str, query: Query, links: Links, mappings: list[Mapping] | None = None) -> Any:
    """Return a state timeline of ``influxql.GRAVEST`` (or of what the mappings tell)."""
    made = (
        statetimeline.Panel()
        .mappings(mappings or of_bits())
        .color_scheme(_fixed(GREY))
        .fill_opacity(85)
        .line_width(0)
        .merge_values(True)
        .show_value(shared.VisibilityMode.AUTO)
        .row_height(0.85)
        .override_by_field_type("number", [models.DynamicConfigValue(id_val="custom.spanNulls", value=_GAP_MS)])
        .legend(_legend())
        .span(24)
        .height(10)
    )
    return _dress(made, title, description, "none", [query], links)


def history(title: str, description: str, query: Query, links: Links, mappings: list[Mapping] | None = None) -> Any:
    """Return a status history: as a state timeline, with every interval a box of its own."""
    made = (
        statushistory.Panel()
        .mappings(mappings or of_bits())
        .color_scheme(_fixed(GREY))
        .fill_opacity(85)
        .line_width(1)
        .show_value(shared.VisibilityMode.NEVER)
        .max_data_points(_BOXES)
        .legend(_legend())
        .span(24)
        .height(9)
    )
    return _dress(made, title, description, "none", [query], links)


def lines(
    title: str,
    description: str,
    queries: Sequence[Query],
    links: Links,
    unit: str,
    *,
    stacked: bool = False,
    signed: bool = False,
    paints: dict[str, str] | None = None,
) -> Any:
    """Return a time series; ``paints`` gives series (by name) the colour of a state."""
    made = (
        timeseries.Panel()
        .fill_opacity(70 if stacked else 8)
        .line_width(0 if stacked else 2)
        .draw_style(shared.GraphDrawStyle.BARS if stacked else shared.GraphDrawStyle.LINE)
        .show_points(shared.VisibilityMode.AUTO)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI).sort(shared.SortOrder.DESCENDING))
        .span(12)
        .height(8)
    )
    if not signed:
        made = made.min(0)
    if stacked:
        made = made.stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL).group("A"))
    for name, paint in (paints or {}).items():
        made = made.override_by_name(
            name, [models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": paint})]
        )
    return _dress(made, title, description, unit, queries, links)


def heat_of(title: str, description: str, query: Query, links: Links, unit: str) -> Any:
    """Return a heatmap: how many series have which value when."""
    made = (
        heatmap.Panel()
        .calculate(True)
        .color(
            heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Viridis").steps(32).exponent(0.5)
        )
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .span(12)
        .height(8)
    )
    return _dress(made, title, description, unit, [query], links)


Column = tuple[str, str, list[tuple[str, Any]]]
"""Name in the answer, heading, and further properties of the field."""


def rows(title: str, description: str, query: Query, links: Links, columns: Sequence[Column], height: int = 8) -> Any:
    """Return a table; columns that are not named (the time, helpers) are hidden.

    The order of columns is said: Grafana's server reads an answer's tags from a map, whose order is another each time.
    """
    order = {"time": 0, "Time": 0, **{name: place for place, (name, _, _) in enumerate(columns, 1)}}
    made = table.Panel().show_header(True).filterable(True).span(24).height(height)
    made = made.with_transformation(
        models.DataTransformerConfig(
            id_val="organize", options={"indexByName": order, "excludeByName": {}, "renameByName": {}}
        )
    )
    made = made.override_by_regexp("/^[Tt]ime$/", [models.DynamicConfigValue(id_val="custom.hidden", value=True)])
    for name, heading, properties in columns:
        values = [("displayName", heading), *properties]
        made = made.override_by_name(
            name, [models.DynamicConfigValue(id_val=key, value=value) for key, value in values]
        )
    return _dress(made, title, description, "none", [query], links)


def painted(mappings: list[Mapping]) -> list[tuple[str, Any]]:
    """Return the properties of a column whose cells have the mapping's words and colours."""
    # cellOptions from Grafana 9.5 on, displayMode before; a version passes over the one it does not know.
    look = [("custom.cellOptions", {"type": "color-text"}), ("custom.displayMode", "color-text")]
    return [("mappings", mappings), *look]


def linked(title: str, url: str) -> list[tuple[str, Any]]:
    """Return the properties of a column whose cells are links."""
    return [("links", [{"title": title, "url": url, "targetBlank": url.startswith("${pages}")}])]


def unit(name: str) -> list[tuple[str, Any]]:
    """Return the property of a column with a unit of its own."""
    return [("unit", name)]


HIDDEN: Final[list[tuple[str, Any]]] = [("custom.hidden", True)]


def world(title: str, description: str, query: Query, links: Links) -> Any:
    """Return a map that asks nobody for tiles: outlines and places of countries come with Grafana itself."""
    outlines = (
        common.MapLayerOptions()
        .type("geojson")
        .name("Countries")
        .config(
            {
                "src": "public/maps/countries.geojson",
                "rules": [],
                "style": {"color": {"fixed": GREY}, "opacity": 0.25, "lineWidth": 1},
            }
        )
    )
    marks = (
        common.MapLayerOptions()
        .type("markers")
        .name("Measured countries")
        .config(
            {
                "showLegend": False,
                "style": {
                    "color": {"field": "state", "fixed": GREY},
                    "opacity": 0.9,
                    "size": {"fixed": 9, "min": 9, "max": 9},
                    "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
                    "text": {"field": "country", "fixed": "", "mode": "field"},
                    "textConfig": {"fontSize": 12, "offsetX": 0, "offsetY": 18, "textAlign": "center"},
                },
            }
        )
        .location(
            common.FrameGeometrySource()
            .mode(shared.FrameGeometrySourceMode.LOOKUP)
            .lookup("country")
            .gazetteer("public/gazetteer/countries.json")
        )
        .tooltip(True)
    )
    made = (
        geomap.Panel()
        .view(geomap.MapViewConfig().id("zero").lat(20).lon(30).zoom(1))
        .basemap(common.MapLayerOptions().type("xyz").name("None").config({"url": _BLANK, "attribution": ""}))
        .layers([outlines, marks])
        .tooltip(geomap.TooltipOptions().mode(geometry.TooltipMode.DETAILS))
        .controls(geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_attribution(False))
        .mappings(of_bits())
        .color_scheme(_fixed(GREY))
        .span(12)
        .height(9)
    )
    return _dress(made, title, description, "none", [query], links)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shared.LegendDisplayMode.LIST)
        .placement(shared.LegendPlacement.BOTTOM)
        .calcs([])
    )


__all__ = [
    "HIDDEN",
    "Column",
    "heat_of",
    "history",
    "lines",
    "linked",
    "number",
    "painted",
    "rows",
    "states",
    "unit",
    "world",
]
