"""The program: which threads run, how they start, and how they end.

Ownership: the main thread waits for signals (and serves the pages); ``ingest`` writes the journal; ``pipeline`` reads
it and writes the derived store. They share files, not objects. A thread that dies ends the program, so that the
service manager starts it again: everything is built to be killed. Must not live here: what any of them does.
"""

import fcntl
import logging
import signal
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.conclude.inference import LEARNED, learned_of
from balise_collector.conclude.pipeline import LINES, Pipeline
from balise_collector.conclude.releases import Releases
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.enrolment.listener import EnrolmentListener
from balise_collector.fleet.enrolment.renewer import CertificateRenewer
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.whereabouts import read_told
from balise_collector.intake.ingest import Ingest
from balise_collector.pages.operator.api import api_routes
from balise_collector.pages.operator.app import LOOPBACK, create_app
from balise_collector.pages.operator.fleet import FleetFacts
from balise_collector.pages.operator.provisioning import ProvisioningFacts
from balise_collector.run import damage
from balise_collector.run.child_process import ChildProcess
from balise_collector.run.databases import Databases
from balise_collector.run.public_server import HANDED, token_of, view_source
from balise_collector.run.threads import ProgramThread, run_beside
from balise_collector.sinks.context import SinkContext
from balise_collector.sinks.registry import workers
from balise_collector.sinks.streams import Sources
from balise_collector.system import identity
from balise_collector.system.bounded_accept import BoundedListener, Bounds
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config, PublicSettings
from balise_collector.system.each_thread import EachThread
from balise_collector.system.errors import ConfigError
from balise_collector.system.listening import listen
from balise_collector.system.log_lines import ClockFormatter, Sparing
from balise_collector.system.serving import BoundedServer, allow_files

_log = logging.getLogger(__name__)
_PREDECESSOR_SECONDS: Final = 5.0
"""How long the public view of a collector that was killed may take to give its port back; it takes milliseconds."""
BOUNDS: Final = Bounds(most=128)
_PROXIES: Final = ("127.0.0.1", "::1")
"""Where a proxy before the operator's pages stands; it may hold every connection."""
_ASIDES_SHOWN: Final = 25
"""Things set aside that the fleet's page names; the journal remembers more."""


def log_to_stderr(clock: Clock, level: int = logging.INFO) -> None:
    """Send every module's log lines to standard error, where journald finds them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ClockFormatter(clock))
    handler.addFilter(Sparing())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def run(config: Config, clock: Clock, settings: Path) -> int:
    """Run the collector until SIGTERM or SIGINT; returns the program's exit status.

    Args:
        config: the settings.
        clock: time.
        settings: the file that they were read from, for the program that is started beside this one.

    Raises:
        ConfigError: a key, catalogue, certificate or port that cannot be used.
    """
    allow_files()
    key = identity.load_or_create(config.state_dir)
    alone = _lock(config.state_dir)
    services = catalogue.configured(config.catalogue.dir, config.catalogue.services)
    # Made or made anew here, so that a disk or a file that cannot be used is said at once and by name.
    damage.look(config, clock)
    with closing(SqliteStore(config.derived_file)) as store:
        learned = learned_of(store.memory(LEARNED))
    listening = _listen(config, clock)
    open_registry = partial(SqliteRegistry, config.fleet_file)
    ingest = Ingest(
        config,
        clock,
        key,
        services,
        lambda: Databases(config).journal,
        open_registry,
        partial(damage.keep_copies, config),
    )
    ingest.learn(learned)
    for_readers: Releases | None = None
    threads: list[ProgramThread] = [ingest, Pipeline(config, clock, services, ingest.learn, partial(Databases, config))]
    threads.extend(
        workers(SinkContext(config, clock, services, ingest.connected, open_registry), partial(_sources, config))
    )
    if config.public is not None:
        for_readers = _for_readers(config, key)
        if not config.public.apart:
            threads.append(_public(config.public, clock, settings))
    threads.extend(_enrolment_threads(config, clock))
    server = _server(config, clock, services, ingest, listening)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: setattr(server, "should_exit", True))
    _log.info("collector key %s, catalogue %s", identity.public_hex(key), services.version)
    run_beside(server, threads)
    if for_readers is not None:
        for_readers.close()
    alone.close()
    damaged = {path for path in (damage.damaged_file(thread.failed) for thread in threads) if path is not None}
    if damaged:
        damage.start_again(sorted(damaged))
    return 1 if any(thread.failed for thread in threads) else 0


def _sources(config: Config) -> Sources:
    """Open what the changes of one sink come from."""
    databases = Databases(config)
    return Sources(databases.store, databases.journal)


def _enrolment_threads(config: Config, clock: Clock) -> list[ProgramThread]:
    """Return the enrolment listener where the settings have one, and who keeps the authority where there is one."""
    registry = partial(SqliteRegistry, config.fleet_file)
    if config.enrolment is None:
        return [CertificateRenewer(config.authority_dir, registry)] if config.authority_dir.exists() else []
    listener = EnrolmentListener(config, config.enrolment, clock, registry)
    return [listener, CertificateRenewer(config.authority_dir, registry, listener.fit)]


def _lock(state_dir: Path) -> IO[str]:
    """Take the state folder for ourselves (ConfigError): two writers would give their batches the same numbers."""
    held = (state_dir / "collector.lock").open("w", encoding="ascii")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise ConfigError(
            f"[collector] state_dir {state_dir}: another collector runs on it; stop that one, or give this one its own"
        ) from None
    return held


def _for_readers(config: Config, key: Ed25519PrivateKey) -> Releases:
    """Make what the public view reads and nobody has made yet; it may be in a folder that it cannot write.

    What is returned holds the file of releases open: SQLite reads a file in write-ahead mode without a right to write
    beside it only as long as somebody with that right has it open. The other stores are open for as long as we run.
    """
    identity.keep_public_id_key(config.state_dir, key)
    SqliteRegistry(config.fleet_file).close()
    held = Releases(config.releases_file)
    held.all()
    return held


def _public(public: PublicSettings, clock: Clock, settings: Path) -> ChildProcess:
    """Return who keeps the public view running in a process of its own; the port is ours (ConfigError)."""
    listening = listen(public.host, public.port, "public", patience=_PREDECESSOR_SECONDS)
    command = (sys.executable, "-P", "-m", "balise_collector.run.cli", "--config", str(settings), "public")
    descriptor = listening.detach()
    environment = {HANDED: str(descriptor)}
    return ChildProcess("the public view", command, clock.monotonic, environment=environment, handed=(descriptor,))


def _listen(config: Config, clock: Clock) -> BoundedListener:
    """Take the pages' port (ConfigError where it cannot be had)."""
    listening = listen(config.pages.host, config.pages.port, "pages")
    host, port = listening.getsockname()[:2]
    _log.info("pages on http://%s:%d/%s", host, port, " (with a token)" if config.pages.token_file else "")
    return BoundedListener(listening, BOUNDS, clock.monotonic, proxies=_PROXIES)


def _server(
    config: Config, clock: Clock, services: Catalogue, ingest: Ingest, listening: BoundedListener
) -> BoundedServer:
    """Return the web server, not yet running."""
    databases = EachThread(lambda: Databases(config))

    def live() -> dict[str, Any]:
        return {
            "brokers": ingest.connected(),
            "catalogue": services.version,
            "probes": list(databases().fleet().members.values()),
            "waiting": databases().registry.pending(),
            "health": ingest.health(),
        }

    def facts() -> FleetFacts:
        opened = databases()
        fleet, journal = opened.fleet(), opened.journal
        return FleetFacts(
            members=tuple(fleet.members.values()),
            fleet=fleet,
            waiting=tuple(opened.registry.pending()),
            presence=journal.latest_presence(),
            health=journal.latest_health(),
            measured=opened.store.last_measured,
            states=journal.presence,
            events=journal.events_of,
            asides=journal.asides(_ASIDES_SHOWN),
            notices=journal.latest_notices(),
            lines=read_told(opened.store.memory(LINES)),
            silence=float(config.detect.silence_seconds),
        )

    look = view_source(config, clock, services, databases)
    api = api_routes(lambda: databases().store, lambda: databases().journal, clock.now, live)

    def cards() -> ProvisioningFacts:
        registry = databases().registry
        return ProvisioningFacts(batches=registry.batches(), cards=registry.cards)

    pages = create_app(look, facts=facts, cards=cards, api=api, hosts=_hosts(config), token=token_of(config))
    return BoundedServer(pages, listening, trusted=",".join(_PROXIES))


def _hosts(config: Config) -> tuple[str, ...]:
    """Return the names under which readers may ask; none (any name) where the operator opened the pages to all."""
    everywhere = config.pages.host in {"0.0.0.0", "::"}  # noqa: S104 - the operator's choice, not ours
    if everywhere and not config.pages.names:
        return ()
    return (*LOOPBACK, *(() if everywhere else (config.pages.host,)), *config.pages.names)
