"""``balise-collector parts``: how each part of a service does in a country, for the operator.

Lives here: what the operator types, and what is printed. Must not live here: the rule (pages/views/parts.py).
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import msgspec

from balise_collector.fleet import catalogue
from balise_collector.incidents.parts import Part
from balise_collector.judge import RULES_VERSION
from balise_collector.pages.views import answer
from balise_collector.pages.views.overview import freshness
from balise_collector.pages.views.parts import parts
from balise_collector.pages.views.read_model import View
from balise_collector.run.commands import AddCommand
from balise_collector.run.databases import Databases
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError
from balise_collector.words import wording


class Shown(Part, frozen=True, kw_only=True):
    """One line for a program."""

    country: str
    service: str


def add(commands: Any, command: AddCommand, time: Callable[[str], float]) -> None:
    """Add the command; ``time`` reads UNIX seconds or an ISO time."""
    shown = command(commands, "parts", _parts, "how each part of a service does, text and calls apart, and since when")
    shown.add_argument("country", nargs="?", help="two letters; without it: all that are measured")
    shown.add_argument("service", nargs="?", help="id of the catalogue; without it: all")
    shown.add_argument("--at", type=time, metavar="TIME", help="a moment of the past; as for incidents")
    shown.add_argument("--json", action="store_true", help="one JSON object a line")


def view_of(config: Config, clock: Clock, databases: Databases) -> View:
    """Return what the operator's pages are answered from, for a command.

    Raises:
        ConfigError: nothing was collected yet, or the catalogue cannot be read.
    """
    if not config.journal_file.exists():
        raise ConfigError(f"{config.journal_file}: nothing was collected yet; start balise-collector run")
    services = catalogue.configured(config.catalogue.dir, config.catalogue.services)
    return View(
        store=databases.store,
        now=clock.now(),
        services={service.id: service.name for service in services.services},
        members=databases.fleet().active(),
        interval=float(config.timetable.interval),
        country_names=config.collector.country_names,
        rules=RULES_VERSION,
        roles=services.roles(),
        watches=tuple(databases.registry.watches()),
        confidence=services.confidence(),
    )


def _parts(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(Databases(config)) as databases:
        view = view_of(config, clock, databases)
        at = freshness(view).as_of if arguments.at is None else min(arguments.at, view.now)
        countries = _chosen("country", arguments.country and arguments.country.upper(), answer.countries(view))
        services = _chosen("service", arguments.service, set(view.services))
        for country in countries:
            for service in services:
                for part in parts(view, country, service, at):
                    yield _line(view, country, service, part, json=arguments.json)


def _chosen(what: str, asked: str | None, known: set[str]) -> list[str]:
    """Return what was asked for, or all (ConfigError of one that is not there)."""
    if asked is None:
        return sorted(known)
    if asked not in known:
        raise ConfigError(f"{asked}: no {what} that is measured; there are {', '.join(sorted(known)) or 'none yet'}")
    return [asked]


def _line(view: View, country: str, service: str, part: Part, *, json: bool) -> str:
    if json:
        shown = Shown(country=country, service=service, **msgspec.structs.asdict(part))
        return msgspec.json.encode(shown).decode()
    since = "" if part.since is None else wording.interval(part.since, view.zone(country))
    times = f"{part.times} before" if part.times else ""
    doubt = wording.doubt_of_hosts(part.confidence)
    told = f"{country}  {service:<12} {part.role:<13} {wording.part(part.word):<22} {since}"
    return "  ".join(text for text in (told.rstrip(), times, part.incident, doubt) if text)
