"""``balise-collector servers``: which networks served each part of a service, from where, and what was re-homed.

Lives here: reading the journal once, and what is printed. Must not live here: what a move is
(conclude/server_networks.py), the table of networks (intake/origins.py). For the operator alone: k-anonymity is not
applied.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_collector.conclude.server_networks import Served, ServerNetwork, ServerNetworks
from balise_collector.intake.origins import Origins, OriginsOnDemand, read_origins
from balise_collector.journal import JournalRow
from balise_collector.run.commands import AddCommand
from balise_collector.run.databases import Databases
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError

_CHUNK: Final = 500


def add(commands: Any, command: AddCommand, time: Callable[[str], float]) -> None:
    """Add the command; ``time`` reads UNIX seconds or an ISO time."""
    servers = command(commands, "servers", _servers, "where the servers of each part stand, and what was re-homed")
    servers.add_argument("service", nargs="?", help="id of the catalogue; without it: all")
    servers.add_argument("--since", type=time, metavar="TIME", help="measured from then on; as for incidents")
    servers.add_argument("--json", action="store_true", help="one JSON object a line")


def _servers(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    if not config.journal_file.exists():
        raise ConfigError(f"{config.journal_file}: nothing was collected yet; start balise-collector run")
    table, source = table_of(config)
    networks = ServerNetworks(lambda address: network_of(table, address))
    with closing(Databases(config, reading=True)) as databases:
        fleet = databases.fleet()
        for row in rows_of(databases):
            one, at = row.measurement, row.measurement.started - row.clock_offset
            wanted = arguments.service in (None, one.service) and (arguments.since is None or at >= arguments.since)
            stood = fleet.record_at(row.probe, at, one.network.country) if wanted else None
            if stood is not None:
                networks.take(one, stood.network.country, row.clock_offset)
    if not arguments.json:
        yield source
    for served in networks.served():
        yield msgspec.json.encode(served).decode() if arguments.json else _line(served)


def table_of(config: Config) -> tuple[Origins, str]:
    """Return the operator's table of networks and where it comes from (ConfigError where it cannot be read)."""
    if not config.network.origins:
        return (
            Origins(),
            "networks: no table ([network] origins; see docs/broker.md): all are unknown",
        )
    path = Path(config.network.origins)
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%d") if path.exists() else "-"
    table = read_origins(path)
    return table, f"networks: {path}, of {made}, {table.ranges} ranges"


def network_of(table: Origins | OriginsOnDemand, address: str) -> ServerNetwork | None:
    """Return to which network an address belongs, by the table; ``None`` where it has none."""
    found = table.look_up(address)
    return None if found is None else ServerNetwork(found.asn, found.country)


def rows_of(databases: Databases) -> Iterator[JournalRow]:
    """Yield every measurement that can be read."""
    place, ended = 0, False
    while not ended:
        piece = databases.journal.piece(place, _CHUNK)
        yield from piece.rows
        ended, place = piece.ended or piece.through == place, piece.through


def _line(one: Served) -> str:
    """Say one network of one part."""
    part = one.part
    what = f"{part.asked_from}  {part.service:<12} {part.role:<13} {part.host}/{part.family}"
    shown = "" if one.shown else "  not shown to be the service's"
    moved = f"  RE-HOMED from {', '.join(map(named, one.moved_from))}" if one.moved_from else ""
    span = f"{_utc(one.first)} to {_utc(one.last)}"
    return f"{what}  {named(one.network)}  {', '.join(one.addresses)}  {one.runs} runs  {span}{shown}{moved}"


def named(network: ServerNetwork) -> str:
    """Name a network; what the table does not have is said so."""
    return f"AS{network.asn or '?'} {network.country or '??'}"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%MZ")
