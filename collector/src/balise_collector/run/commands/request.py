"""``balise-collector request|requests``: one run of one experiment by one probe, beside its timetable.

Lives here: what the operator types, and what is printed. The running collector signs and sends; the registry is between
them. Must not live here: whether a probe can be asked (fleet/requests.py), or what it allows (the probe).
"""

import argparse
import json
import secrets
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from balise_collector.fleet import catalogue
from balise_collector.fleet.claims import asked_in
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.requests import Kept, hindrance, made, target_named, unlisted
from balise_collector.run.commands import AddCommand
from balise_collector.system.clock import Clock, pause
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError
from balise_wire.experiments import ASKED, OF_TARGETS
from balise_wire.experiments.http import HttpParameters
from balise_wire.request import DESIGNS, LONGEST_SECONDS, Outcome, Request
from balise_wire.words import Design, Experiment

_WAIT: Final = 90.0
_HTTP: Final = 80
_LOOK_EVERY: Final = 0.25
UNANSWERED: Final = 3
"""Exit status where the probe said no last word in time, or one that is not ``done``."""
_BYTES: Final = 200_000


def add(commands: Any, command: AddCommand) -> None:
    """Add the commands."""
    ask = command(commands, "request", _request, "have one probe carry out one experiment once, now")
    ask.add_argument("probe")
    ask.add_argument("target", help="id of the catalogue, or service/role/host/4 of a target that is in none")
    ask.add_argument("experiment", choices=[word.value for word in (*OF_TARGETS, *ASKED)])
    ask.add_argument(
        "--design", choices=[word.value for word in DESIGNS], default=Design.ON_DEMAND.value,
        help="sentinel: the subject alone; paired: controls first; on_demand (default): that, and the subject again",
    )  # fmt: skip
    ask.add_argument("--address", action="append", default=[], metavar="IP", help="of a target that is in no catalogue")
    ask.add_argument("--port", type=int, default=443, help="of a target that is in no catalogue")
    ask.add_argument("--path", default="", help="what http asks for, of a target that is in no catalogue")
    ask.add_argument("--bytes", type=int, default=_BYTES, help="what it may cost, %(default)d where left out")
    ask.add_argument(
        "--within", type=float, default=LONGEST_SECONDS, metavar="SECONDS",
        help="when it must have begun, %(default)g where left out",
    )  # fmt: skip
    ask.add_argument(
        "--wait", type=float, default=_WAIT, metavar="SECONDS",
        help="how long to wait for the answer, %(default)g where left out; exit status 3 where it is not done then",
    )  # fmt: skip
    listing = command(commands, "requests", _requests, "what was asked of probes, and their answers")
    listing.add_argument("probe", nargs="?", default="", help="of one probe alone")
    listing.add_argument("--json", action="store_true")


def _request(config: Config, clock: Clock, arguments: argparse.Namespace) -> Generator[str, None, int]:
    shipped = catalogue.configured(config.catalogue.dir, config.catalogue.services)
    known = target_named(arguments.target, shipped, {})
    if known is not None and (arguments.address or arguments.path):
        raise ConfigError(f"{arguments.target}: in the catalogue; leave --address and --path out, or change it there")
    whole = None
    if known is None:
        whole = unlisted(arguments.target, tuple(arguments.address), arguments.port)
        if arguments.path:
            whole = whole.saying(HttpParameters(path=arguments.path))
        whole = msgspec.structs.replace(whole, experiments=_listed(Experiment(arguments.experiment), arguments.port))
        if complaint := whole.complaint():
            raise ConfigError(f"{arguments.target}: {complaint}")
    if arguments.bytes < 1:
        raise ConfigError(f"--bytes {arguments.bytes}: use 1 or more")
    wanted = Request(
        id="",
        experiment=Experiment(arguments.experiment),
        target=arguments.target if whole is None else "",
        whole=whole,
        design=Design(arguments.design),
        made=0.0,
        expires=0.0,
        bytes=arguments.bytes,
    )
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        now = clock.now()
        request = made(wanted, secrets.token_hex(16), now, arguments.within)
        waiting = sum(one.is_open(now) for one in registry.requests(arguments.probe))
        if why := hindrance(registry.fleet(), arguments.probe, request, waiting):
            raise ConfigError(why)
        registry.add_request(arguments.probe, request, None if whole is None else asked_in(whole))
        yield f"request {request.id}: {request.experiment} of {request.about}; the running collector tells the probe"
        return (yield from _answer(registry, clock, arguments.probe, request.id, arguments.wait))


def _listed(word: Experiment, port: int) -> tuple[Experiment, ...]:
    """Return what a target lists that is asked for one experiment: the one whose way of showing a name it has."""
    if word not in ASKED:
        return (word,)
    return (Experiment.HTTP if port == _HTTP else Experiment.TLS,)


def _answer(registry: FleetRegistry, clock: Clock, probe: str, id: str, wait: float) -> Generator[str, None, int]:
    """Tell what the probe says of a request, as it says it; return 0 where it is done."""
    until = clock.monotonic() + wait
    told: Kept | None = None
    while True:
        found = next((one for one in registry.requests(probe) if one.request.id == id), None)
        if found is not None and found != told and found.outcome is not None:
            told = found
            yield _said(found)
            if found.outcome.last:
                return 0 if found.outcome is Outcome.DONE else UNANSWERED
        if clock.monotonic() >= until:
            break
        while not registry.changed() and clock.monotonic() < until:
            pause(_LOOK_EVERY)
    yield f"{probe}: no last word yet; see balise-collector requests {probe}"
    return UNANSWERED


def _requests(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        kept = registry.requests(arguments.probe)
    now = clock.now()
    if arguments.json:
        yield json.dumps([msgspec.to_builtins(one) for one in kept], indent=2)
        return
    if not kept:
        yield "nothing was asked for; see balise-collector request --help"
    for one in kept:
        when = datetime.fromtimestamp(one.request.made, UTC).strftime("%Y-%m-%d %H:%M")
        what = f"{one.request.experiment} of {one.request.about}"
        state = "waits for its answer" if one.is_open(now) else "no last word, and over"
        yield f"{when}  {one.probe:<12} {one.request.id[:8]}  {what}: {state if one.outcome is None else _said(one)}"


def _said(one: Kept) -> str:
    """Return what a probe said of a request."""
    said = f"{one.outcome}, {one.reason}" if one.reason else f"{one.outcome}"
    why = one.detail.partition("; ")[2]
    return "; ".join(filter(None, (said, why, f"measurement {one.measurement}" if one.measurement else "")))
