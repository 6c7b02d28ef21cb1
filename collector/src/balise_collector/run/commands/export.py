"""``balise-collector export``: what was measured, one JSON object a line in OONI's shapes, for the operator alone.

Must not live here: the shapes (sinks/ooni.py, experiments/<x>/export.py).
"""

import argparse
import json
import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, Final

from balise_collector.fleet.members import Fleet, Record
from balise_collector.journal import JournalRow
from balise_collector.journal.interface import MeasurementReader
from balise_collector.run.commands import AddCommand
from balise_collector.run.databases import Databases
from balise_collector.sinks.ooni import record
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError
from balise_collector.system.faults import Faults

_log = logging.getLogger(__name__)
_CHUNK: Final = 500


def add(commands: Any, command: AddCommand, time: Callable[[str], float]) -> None:
    """Add the command; ``time`` reads UNIX seconds or an ISO time."""
    exporting = command(commands, "export", _export, "measurements as OONI writes them, one a line; not for the public")
    exporting.add_argument("--since", type=time, metavar="TIME", help="received from then on; as for incidents")


def _export(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Generator[str, None, int]:
    if not config.journal_file.exists():
        raise ConfigError(f"{config.journal_file}: nothing was collected yet; start balise-collector run")
    _log.warning("each line is one board's measurement by the second: k-anonymity is not applied; pass nothing on")
    faults, left_out = Faults(), 0
    with closing(Databases(config, reading=True)) as databases:
        fleet = databases.fleet()
        for row in _rows(databases.journal, faults):
            stood = _vouched(fleet, row)
            if stood is None:
                left_out += 1
            elif arguments.since is None or row.received_at >= arguments.since:
                yield from _lines(row, stood, faults)
    if left_out:
        _log.warning("%d measurements were left out: nobody vouches for where their probe stood", left_out)
    for fault in faults.drain():
        _log.warning("row %d of the journal was left out: %s", fault.seq, fault.error)
    return 0


def _rows(journal: MeasurementReader, faults: Faults) -> Iterator[JournalRow]:
    """Yield every measurement that can be read, in the order in which they were taken in."""
    place, ended = 0, False
    while not ended:
        piece = journal.piece(place, _CHUNK)
        for fault in piece.damaged:
            faults.hold(fault)
        yield from piece.rows
        ended, place = piece.ended or piece.through == place, piece.through


def _lines(row: JournalRow, stood: Record, faults: Faults) -> list[str]:
    """Return the line of a measurement; none where it tells nothing, or our own code cannot say it."""
    with faults.set_aside("export", row.seq):
        found = record(row, stood)
        return [json.dumps(found, separators=(",", ":"), sort_keys=True)] if found is not None else []
    return []


def _vouched(fleet: Fleet, row: JournalRow) -> Record | None:
    """Return where the probe stood, on the operator's word, unless it said that it stood in another country."""
    country = row.measurement.network.country
    found = fleet.record_at(row.probe, row.measurement.started - row.clock_offset, country)
    return found if found is not None and found.network.country == country else None
