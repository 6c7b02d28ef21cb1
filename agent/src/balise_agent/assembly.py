"""Putting one probe together from its settings. What each part is called with stands here, and only here.

Lives here: the order in which things are opened and closed. Must not live here: anything they do.
"""

import contextlib
import fcntl
import random
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from balise_agent import __version__, board, limits
from balise_agent.app import CLOCK_FILE, App
from balise_agent.assignments import FILE as ASSIGNMENT_FILE
from balise_agent.assignments import Assignments
from balise_agent.clock import Clock
from balise_agent.config import Config
from balise_agent.errors import ConfigError
from balise_agent.household import own_prefixes
from balise_agent.identity import Identity, collector_key, load_or_create
from balise_agent.limits import Limits
from balise_agent.lookup import lookup_through
from balise_agent.meter import Meter
from balise_agent.net.gate import Gate
from balise_agent.net.link import Link
from balise_agent.publisher import Publisher
from balise_agent.reactor import Reactor
from balise_agent.service import Service
from balise_agent.spool import FILE as SPOOL_FILE
from balise_agent.spool import Spool
from balise_wire.seal import Sealer
from balise_wire.status import Meta


@dataclass(frozen=True)
class Settled:
    """What every command needs."""

    config: Config
    clock: Clock
    allowed: Limits


def settle(config: Config) -> Settled:
    """Set the clock going and the limits down (ConfigError for a malformed BALISE_CLOCK)."""
    clock = Clock.from_environment()
    clock.recall(Path(config.probe.state_dir) / CLOCK_FILE)
    return Settled(config, clock, limits.tightened(config.limits, config.network, own_prefixes()))


def assignments(settled: Settled) -> Assignments:
    """Return the keeper of the assignment."""
    probe = settled.config.probe
    return Assignments(
        Path(probe.state_dir) / ASSIGNMENT_FILE,
        collector=collector_key(settled.config.collector.key),
        probe=probe.id,
        allowed=settled.allowed,
    )


@contextlib.contextmanager
def open_link(settled: Settled, reactor: Reactor, gate: Gate) -> Iterator[Link]:
    """Open the way out (LinkUnusable where this machine has none for us)."""
    network = settled.config.network
    link = Link(
        reactor, gate, interface=network.interface, resolvers=network.resolvers, ca_file=settled.config.tls.ca_file
    )
    try:
        yield link
    finally:
        link.close()


def open_spool(config: Config, identity: Identity) -> Spool:
    """Open the probe's memory (ConfigError where its folder does not take it)."""
    path = Path(config.probe.state_dir) / SPOOL_FILE
    try:
        return Spool(
            path,
            probe=config.probe.id,
            sealer=Sealer(identity.key),
            max_bytes=config.spool.max_bytes,
            batch_records=config.spool.batch_records,
            batch_seconds=config.spool.batch_seconds,
        )
    except (sqlite3.OperationalError, OSError) as error:
        mend = "is the disk full, or does another agent use this [probe] state_dir?"
        raise ConfigError(f"{path}: {error}; {mend}") from None


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Hold the state folder for this process; two agents on one spool would throw each other off the broker.

    The kernel lets go of the lock however the process ends (flock(2)), so a kill leaves nothing to clean up.

    Raises:
        ConfigError: another agent has it.
    """
    with (state_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"another agent already runs on {state_dir}; stop it, or give this one its own [probe] state_dir"
            ) from None
        yield


def meta(config: Config, identity: Identity) -> Meta:
    """Return what the probe says of itself."""
    probe = config.probe
    return Meta(
        public_key=identity.public_hex,
        software=__version__,
        role=probe.role,
        country=probe.country,
        asn=probe.asn,
        access=probe.access,
        board=board.read().model,
        consent=config.consent.version,
    )


def run(settled: Settled) -> None:
    """Be a probe until SIGTERM or Ctrl-C (LinkUnusable, ConfigError)."""
    config, clock = settled.config, settled.clock
    identity = load_or_create(Path(config.probe.state_dir))
    reactor = Reactor(clock)
    with contextlib.ExitStack() as stack:
        stack.callback(reactor.close)
        stack.enter_context(alone(Path(config.probe.state_dir)))
        spool = open_spool(config, identity)
        stack.callback(spool.close)
        meter = Meter(settled.allowed, clock, spool.noted("bytes today"))
        link = stack.enter_context(open_link(settled, reactor, meter))
        app = App(
            config,
            clock=clock,
            reactor=reactor,
            identity=identity,
            spool=spool,
            assignments=assignments(settled),
            network=link,
            meter=meter,
            allowed=settled.allowed,
            service=Service(),
            drops=link.tap.drops,
            household=own_prefixes,
        )
        app.publisher = Publisher(
            config.broker,
            probe=config.probe.id,
            meta=meta(config, identity),
            sealer=Sealer(identity.key),
            collector=collector_key(config.collector.key),
            spool=spool,
            clock=clock,
            reactor=reactor,
            lookup=lookup_through(link.ground.resolvers.addresses),
            listener=app,
            chance=random.Random(identity.jitter_secret),  # noqa: S311 - spreads reconnections; keeps no secret
        )

        def stop(_number: int, _frame: FrameType | None) -> None:
            app.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        app.run()
