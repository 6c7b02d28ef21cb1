"""The matrix: services down, providers across, each cell with its state, its n and its last day. Pure."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final, TypeVar

from markupsafe import Markup

from balise_collector.conclude.history import newest, packed_bins, settle
from balise_collector.conclude.tally import TallySeries
from balise_collector.incidents.model import Incident
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.drawing import svg
from balise_collector.pages.views import formatting
from balise_collector.pages.views.read_model import INTERNET, View
from balise_collector.words import wording
from balise_wire.bins import BIN
from balise_wire.words import TargetRole

Held = TypeVar("Held")
WINDOW: Final = 900.0
"""Seconds up to the moment shown in which a verdict still speaks for it."""
DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCell:
    """One service on one provider."""

    state: VerdictState | None
    """``None``: not measured in the window."""
    said: str
    """What the state rests on: parts and numbers."""
    strip: Markup
    incident: str
    """Id of the incident that covers it; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryTable:
    """One country's providers, or the references abroad."""

    key: str
    heading: str
    zone: tzinfo
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[ShownCell, ...]], ...]
    """(service, its cells in the order of the columns)."""


def tables(view: View, at: float) -> tuple[CountryTable, ...]:
    """Return a table for each country with probes, and one for the references.

    Args:
        view: where verdicts come from.
        at: the moment shown, UNIX seconds.
    """
    until = (int(at) // BIN + 1) * BIN
    recent: _Places[Verdict] = defaultdict(lambda: defaultdict(list))
    for verdict in view.store.verdicts(at - WINDOW, at):
        network = verdict.network
        recent[_country(network.country, reference=verdict.reference)][
            verdict.service, _column(network.country, network.asn, reference=verdict.reference)
        ].append(verdict)
    past: _Places[TallySeries] = defaultdict(lambda: defaultdict(list))
    for part in view.store.series(until - DAY, DAY // BIN):
        past[_country(part.country, reference=part.reference)][
            part.service, _column(part.country, part.asn, reference=part.reference)
        ].append(part)
    known: dict[str, set[str]] = defaultdict(set)
    for member in view.members:
        network = member.network
        known[_country(network.country, reference=member.reference)].add(
            _column(network.country, network.asn, reference=member.reference)
        )
    incidents = [one for one in view.store.incidents() if _covers(one, at)]
    found = []
    for code in sorted({*past, *recent, *known}, key=lambda code: (not code, code)):
        columns = known[code] | {column for _, column in (*past[code], *recent[code])}
        found.append(_table(view, code, recent[code], past[code], sorted(columns, key=_rank), incidents))
    return tuple(found)


_Places = defaultdict[str, defaultdict[tuple[str, str], list[Held]]]
"""Country (empty: the references) -> (service, column) -> what was measured there."""


def _country(country: str, *, reference: bool) -> str:
    """Return the key of the table that a probe's results stand in."""
    return "" if reference else country


def _column(country: str, asn: int, *, reference: bool) -> str:
    """Return the column that a probe's results stand in: its provider, or its country for a reference."""
    return country if reference else formatting.provider(asn)


def _rank(column: str) -> tuple[int, str]:
    """Order providers by number, countries by name."""
    return (int(column[2:]), "") if column[2:].isdigit() else (0, column)


def _covers(one: Incident, at: float) -> bool:
    """Whether an incident covers a moment."""
    return one.onset.latest - BIN <= at and (one.end is None or at <= one.end.latest)


def _table(
    view: View,
    code: str,
    recent: dict[tuple[str, str], list[Verdict]],
    past: dict[tuple[str, str], list[TallySeries]],
    columns: list[str],
    incidents: list[Incident],
) -> CountryTable:
    """Return one table; ``code`` is empty for the references."""
    measured = {service for service, _ in (*past, *recent)}
    services = sorted({*view.services, *measured} - {INTERNET}, key=view.service)
    if INTERNET in measured:
        services.append(INTERNET)
    key = code.lower() or "abroad"
    rows = []
    for service in services:
        row = []
        for column in columns:
            held = recent.get((service, column), [])
            strip = packed_bins(past.get((service, column), []), DAY // BIN)
            title = view.gettext("{service}, {place}, last 24 hours").format(
                service=view.service(service), place=column if code else view.country(column)
            )
            row.append(
                ShownCell(
                    state=settle(Counter(one.state for one in newest(held))),
                    said=said(held, view),
                    strip=svg.strip(strip, title, f"{key}-{service}-{column.lower()}", view.gettext),
                    incident=next((one.id for one in incidents if _is_of(one, code, service, column)), ""),
                )
            )
        rows.append((view.service(service), tuple(row)))
    return CountryTable(
        key=key,
        heading=view.country(code) if code else view.gettext("References abroad"),
        zone=view.zone(code) if code else UTC,
        columns=tuple(columns if code else (view.country(column) for column in columns)),
        rows=tuple(rows),
    )


def _is_of(one: Incident, code: str, service: str, column: str) -> bool:
    """Whether an incident covers a cell."""
    if one.service != service or one.country not in {code, "**"}:
        return False
    return one.country == "**" or any(formatting.provider(asn) == column for asn in one.scope.affected)


def said(verdicts: list[Verdict], view: View) -> str:
    """Say what a cell's state rests on: which parts, how many of how many measurements, how many probes."""
    held = newest(verdicts)
    state = settle(Counter(one.state for one in held))
    if state is None:
        return view.gettext("no measurement in the last 15 minutes")
    alike = [one for one in held if one.state is state]
    probes = formatting.probes(view, len({one.probe for one in held}))
    counts = {"alike": len(alike), "measurements": formatting.measurements(view, len(held)), "probes": probes}
    numbers = view.gettext("{alike} of n = {measurements}, {probes}").format(**counts)
    if state in {VerdictState.OK, VerdictState.INSUFFICIENT}:
        return numbers
    roles = [role for role in TargetRole if any(one.role is role for one in alike) and role is not TargetRole.LINE]
    parts = ", ".join(wording.role(role, view.language) for role in roles)
    failing = len({one.probe for one in alike})
    numbers = view.gettext("{alike} of n = {measurements}, {failing} of {probes}").format(failing=failing, **counts)
    return f"{parts}: {numbers}" if parts else numbers
