"""``balise-collector watch``: have some services of a country looked at more often for a time.

Lives here: what the operator types, and what is printed. The running collector tells the probes; the registry is
between them. Must not live here: what a window may be (fleet/watches.py), or what a probe makes of it (the agent).
"""

import argparse
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

from balise_collector.fleet import catalogue
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.watches import WatchWindow, findings
from balise_collector.run.commands import AddCommand
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError

_INTERVAL: Final = 300
_UNITS: Final = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
_LENGTH: Final = re.compile(r"(\d{1,4})([mhd])")


def add(commands: Any, command: AddCommand, time: Callable[[str], float]) -> None:
    """Add the command; ``time`` reads UNIX seconds or an ISO time."""
    watch = command(commands, "watch", _watch, "look more often for a time; without a country: list the windows")
    watch.add_argument("country", nargs="?", help="two capital letters")
    watch.add_argument("--service", action="append", default=[], metavar="ID", help="of the catalogue; give several")
    watch.add_argument("--since", type=time, metavar="TIME", help="UNIX seconds or ISO; default: now")
    watch.add_argument("--for", dest="length", default="4h", metavar="LENGTH", help="e.g. 90m, 6h, 2d; %(default)s")
    watch.add_argument(
        "--interval", type=int, default=_INTERVAL, metavar="SECONDS",
        help="between two looks at a target; %(default)s",
    )  # fmt: skip
    watch.add_argument("--end", metavar="ID", help="end that window now")


def _watch(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    now = clock.now()
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        if arguments.end is not None:
            if not registry.end_watch(arguments.end, now):
                raise ConfigError(f"{arguments.end}: no window that is not over; balise-collector watch lists them")
            yield f"{arguments.end}: over; the running collector tells the probes"
            return
        if arguments.country is None:
            windows = registry.watches()
            yield from (_line(one, now) for one in windows)
            if not windows:
                yield "no window yet; balise-collector watch PK --service zoom --since 2026-12-01T17:00Z --for 4h"
            return
        window = _asked(arguments, now)
        known = [one.id for one in catalogue.configured(config.catalogue.dir, config.catalogue.services).services]
        if wrong := findings(window, known, now, registry.watches()):
            raise ConfigError(wrong)
        registry.add_watch(window)
        yield _line(window, now)
        yield "it ends by itself, raises no budget, and is shown beside what is found in it; no rule reads it"


def _asked(arguments: argparse.Namespace, now: float) -> WatchWindow:
    """Return the window that was asked for (ConfigError)."""
    if not re.fullmatch(r"[A-Z]{2}", arguments.country):
        raise ConfigError(f"{arguments.country!r} is no country; give two capital letters, e.g. PK")
    length = _LENGTH.fullmatch(arguments.length)
    if length is None:
        raise ConfigError(f"--for: {arguments.length!r} is no length; give a number and m, h or d, e.g. 4h")
    since = now if arguments.since is None else arguments.since
    return WatchWindow(
        id=secrets.token_hex(4),
        country=arguments.country,
        services=tuple(dict.fromkeys(arguments.service)),
        since=since,
        until=since + int(length[1]) * _UNITS[length[2]],
        interval=arguments.interval,
        made=now,
    )


def _line(one: WatchWindow, now: float) -> str:
    """Say one window."""
    stands = "over" if one.is_over(now) else "on" if one.since <= now else "to come"
    span = f"{_utc(one.since)} to {_utc(one.until)}"
    return f"{one.id}  {one.country}  {span}  each {one.interval} s  {stands:<7}  {', '.join(one.services)}"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%MZ")
