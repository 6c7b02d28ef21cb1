"""The matrix: services down, providers across, each cell with its state, its n and its last day. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

from markupsafe import Markup

from balise_collector import wording
from balise_collector.incidents.model import Incident
from balise_collector.judge.verdict import State, Verdict
from balise_collector.pages import phrases, svg
from balise_collector.pages.history import BIN, bins, newest, settle
from balise_collector.pages.view import INTERNET, View
from balise_collector.wording import Language
from balise_wire.words import TargetRole

WINDOW: Final = 900.0
"""Seconds up to the moment shown in which a verdict still speaks for it."""
DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One service on one provider."""

    state: State | None
    """``None``: not measured in the window."""
    said: str
    """What the state rests on: parts and numbers."""
    strip: Markup
    incident: str
    """Id of the incident that covers it; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One country's providers, or the references abroad."""

    key: str
    heading: str
    zone: tzinfo
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    """(service, its cells in the order of the columns)."""


def tables(view: View, at: float) -> tuple[Table, ...]:
    """Return a table for each country with probes, and one for the references.

    Args:
        view: where verdicts come from.
        at: the moment shown, UNIX seconds.
    """
    until = (int(at) // BIN + 1) * BIN
    verdicts = view.store.verdicts(until - DAY, at)
    inside: dict[str, dict[tuple[str, str], list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    abroad: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        network = verdict.network
        if verdict.reference:
            abroad[verdict.service, network.country].append(verdict)
        else:
            inside[network.country][verdict.service, phrases.provider(network.asn)].append(verdict)
    for member in view.members:
        if not member.reference and not member.revoked:
            _ = inside[member.network.country]
    incidents = [one for one in view.store.incidents() if _covers(one, at)]
    found = []
    for code in sorted(inside):
        known = {phrases.provider(m.network.asn) for m in view.members if _stands(m.network.country, code, m.reference)}
        columns = sorted(known | {column for _, column in inside[code]}, key=lambda name: int(name[2:]))
        found.append(_table(view, code, inside[code], columns, until, at, incidents))
    if abroad:
        columns = sorted({column for _, column in abroad})
        found.append(_table(view, "", abroad, columns, until, at, []))
    return tuple(found)


def _stands(country: str, code: str, reference: bool) -> bool:
    """Whether an approved probe's provider is a column of a country's table."""
    return country == code and not reference


def _covers(one: Incident, at: float) -> bool:
    """Whether an incident covers a moment."""
    return one.onset.latest - BIN <= at and (one.end is None or at <= one.end.latest)


def _table(
    view: View,
    code: str,
    cells: dict[tuple[str, str], list[Verdict]],
    columns: list[str],
    until: float,
    at: float,
    incidents: list[Incident],
) -> Table:
    """Return one table; ``code`` is empty for the references."""
    services = sorted({*view.services, *(service for service, _ in cells)} - {INTERNET}, key=view.service)
    if any(service == INTERNET for service, _ in cells):
        services.append(INTERNET)
    key = code.lower() or "abroad"
    rows = []
    for service in services:
        row = []
        for column in columns:
            held = cells.get((service, column), [])
            title = f"{view.service(service)}, {column if code else view.country(column)}, last 24 hours"
            row.append(
                Cell(
                    state=settle(one.state for one in newest(_recent(held, at))),
                    said=said(_recent(held, at)),
                    strip=svg.strip(bins(held, until - DAY, until), title, f"{key}-{service}-{column.lower()}"),
                    incident=next((one.id for one in incidents if _is_of(one, code, service, column)), ""),
                )
            )
        rows.append((view.service(service), tuple(row)))
    return Table(
        key=key,
        heading=view.country(code) if code else "References abroad",
        zone=view.zone(code) if code else UTC,
        columns=tuple(columns if code else (view.country(column) for column in columns)),
        rows=tuple(rows),
    )


def _is_of(one: Incident, code: str, service: str, column: str) -> bool:
    """Whether an incident covers a cell."""
    if one.service != service or one.country not in {code, "**"}:
        return False
    return one.country == "**" or any(phrases.provider(asn) == column for asn in one.scope.affected)


def _recent(verdicts: Iterable[Verdict], at: float) -> list[Verdict]:
    """Return the verdicts that speak for a moment."""
    return [one for one in verdicts if at - WINDOW < one.at <= at]


def said(verdicts: list[Verdict]) -> str:
    """Say what a cell's state rests on: which parts, how many of how many measurements, how many probes."""
    held = newest(verdicts)
    state = settle(one.state for one in held)
    if state is None:
        return "no measurement in the last 15 minutes"
    alike = [one for one in held if one.state is state]
    probes = phrases.count(len({one.probe for one in held}), "probe")
    numbers = f"{len(alike)} of n = {len(held)} measurements, {probes}"
    if state in {State.OK, State.INSUFFICIENT}:
        return numbers
    roles = [role for role in TargetRole if any(one.role is role for one in alike) and role is not TargetRole.LINE]
    parts = ", ".join(wording.ROLES[Language.EN][role] for role in roles)
    failing = len({one.probe for one in alike})
    numbers = f"{len(alike)} of n = {len(held)} measurements, {failing} of {probes}"
    return f"{parts}: {numbers}" if parts else numbers
