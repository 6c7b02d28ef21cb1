"""The public view's own process: what it is made of, and how ``balise-collector public`` serves it.

It reads the stores and writes nothing; it never sees the collector's key, only the secret that the public ids are made
with; and it has its own open files, memory and priority, so that whatever is done to it, measurements and enrolments go
on next door. Lives here too: taking a port, and reading the operator view's token. Must not live here: what may be seen
(pages/public.py), routes (pages/public_app.py), or who keeps the process running (child_process.py, systemd).
"""

import ipaddress
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from starlette.applications import Starlette

from balise_collector.conclude.k_anonymity import CachedCounts, CachedWitnessCounts, WitnessCounts
from balise_collector.conclude.releases import Releases
from balise_collector.conclude.tally import DAY
from balise_collector.conclude.whereabouts import Whereabouts, is_of, looked_for
from balise_collector.fleet import catalogue
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.incidents import Incident
from balise_collector.intake.origins import Origins, OriginsOnDemand
from balise_collector.judge import RULES_VERSION
from balise_collector.pages.public.app import Notice, create_public_app
from balise_collector.pages.public.filter import Policy, PublicView, public_view
from balise_collector.pages.public.filter import PublicStore as Seen
from balise_collector.pages.public.kept_answers import Keeping
from balise_collector.pages.views.read_model import View
from balise_collector.run.commands.servers import network_of
from balise_collector.run.databases import Databases
from balise_collector.system import identity
from balise_collector.system.bounded_accept import BoundedListener, Bounds
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config, PublicSettings
from balise_collector.system.each_thread import EachThread
from balise_collector.system.errors import ConfigError, JournalError
from balise_collector.system.listening import listen
from balise_collector.system.serving import BoundedServer, allow_files
from balise_wire.bins import BIN

_log = logging.getLogger(__name__)
_SHORTEST: Final = 32
"""Characters of a token that nobody guesses: nothing here slows guessing down."""
BOUNDS: Final = Bounds(most=512, most_of_source=64)
"""A reader's browser holds six connections; an office behind one address holds some dozens for a moment."""
_GENTLER: Final = 5
"""Steps of priority below the collector: measurements come first."""
HANDED: Final = "BALISE_PUBLIC_SOCKET"
"""Number of the listening socket that the collector hands to the process it starts."""


def token_of(config: Config) -> str:
    """Return the token of the operator view; empty where none is asked for.

    Raises:
        ConfigError: the file cannot be read, or what it holds can be guessed.
    """
    if not config.pages.token_file:
        return ""
    path = Path(config.pages.token_file)
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"[pages] token_file {path}: {error}; write 32 ASCII characters or more into it") from None
    if len(token) < _SHORTEST or any(character.isspace() for character in token):
        raise ConfigError(
            f"[pages] token_file {path}: wants {_SHORTEST} characters or more without spaces; `openssl rand -hex 32` "
            "writes such a line"
        )
    return token


def view_source(
    config: Config, clock: Clock, services: Catalogue, databases: Callable[[], Databases]
) -> Callable[[], View]:
    """Return what makes a view for a request from ``databases``, which are those of the thread that answers it."""
    table = OriginsOnDemand(Path(config.network.origins)) if config.network.origins else Origins()

    def where(one: Incident) -> tuple[Whereabouts, ...]:
        now, here = clock.now(), databases()
        asked = [kept for kept in here.registry.requests() if is_of(kept, one, now)]
        found = looked_for(asked, here.store.measurement_row, here.fleet(), lambda to: network_of(table, to))
        return tuple(each for each in found if each.country == one.country)

    def look() -> View:
        return View(
            store=databases().store,
            now=clock.now(),
            services={service.id: service.name for service in services.services},
            members=databases().fleet().active(),
            interval=float(config.timetable.interval),
            country_names=config.collector.country_names,
            rules=RULES_VERSION,
            roles=services.roles(),
            watches=tuple(databases().registry.watches()),
            confidence=services.confidence(),
            where=where,
        )

    return look


def public_app(config: Config, public: PublicSettings, clock: Clock, secret: bytes, base: str) -> Starlette:
    """Return the public application over the stores, which it opens for reading only.

    Args:
        config: where the stores are.
        public: the table ``[public]``.
        clock: time.
        secret: keys the public ids.
        base: where its links lead, where ``base_url`` does not say.

    Raises:
        ConfigError: the catalogue cannot be read.
        JournalError: a store cannot be read.
    """
    services = catalogue.configured(config.catalogue.dir, config.catalogue.services)
    databases = EachThread(lambda: Databases(config, reading=True))
    look = view_source(config, clock, services, databases)
    policy = Policy(least=public.k, delay=60.0 * public.delay_minutes, secret=secret)

    def hosts() -> dict[str, str]:
        return {one.id: one.keeper for one in databases().fleet().members.values()}

    witness_counts = EachThread(lambda: WitnessCounts(config.derived_file, hosts))
    releases = EachThread(lambda: Releases(config.releases_file, reading=True))
    kept = CachedCounts(clock.monotonic)

    def seen() -> PublicView:
        view = look()
        shown = Seen(
            store=view.store,
            witness_counts=CachedWitnessCounts(witness_counts(), kept, policy.horizon(view.now)),
            policy=policy,
            now=view.now,
            members=view.members,
            hosts=hosts(),
            released=releases().all(),
        )
        return public_view(view, shown)

    try:
        # So that a store that cannot be read is said at the start, and the first reader waits for no count.
        store = seen().store
        store.incidents()
        store.series(policy.horizon(clock.now()) - DAY, int(DAY // BIN))
    except (sqlite3.Error, JournalError) as error:
        mend = "start balise-collector run, which brings files of an earlier version up to date"
        raise JournalError(str(error) if "balise-collector run" in str(error) else f"{error}; {mend}") from None
    notice = Notice(least=public.k, minutes=public.delay_minutes)
    proxies = [ipaddress.ip_network(one) for one in public.proxies]
    keeping = Keeping(
        monotonic=clock.monotonic,
        horizon=lambda: policy.horizon(clock.now()),
        proxies=lambda address: _is_in(address, proxies),
    )
    return create_public_app(seen, base_url=public.base_url or base, notice=notice, keeping=keeping)


def _is_in(address: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def run(config: Config, clock: Clock) -> int:
    """Serve the public view until SIGTERM or SIGINT; returns the program's exit status.

    Started by the collector it takes the socket that it was handed, and ends when the collector does.

    Raises:
        ConfigError: there is no public view in the settings, or a key, catalogue or port that cannot be used.
        JournalError: a store cannot be read.
    """
    public = config.public
    if public is None:
        raise ConfigError("[public] is not in the settings, so nothing is public; see docs/public.md")
    secret = identity.read_public_id_key(config.state_dir)
    handed = os.environ.get(HANDED, "")
    plain = socket.socket(fileno=int(handed)) if handed else listen(public.host, public.port, "public")
    allow_files()
    with closing(plain):  # the listener takes it over, where it comes so far
        host, port = plain.getsockname()[:2]
        base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        app = public_app(config, public, clock, secret, base)
        listening = BoundedListener(plain, BOUNDS, clock.monotonic, proxies=public.proxies)
    with suppress(OSError):  # a service's filter of system calls refuses it, and its unit says so instead
        os.nice(_GENTLER)
    server = BoundedServer(app, listening, trusted=",".join(public.proxies))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: setattr(server, "should_exit", True))
    if handed:
        threading.Thread(target=_end_with_the_collector, name="collector", daemon=True).start()
    _log.info("public view on %s/", base)
    server.run()
    return 0


def _end_with_the_collector() -> None:
    """End at once when the collector is gone, also where it was killed: the next one needs the port."""
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)
