"""``balise-collector where``: in which network boxes stand, by the runs of ``path`` that were asked for.

Lives here: reading the journal once, and what is printed. Must not live here: how a place is found
(experiments/path/locate.py), in whose network it is (conclude/whereabouts.py), the table of networks
(intake/origins.py). For the operator alone: hops before the border can find a probe.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import msgspec

from balise_collector.conclude.whereabouts import Whereabouts, sentence, stood_and_found
from balise_collector.run.commands import AddCommand
from balise_collector.run.commands.servers import network_of, rows_of, table_of
from balise_collector.run.databases import Databases
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError


def add(commands: Any, command: AddCommand, time: Callable[[str], float]) -> None:
    """Add the command; ``time`` reads UNIX seconds or an ISO time."""
    where = command(commands, "where", _where, "where boxes stand, by the runs of path that were asked for")
    where.add_argument("service", nargs="?", help="id of the catalogue; without it: all")
    where.add_argument("--since", type=time, metavar="TIME", help="measured from then on; as for incidents")
    where.add_argument("--json", action="store_true", help="one JSON object a line")


def _where(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    if not config.journal_file.exists():
        raise ConfigError(f"{config.journal_file}: nothing was collected yet; start balise-collector run")
    table, source = table_of(config)
    found: list[Whereabouts] = []
    with closing(Databases(config, reading=True)) as databases:
        fleet = databases.fleet()
        for row in rows_of(databases):
            one, at = row.measurement, row.measurement.started - row.clock_offset
            wanted = arguments.service in (None, one.service) and (arguments.since is None or at >= arguments.since)
            told = stood_and_found(row, fleet, lambda address: network_of(table, address)) if wanted else None
            found += [] if told is None else [told]
    if not arguments.json:
        yield source
        if not found:
            yield "nothing was looked for; ask for it: balise-collector request PROBE TARGET path"
    for each in sorted(found, key=lambda one: one.at):
        yield msgspec.json.encode(each).decode() if arguments.json else _line(each)


def _line(one: Whereabouts) -> str:
    """Say one run."""
    when = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%MZ")
    return f"{when}  {one.country} AS{one.asn}  {one.probe}  {one.target}: {sentence(one)}"
