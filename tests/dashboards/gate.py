"""What Grafana does with a dashboard before it shows it: variables resolved, queries completed, answers read.

Lives here: an interpreter of the parts of Grafana's InfluxQL datasource that our dashboards use, and the rule that an
answer must hold a value in every column. Must not live here: the story that fills the database.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.collector.influxserver import InfluxServer

Board = dict[str, Any]
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
ALL: Final = "$__all"


def seconds(text: str) -> int:
    """Return the seconds of ``24h``."""
    return int(text[:-1]) * SECONDS[text[-1]]


@dataclass
class Tally:
    """What ran and what came."""

    queries: int = 0
    answered: int = 0
    """Queries with a value."""
    faults: list[str] = field(default_factory=list)


@dataclass
class Gate:
    """One InfluxDB as the reader sees it, at one moment."""

    influx: InfluxServer
    databases: Mapping[str, str]
    """Database by datasource, as the dashboards name it."""
    now: float
    tallies: dict[str, Tally] = field(default_factory=dict)

    # ------------------------------------------------------------ as Grafana completes a query

    def complete(self, query: str, values: Mapping[str, str], span: float, interval: str) -> str:
        """Return the query that is sent: macros and ``${variable:regex}`` filled in."""

        def chosen(match: re.Match[str]) -> str:
            value = values[match[1]]
            # A custom "all" value goes in as it is; any other as a regular expression that means itself.
            return ".*" if value == ALL else re.sub(r"([/\\^$*+?.()|\[\]{}])", r"\\\1", value)

        whole = re.sub(r"\$\{(\w+):regex\}", chosen, query)
        since, until = round((self.now - span) * 1000), round(self.now * 1000)
        whole = whole.replace("$timeFilter", f"time >= {since}ms and time <= {until}ms")
        whole = whole.replace("$__interval", interval)
        assert "$" not in whole.replace("$/", "/"), f"not completed: {whole}"
        return whole

    def values_of(self, one: Board, variable: dict[str, Any]) -> list[str]:
        """Return what a variable offers, as Grafana reads the answer: the second column, or the only one."""
        others = {each["name"]: ALL for each in one["templating"]["list"]}
        query = self.complete(variable["query"], others, self.span(one), "5m")
        found = self.influx.query(query, self.databases[variable["datasource"]["uid"]])
        rows = [row for series in found for row in series.get("values", [])]
        return sorted({str(row[1] if len(row) > 1 else row[0]) for row in rows})

    def span(self, one: Board, panel: dict[str, Any] | None = None) -> int:
        """Return how many seconds a panel looks back."""
        return seconds((panel or {}).get("timeFrom") or one["time"]["from"].removeprefix("now-"))

    # ------------------------------------------------------------ running everything

    def run(self, one: Board) -> Tally:
        """Run a dashboard: everything at All, then each variable at each of its values."""
        tally = self.tallies[one["uid"]] = Tally()
        queried = [each for each in one["templating"]["list"] if each["type"] == "query"]
        offers = {each["name"]: self.values_of(one, each) for each in queried}
        tally.queries += len(queried)
        for name, values in offers.items():
            tally.answered += bool(values)
            if not values:
                tally.faults.append(f"variable {name}: offers nothing")
        everything = dict.fromkeys(offers, ALL)
        for where, target, span, interval in self.targets(one):
            query = self.complete(target["query"], everything, span, interval)
            empty = self.ask(tally, query, target)
            if empty:
                tally.faults.append(f"{where}: {', '.join(empty)} without a value: {query}")
            for name, values in offers.items():
                if f"${{{name}:" in target["query"] and values:
                    found = [self._single(tally, target, {**everything, name: v}, span, interval) for v in values]
                    if not any(found):
                        tally.faults.append(f"{where}: without a value at any single {name}")
        return tally

    def _single(
        self, tally: Tally, target: dict[str, Any], values: Mapping[str, str], span: float, interval: str
    ) -> bool:
        """Run a query with one variable at one value; returns whether anything came."""
        return not self.ask(tally, self.complete(target["query"], values, span, interval), target, every=False)

    def targets(self, one: Board) -> Iterator[tuple[str, dict[str, Any], int, str]]:
        """Every query of panels and annotations: where it stands, itself, how far back, which interval."""
        for panel in one["panels"]:
            for target in panel["targets"]:
                yield f"{panel['title']} {target['refId']}", target, self.span(one, panel), panel["interval"]
        for mark in one["annotations"]["list"]:
            target = {**mark["target"], "datasource": mark["datasource"]}
            yield f"annotation {mark['name']}", target, self.span(one), "5m"

    def ask(self, tally: Tally, query: str, target: dict[str, Any], *, every: bool = True) -> list[str]:
        """Ask as the reader; returns the columns without any value (all or nothing where not ``every``)."""
        tally.queries += 1
        found = self.influx.query(query, self.databases[target["datasource"]["uid"]])
        held: Counter[str] = Counter()
        columns: set[str] = set()
        for series in found:
            columns |= set(series["columns"]) - {"time"} | set(series.get("tags", {}))
            # A tag that nobody writes is no error to InfluxDB: every series has it, empty.
            held.update(name for name, value in series.get("tags", {}).items() if value)
            for row in series["values"]:
                pairs = zip(series["columns"], row, strict=True)
                held.update(name for name, value in pairs if name != "time" and value is not None)
        valued = any(column in held for series in found for column in series["columns"])
        tally.answered += valued
        if not valued:
            return ["everything"]
        return sorted(columns - held.keys()) if every else []

    # ------------------------------------------------------------ alerts

    def firing(self, rule: dict[str, Any], at: float | None = None) -> list[dict[str, str]]:
        """Return the labels of the series for which a rule fires; AssertionError where it gets no data."""
        moment, self.now = self.now, at or self.now
        ask, reduce, limit = rule["data"]
        tally = self.tallies.setdefault("alerts", Tally())
        tally.queries += 1
        query = self.complete(ask["model"]["query"], {}, ask["relativeTimeRange"]["from"], "1m")
        found = self.influx.query(query, self.databases["${datasource}"])
        self.now = moment
        reducers: dict[str, Callable[[list[float]], float]] = {
            "last": lambda values: values[-1],
            "min": min,
            "max": max,
        }
        evaluator = limit["model"]["conditions"][0]["evaluator"]
        assert evaluator["type"] == "gt"
        held = {}
        for series in found:
            values = [row[1] for row in series["values"] if row[1] is not None]
            if values:
                held[tuple(series.get("tags", {}).items())] = reducers[reduce["model"]["reducer"]](values)
        assert held, f"{rule['title']}: no data: {query}"
        tally.answered += 1
        return [dict(labels) for labels, value in held.items() if value > evaluator["params"][0]]

    def table(self) -> list[str]:
        """Return what ran, one line a dashboard."""
        lines = [f"{'dashboard':<20} {'queries':>8} {'non-empty':>10}"]
        lines += [f"{name:<20} {one.queries:>8} {one.answered:>10}" for name, one in self.tallies.items()]
        total = [sum(getattr(one, what) for one in self.tallies.values()) for what in ("queries", "answered")]
        return [*lines, f"{'together':<20} {total[0]:>8} {total[1]:>10}"]
