"""Rules that every dashboard keeps, read from the committed files: what Grafana is given, not what builders meant."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import RangeMap

from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing.palette import PAINTS, shape, word
from balise_dashboards import __main__ as generator
from balise_dashboards import board, language

STOCK: Final = frozenset({"stat", "table", "timeseries", "state-timeline", "status-history", "heatmap", "geomap"})
SOURCES: Final = ({"type": "influxdb", "uid": "${datasource}"}, {"type": "influxdb", "uid": "${rollup}"})
BUILT_IN: Final = frozenset({"__interval", "timeFilter", "__url_time_range", "__value", "__data"})
_LANGUAGE: Final = "select from where group by fill none null and as order time desc asc limit show tag values with key"
_FUNCTIONS: Final = "count distinct last max mean median min non_negative_derivative percentile spread sum"
KEYWORDS: Final = frozenset(re.findall(r"\w+", f"{_LANGUAGE} {_FUNCTIONS}"))
"""Words of InfluxQL that 1.8, 2.x and 3 share, and that we use; any other bare word is a name that was not quoted."""
QUOTED: Final = re.compile(r'"[^"]*"|\'[^\']*\'|/\^[^/]*\$/')

Board = dict[str, Any]


def targets(one: Board) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every query of a dashboard's panels and annotations, with where it stands."""
    for panel in one["panels"]:
        for target in panel["targets"]:
            yield f"{one['uid']}: {panel['title']} {target['refId']}", target
    for mark in one["annotations"]["list"]:
        yield f"{one['uid']}: annotation {mark['name']}", {**mark["target"], "datasource": mark["datasource"]}


def variables(one: Board) -> dict[str, dict[str, Any]]:
    """A dashboard's variables by name."""
    return {variable["name"]: variable for variable in one["templating"]["list"]}


def queries(boards: dict[str, Board], provisioned: dict[str, Board]) -> Iterator[tuple[str, str]]:
    """Every query of every file, with where it stands."""
    for one in boards.values():
        for where, target in targets(one):
            yield where, target["query"]
        for variable in variables(one).values():
            if variable["type"] == "query":
                yield f"{one['uid']}: variable {variable['name']}", variable["query"]
    for rule in provisioned["alerting/rules.yaml"]["groups"][0]["rules"]:
        yield f"alert {rule['title']}", rule["data"][0]["model"]["query"]


def test_the_committed_files_are_what_the_builders_make() -> None:
    """A builder that was changed without `make dashboards`, or a file that was edited by hand, is found."""
    assert generator.stale() == []


def test_every_dashboard_is_there_classic_and_not_editable(boards: dict[str, Board]) -> None:
    """Six dashboards in the schema that Grafana 9.4 to 13 read; files are the truth, so the browser cannot edit."""
    assert set(boards) == {board.uid(name) for name, _ in board.ALL}
    for one in boards.values():
        assert "apiVersion" not in one
        assert one["editable"] is False
        assert one["schemaVersion"] >= 36
        assert one["title"]
        assert one["description"]
        assert "id" not in one


def test_every_panel_says_what_it_is(boards: dict[str, Board]) -> None:
    """Title, description, unit, links and words for the day on which there is nothing yet."""
    for one in boards.values():
        titles = [panel["title"] for panel in one["panels"]]
        assert len(set(titles)) == len(titles), one["uid"]
        for panel in one["panels"]:
            where = f"{one['uid']}: {panel['title']}"
            defaults = panel["fieldConfig"]["defaults"]
            assert panel["type"] in STOCK, where
            assert panel["title"], where
            assert len(panel["description"]) > 20, where
            assert defaults["unit"], where
            assert panel["links"], where
            assert "No data yet" in defaults["noValue"], where
            assert panel["targets"], where
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), where


def test_panels_have_their_own_id_and_place(boards: dict[str, Board]) -> None:
    """No id twice, nothing beyond the grid, no two panels on one square."""
    for one in boards.values():
        ids = [panel["id"] for panel in one["panels"]]
        assert len(set(ids)) == len(ids)
        places = [panel["gridPos"] for panel in one["panels"]]
        assert all(place["x"] + place["w"] <= 24 and place["w"] > 0 and place["h"] > 0 for place in places)
        for a, b in itertools.combinations(places, 2):
            apart = (
                a["x"] + a["w"] <= b["x"]
                or b["x"] + b["w"] <= a["x"]
                or a["y"] + a["h"] <= b["y"]
                or b["y"] + b["h"] <= a["y"]
            )
            assert apart, (one["uid"], a, b)


def test_every_query_goes_through_a_datasource_variable(boards: dict[str, Board]) -> None:
    """Nothing is tied to one Grafana: panels, queries, annotations and variables name the variable."""
    for one in boards.values():
        names = variables(one)
        assert names["datasource"]["type"] == "datasource"
        for variable in names.values():
            if variable["type"] == "query":
                assert variable["datasource"] in SOURCES
                assert variable["includeAll"]
                assert variable["allValue"] == ".*"
        for panel in one["panels"]:
            assert panel["datasource"] in SOURCES
        for where, target in targets(one):
            assert target["datasource"] in SOURCES, where
            assert target["rawQuery"] is True, where
        used = {target["datasource"]["uid"] for _, target in targets(one)}
        assert ("${rollup}" in used) == ("rollup" in names)


def test_every_identifier_is_quoted(boards: dict[str, Board], provisioned: dict[str, Board]) -> None:
    """What stands bare is a word of the language; names like ``state`` or ``kind`` may become one some day."""
    for where, query in queries(boards, provisioned):
        bare = re.sub(r"\$\{?\w+(:\w+)?\}?|[\d.]+s?\b", " ", QUOTED.sub(" ", query))
        assert {name.lower() for name in re.findall(r"[A-Za-z_]\w*", bare)} <= KEYWORDS, (where, query)
        assert not re.search(r'"\."|\bINTO\b|\bSLIMIT\b|\bSOFFSET\b', query), where


def test_intervals_are_grafanas(boards: dict[str, Board], provisioned: dict[str, Board]) -> None:
    """A fixed interval is too coarse for an hour and too fine for a month; and every query keeps to the time shown."""
    for where, query in queries(boards, provisioned):
        assert set(re.findall(r"time\(([^)]*)\)", query)) <= {"$__interval"}, where
        if query.startswith("SELECT") and ": variable " not in where:
            assert "$timeFilter" in query, where
        if "fill(" in query:
            assert "GROUP BY time($__interval)" in query, where
    for one in boards.values():
        for panel in one["panels"]:
            assert panel["interval"] in {"1m", "5m", "1h"}


def test_variables_are_known_and_used(boards: dict[str, Board]) -> None:
    """A query with an unknown variable asks for its name; a variable that nobody uses deceives who chooses."""
    for one in boards.values():
        names = variables(one)
        told = [target["query"] for _, target in targets(one)] + [str(v.get("query")) for v in names.values()]
        asked = set(re.findall(r"\$\{?(\w+)", " ".join(told))) - BUILT_IN
        assert asked <= set(names), one["uid"]
        for name, variable in names.items():
            if variable["type"] == "query":
                assert any(f"${{{name}:regex}}" in text for text in told), (one["uid"], name)


def test_variables_ask_without_macros(boards: dict[str, Board]) -> None:
    """Some releases of Grafana 10 leave $timeFilter in a variable's query as it is; other variables go in as regex.

    The query is a string: 9.4 knows nothing else, and later ones take it too (datasource/influxdb/variables.ts).
    """
    for one in boards.values():
        for name, variable in variables(one).items():
            if variable["type"] == "query":
                assert isinstance(variable["query"], str), name
                assert not re.search(r"\$(?!\{\w+:regex\}|/)", variable["query"]), variable["query"]


def test_every_variable_in_a_query_goes_in_as_a_regular_expression(boards: dict[str, Board]) -> None:
    """Without a format of its own, numbers, single and several values go in each in its own way, by version."""
    for one in boards.values():
        for where, target in targets(one):
            plain = set(re.findall(r"\$\{?(\w+)\}?(?!:|\w)", target["query"])) - BUILT_IN
            assert plain & variables(one).keys() == set(), where
            for name in re.findall(r"\$\{(\w+):regex\}", target["query"]):
                assert f"=~ /^${{{name}:regex}}$/" in target["query"], where


def test_annotations_are_regions_in_the_browser_and_in_the_server(boards: dict[str, Board]) -> None:
    """All keys are within the target, and the end is found by both names that Grafana gives a column.

    Up to 10 the browser compares the field's name (influx_series.ts), later the server's frame is called measurement,
    dot, field (response_parser.ts, transformAnnotationResponse): the query brings a column that is called so in each.
    Tags and text are found there where their name is *contained*: no other column may contain it.
    """
    for one in boards.values():
        for mark in one["annotations"]["list"]:
            target = mark["target"]
            assert target["fromAnnotations"] is True
            assert target["query"].count("$timeFilter") == 1  # the browser fills in the first one only
            measurement = re.findall(r'FROM "(\w+)"', target["query"])[0]
            selected = target["query"].partition(" FROM ")[0]
            columns = re.findall(r'"([\w.]+)"(?=,|$)', selected)
            assert target["timeEndColumn"] in columns
            assert target["timeEndColumn"] in {f"{measurement}.{column}" for column in columns}
            for key in ("textColumn", "tagsColumn"):
                assert [column for column in columns if target[key] in f"{measurement}.{column}"] == [target[key]]
            assert columns.index(target["titleColumn"]) == 0


def test_links_lead_somewhere(boards: dict[str, Board]) -> None:
    """A link to a dashboard names one that there is and variables that it has; any other goes to our own pages."""
    for one in boards.values():
        found = re.findall(r'"url": ?"([^"]+)"', json.dumps(one).replace('\\"', ""))
        assert found
        for url in found:
            if url.startswith("data:"):
                continue
            if url.startswith("/d/"):
                name, _, rest = url.removeprefix("/d/").partition("?")
                assert name in boards, url
                given = set(re.findall(r"var-(\w+)=", rest))
                assert given <= set(variables(boards[name])), url
                assert "${__url_time_range}" in rest, url
            else:
                assert url.startswith("${pages}"), url


def test_nothing_is_fetched_from_abroad(boards: dict[str, Board]) -> None:
    """No tile, picture or script of anybody else: the map draws what Grafana brings."""
    for one in boards.values():
        text = json.dumps(one).replace(board.PAGES, "")
        assert not re.search(r"https?://", text), one["uid"]
        for panel in one["panels"]:
            if panel["type"] == "geomap":
                assert panel["options"]["basemap"]["config"]["url"].startswith("data:image/")
                assert {layer["type"] for layer in panel["options"]["layers"]} <= {"geojson", "markers"}
                assert panel["options"]["tooltip"]["mode"] == "details"


def test_grey_is_for_not_knowing_and_never_green(boards: dict[str, Board]) -> None:
    """Wherever a state's word stands its colour is the state's, and grey's word has no other colour."""
    colours = {f"{shape(state)} {word(state)}": PAINTS[state].dark for state in VerdictState}
    assert colours[language.label(VerdictState.INSUFFICIENT)] == language.GREY
    seen = set()
    for one in boards.values():
        for panel in one["panels"]:
            for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
                results = mapping["options"].values() if mapping["type"] == "value" else [mapping["options"]["result"]]
                for result in results:
                    if result["text"] in colours:
                        seen.add(result["text"])
                        assert result["color"] == colours[result["text"]]
    assert seen == set(colours)


def test_a_bin_shows_trouble_before_green_and_green_only_by_majority() -> None:
    """Every mixture of verdicts in a bin falls into exactly one range, and it is the right state's."""
    ranges = [mapping.options for mapping in language.of_bits() if isinstance(mapping, RangeMap)]
    spans = {option.result.text: (option.from_val or 0.0, option.to or 0.0) for option in ranges}
    troubles = [VerdictState.BLOCKED, VerdictState.THROTTLED, VerdictState.DOWN, VerdictState.SERVER_SIDE]
    for present in itertools.product((0, 1), repeat=4):
        for ok in (0.0, 0.5, 1.0):
            total = 2 * ok + sum(language.BITS[s] for s, there in zip(troubles, present, strict=True) if there)
            first = next((s for s, there in zip(troubles, present, strict=True) if there), None)
            expected = first or (VerdictState.OK if ok == 1.0 else VerdictState.INSUFFICIENT)
            shown = [text for text, (least, most) in spans.items() if least <= total <= most]
            assert shown == [language.label(expected)]


def test_names_of_series_and_columns_are_in_their_query(boards: dict[str, Board]) -> None:
    """A series is called by tags that it is grouped by; a column that is dressed is one that the query brings."""
    for one in boards.values():
        for where, target in targets(one):
            grouped = set(re.findall(r'"(\w+)"', target["query"].rpartition("GROUP BY")[2]))
            assert set(re.findall(r"\[\[tag_(\w+)\]\]", target.get("alias", ""))) <= grouped, where
        for panel in one["panels"]:
            if panel["type"] != "table":
                continue
            brought = set(re.findall(r'"(\w+)"', panel["targets"][0]["query"]))
            kinds = [transformation["id"] for transformation in panel["transformations"]]
            brought |= {"probe (count)"} if "groupBy" in kinds else set()
            # A server's answer has its tags in a random order: the table says its own.
            assert kinds[0] == "organize", panel["title"]
            places = panel["transformations"][0]["options"]["indexByName"]
            named = [each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]][1:]
            assert sorted(named, key=places.__getitem__) == named
            assert places["time"] == places["Time"] == 0
            dressed = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]} - {"/^[Tt]ime$/"}
            assert dressed <= brought, (one["uid"], panel["title"], dressed - brought)


def test_what_nobody_measured_is_no_state(boards: dict[str, Board]) -> None:
    """A timeline draws a state on until the next value: without empty intervals a silence would stay green for days."""
    for one in boards.values():
        for panel in one["panels"]:
            if panel["type"] == "state-timeline":
                assert all(target["query"].endswith("fill(null)") for target in panel["targets"]), panel["title"]
                properties = [each for override in panel["fieldConfig"]["overrides"] for each in override["properties"]]
                assert {"id": "custom.spanNulls", "value": 900_000} in properties
            if panel["type"] == "status-history":
                assert panel["maxDataPoints"] <= 150, panel["title"]


def test_alerts_reach_somebody_and_lead_somewhere(boards: dict[str, Board], provisioned: dict[str, Board]) -> None:
    """Nine rules with their own ids ask the datasource that we provision, and a policy takes each of them."""
    rules = provisioned["alerting/rules.yaml"]["groups"][0]["rules"]
    assert {rule["title"] for rule in rules} == {
        "Incident opened", "Probe silent", "Probe in trouble", "Probe cannot measure", "Probe starts again and again",
        "Reader lags", "Something was set aside", "Quarantine rising", "Clock wrong",
    }  # fmt: skip
    assert len({rule["uid"] for rule in rules}) == len(rules)
    sources = {source["uid"] for source in provisioned["datasources/balise.yaml"]["datasources"]}
    contacts = {point["name"] for point in provisioned["alerting/contact-points.yaml"]["contactPoints"]}
    policy = provisioned["alerting/policies.yaml"]["policies"][0]
    assert {policy["receiver"], *(route["receiver"] for route in policy["routes"])} <= contacts
    for rule in rules:
        assert rule["labels"]["source"] == "balise"
        assert rule["annotations"]["dashboard"].removeprefix("/d/") in boards
        refs = [query["refId"] for query in rule["data"]]
        assert rule["condition"] in refs
        assert rule["data"][0]["datasourceUid"] in sources
        assert all(query["model"]["refId"] == query["refId"] for query in rule["data"])
        assert all(query["model"]["expression"] in refs for query in rule["data"][1:])
        # The server fills in $timeFilter and $__interval; there is no dashboard to fill in anything else.
        ask = rule["data"][0]
        macros = set(re.findall(r"\$\w+", ask["model"]["query"].replace("$/", "/")))
        assert {"$timeFilter"} <= macros <= {"$timeFilter", "$__interval"}
        assert ask["model"]["rawQuery"] is True
        assert ask["model"]["resultFormat"] == "time_series"
        assert ask["relativeTimeRange"]["from"] > ask["relativeTimeRange"]["to"] == 0
        assert {query["datasourceUid"] for query in rule["data"][1:]} == {"__expr__"}
        assert [query["model"]["type"] for query in rule["data"][1:]] == ["reduce", "threshold"]
        # Grafana's provisioning replaces $NAME by the environment, except in the models (it keeps those as they are).
        told = {**rule, "data": [query for query in rule["data"] if query["datasourceUid"] == "__expr__"]}
        assert "$" not in json.dumps(told)


def test_what_grafana_is_given_can_only_read(provisioned: dict[str, Board]) -> None:
    """Datasources hold no secret of their own, name the read token, and cannot be edited in the browser."""
    for source in provisioned["datasources/balise.yaml"]["datasources"]:
        assert source["secureJsonData"] == {"httpHeaderValue1": "Token $BALISE_INFLUX_READ_TOKEN"}
        assert source["editable"] is False
        assert source["jsonData"]["version"] == "InfluxQL"
        assert source["jsonData"]["dbName"] == source["database"]
        assert source["access"] == "proxy"  # the browser's own access is refused since Grafana 9
        assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    provider = provisioned["dashboards/balise.yaml"]["providers"][0]
    assert provider["allowUiUpdates"] is False
