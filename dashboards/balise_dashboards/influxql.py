"""InfluxQL as Grafana asks it: the query object that the SDK lacks, and the clauses that all dashboards share.

Only what InfluxDB 1.8, 2.x and 3 all answer: no INTO, SLIMIT, continuous queries or rp-qualified names; every
identifier is quoted; GROUP BY time() is Grafana's own interval. Must not live here: what a panel looks like.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from balise_collector.judge.verdict import VerdictState
from balise_dashboards.language import BITS
from balise_dashboards.names import VERDICT

DATASOURCE: Final = DataSourceRef(type_val="influxdb", uid="${datasource}")
ROLLUPS: Final = DataSourceRef(type_val="influxdb", uid="${rollup}")
"""The datasource variable: every dashboard has it and every query names one of the two."""
INSIDE: Final = "\"reference\" = 'no'"
"""Verdicts of probes inside the country: references abroad are asked for by name."""


class InfluxQuery(variants.Dataquery):
    """One InfluxQL query as Grafana's influxdb datasource keeps it (raw, since Grafana 5)."""

    def __init__(self, query: str, ref: str, alias: str, shape: str, source: DataSourceRef) -> None:
        self._json: dict[str, object] = {
            "datasource": source,
            "query": query,
            "rawQuery": True,
            "refId": ref,
            "resultFormat": shape,
        } | ({"alias": alias} if alias else {})

    def to_json(self) -> dict[str, object]:
        """Return what Grafana keeps."""
        return self._json


@dataclass(frozen=True)
class Query(cogbuilder.Builder[variants.Dataquery]):
    """A query as the dashboards write it."""

    text: str
    alias: str = ""
    """Name of a series: ``[[tag_asn]]`` is the value of its tag."""
    table: bool = False
    ref: str = "A"
    source: DataSourceRef = DATASOURCE

    def build(self) -> variants.Dataquery:
        """Return the SDK's form."""
        return InfluxQuery(self.text, self.ref, self.alias, "table" if self.table else "time_series", self.source)


@dataclass(frozen=True)
class Source:
    """Where a query reads: one measurement, narrowed by dashboard variables and fixed conditions."""

    measurement: str
    by: tuple[str, ...] = ()
    """Tags of which the dashboard has a variable of the same name."""
    only: tuple[str, ...] = field(default=())
    """Further conditions, quoted."""

    def and_only(self, *conditions: str) -> "Source":
        """Return the source with more conditions."""
        return Source(self.measurement, self.by, (*self.only, *conditions))

    @property
    def where(self) -> str:
        """Everything behind FROM up to GROUP BY."""
        conditions = ["$timeFilter", *self.only, *(f'"{tag}" =~ /^${{{tag}:regex}}$/' for tag in self.by)]
        return f'FROM "{self.measurement}" WHERE {" AND ".join(conditions)}'

    def binned(self, select: str, tags: Iterable[str] = (), fill: str = "none") -> str:
        """Return a query of one value per interval and combination of tags."""
        groups = ", ".join(["time($__interval)", *_quoted(tags)])
        return f"SELECT {select} {self.where} GROUP BY {groups} fill({fill})"

    def grouped(self, select: str, tags: Iterable[str] = (), tail: str = "") -> str:
        """Return a query over the whole range, one row per combination of tags (or per point)."""
        names = ", ".join(_quoted(tags))
        return f"SELECT {select} {self.where}" + (f" GROUP BY {names}" if names else "") + (f" {tail}" if tail else "")

    def newest(self, select: str, tags: Iterable[str]) -> str:
        """Return a query of the newest point of each combination of tags."""
        return self.grouped(select, tags, "ORDER BY time DESC LIMIT 1")


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]


_TROUBLE: Final = " + ".join(
    f'max("is_{state.value}") * {bit}' for state, bit in BITS.items() if bit > BITS[VerdictState.OK]
)
GRAVEST: Final = f'median("is_ok") * {BITS[VerdictState.OK]} + {_TROUBLE}'
"""A bin's states as one sum (language.BITS)."""


def verdicts(*by: str) -> Source:
    """Return the verdicts of probes inside countries, narrowed by variables."""
    return Source(VERDICT, by, (INSIDE,))


def tag_values(measurement: str, tag: str, *by: str) -> str:
    """Return the question for a variable's values, narrowed by other variables; of verdicts, those inside countries."""
    conditions = [INSIDE] if measurement == VERDICT else []
    conditions += [f'"{other}" =~ /^${{{other}:regex}}$/' for other in by]
    asked = f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "{tag}"'
    return f"{asked} WHERE {' AND '.join(conditions)}" if conditions else asked
