"""Putting one probe together from its settings. What each part is called with stands here, and only here.

Lives here: the order in which things are opened and closed. Must not live here: anything they do.
"""

import contextlib
import errno
import fcntl
import logging
import os
import random
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from balise_agent import __version__
from balise_agent.delivery.delivery_profile import failure_seconds, pace_of
from balise_agent.delivery.lookup import lookup_through
from balise_agent.delivery.publisher import Publisher
from balise_agent.delivery.spool import recipient
from balise_agent.delivery.spool.recipient import Recipient
from balise_agent.delivery.spool.spool import FILE as SPOOL_FILE
from balise_agent.delivery.spool.spool import Spool
from balise_agent.experiments import REGISTRY
from balise_agent.measure.assignments import FILE as ASSIGNMENT_FILE
from balise_agent.measure.assignments import Assignments, Notice
from balise_agent.net.link import Link
from balise_agent.net.local_networks import own_prefixes
from balise_agent.net.resolvers import Resolvers
from balise_agent.policy import limits
from balise_agent.policy.egress import Gate
from balise_agent.policy.limits import Limits
from balise_agent.policy.usage import Meter
from balise_agent.provisioning.card import wiping
from balise_agent.provisioning.enrolment import decide
from balise_agent.provisioning.enrolment.attempts import Attempts
from balise_agent.provisioning.enrolment.files import FOLDER as ENROLMENT_FOLDER
from balise_agent.provisioning.enrolment.files import Files, Kept
from balise_agent.provisioning.enrolment.loop import Novice
from balise_agent.provisioning.enrolment.renewal import Renewal
from balise_agent.run import exit_traces
from balise_agent.run.app import CLOCK_FILE, SEALED_TO, App
from balise_agent.system import disk, hardware
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.errors import DataError, KeyUnusableError, LinkUnusable
from balise_agent.system.identity import KEY_FILE, Identity, collector_key, ephemeral, load_or_create
from balise_agent.system.lifecycle import PAUSE_FILE
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.reactor import Reactor
from balise_agent.system.service import Service
from balise_agent.system.status import Status
from balise_agent.system.status_file import StatusFile
from balise_wire.enrolment import Enrolment
from balise_wire.seal import Sealer
from balise_wire.skills import skills
from balise_wire.status import EventKind, Meta
from balise_wire.words import Lifecycle

_WIPE_LOOKED_FOR_EVERY: Final = 1.0
"""Real seconds."""


@dataclass(frozen=True)
class Settled:
    """What every command needs."""

    config: Config
    """With what enrolment brought, where there was one."""
    clock: Clock
    allowed: Limits
    read: Config
    """As it was read."""


def settle(config: Config) -> Settled:
    """Set the clock going and the limits down, with what enrolment brought where there was one.

    Raises:
        ConfigError: a malformed BALISE_CLOCK, or a key that cannot be used.
    """
    clock = Clock.from_environment()
    state_dir = Path(config.probe.state_dir)
    clock.recall(state_dir / CLOCK_FILE)
    known = config
    if not config.by_hand and (state_dir / KEY_FILE).exists():
        kept = Files(state_dir).peek(load_or_create(state_dir), config.enrolment.fingerprint)
        known = _with(config, kept.enrolment)
    return _settled(known, clock, config)


def _settled(config: Config, clock: Clock, read: Config) -> Settled:
    allowed = limits.tightened(config.limits, config.network, own_prefixes(), config.probe.profile)
    return Settled(config, clock, allowed, read)


def _with(config: Config, enrolment: Enrolment | None) -> Config:
    """Return the settings with an enrolment in them, where there is one."""
    if enrolment is None:
        return config
    return decide.enrolled(config, enrolment, Files(Path(config.probe.state_dir)).pems)


def _kept(config: Config, identity: Identity) -> Kept:
    """Return the enrolment on disk (DataError where its folder does not let us)."""
    files = Files(Path(config.probe.state_dir))
    try:
        return files.load(identity, config.enrolment.fingerprint)
    except OSError as error:
        raise DataError(f"{files.folder}: {error.strerror}; make it writable for the agent's user") from None


def assignments(settled: Settled) -> Assignments:
    """Return the keeper of the assignment; before enrolment nobody is believed."""
    probe = settled.config.probe
    return Assignments(
        Path(probe.state_dir) / ASSIGNMENT_FILE,
        collector=collector_key(settled.config.collector.key or ephemeral().public_hex),
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
    """Open the probe's memory (DataError where its folder does not take it)."""
    path, pace = Path(config.probe.state_dir) / SPOOL_FILE, pace_of(config)
    try:
        return Spool(
            path,
            probe=config.probe.id,
            sealer=Sealer(identity.key),
            max_bytes=config.spool.max_bytes,
            batch_records=pace.batch_records,
            batch_seconds=pace.batch_seconds,
            failure_seconds=failure_seconds(config),
        )
    except (sqlite3.OperationalError, OSError) as error:
        mend = "does another program use this [probe] state_dir, and may the agent's user write in it?"
        raise DataError(f"{path}: {error}; {mend}") from None


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Hold the state folder for this process; two agents on one spool would throw each other off the broker.

    The kernel lets go of the lock however the process ends (flock(2)), so a kill leaves nothing to clean up.

    Raises:
        DataError: another agent has it, or there is nowhere to put the lock.
    """
    path = state_dir / "lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        # A card that turned read-only keeps its probe measuring: a lock needs no right to write.
        if error.errno != errno.EROFS or not path.exists():
            raise DataError(f"{path}: {error.strerror}; make it writable for the agent's user") from None
        handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(
                f"another agent already runs on {state_dir}; stop it, or give this one its own [probe] state_dir"
            ) from None
        yield
    finally:
        os.close(handle)


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
        board=hardware.read().model,
        consent=config.consent.version,
        profile=probe.profile,
        skills=skills(REGISTRY),
    )


def run(settled: Settled) -> None:
    """Be a probe until SIGTERM or Ctrl-C, and become one first where need be (LinkUnusable, ConfigError)."""
    state_dir = Path(settled.read.probe.state_dir)
    wiping.refuse(state_dir)
    identity = load_or_create(state_dir)
    reactor = Reactor(settled.clock)
    stop = _Stop()
    with contextlib.ExitStack() as stack:
        stack.callback(reactor.close)
        stack.enter_context(alone(state_dir))
        _end_for_a_wipe(state_dir, reactor, stop)
        for folder in (state_dir, state_dir / ENROLMENT_FOLDER):
            disk.sweep(folder)
        if settled.read.by_hand:
            _probe(settled, identity, reactor, stop)
            return
        news: tuple[Notice, ...] = ()
        while not stop.asked:
            kept = _kept(settled.read, identity)
            if kept.enrolment is not None:
                known = _settled(_with(settled.read, kept.enrolment), settled.clock, settled.read)
                if not _probe(known, identity, reactor, stop, kept.enrolment, news):
                    return
                news = ()
            else:
                news = _until_enrolled(settled, kept.damaged, identity, reactor, stop)


def _end_for_a_wipe(state_dir: Path, reactor: Reactor, stop: "_Stop") -> None:
    """Look for the mark of a wipe, and let go of everything when it is there: the wipe waits for our lock."""
    if wiping.wanted(state_dir):
        stop.ask()
    else:
        reactor.after(_WIPE_LOOKED_FOR_EVERY, lambda: _end_for_a_wipe(state_dir, reactor, stop))


class _Stop:
    """SIGTERM, Ctrl-C and a wipe end whoever runs at the moment."""

    def __init__(self) -> None:
        self.asked = False
        self._whom: Callable[[], None] = lambda: None
        signal.signal(signal.SIGTERM, self._heard)
        signal.signal(signal.SIGINT, self._heard)

    def ends(self, whom: Callable[[], None]) -> None:
        """Name who is to be ended; at once, if the signal was earlier."""
        self._whom = whom
        if self.asked:
            whom()

    def ask(self) -> None:
        """End whoever runs, or whoever would."""
        self.asked = True
        self._whom()

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()


def _until_enrolled(
    settled: Settled, damaged: str, identity: Identity, reactor: Reactor, stop: _Stop
) -> tuple[Notice, ...]:
    """Return once enrolled, with the news of it, or once somebody stopped the program."""
    config, clock = settled.read, settled.clock
    state_dir = Path(config.probe.state_dir)
    novice = Novice(
        config,
        damaged=damaged,
        identity=identity,
        files=Files(state_dir),
        reactor=reactor,
        clock=clock,
        lookup=lookup_through(Resolvers(config.network.resolvers).addresses),
        chance=_chance(identity),
        service=Service(),
        status=StatusFile(config.runtime_dir()),
        paused=(state_dir / PAUSE_FILE).exists,
        board=hardware.read().model,
    )
    stop.ends(novice.stop)
    if novice.run() is None:
        return ()
    clock.remember(state_dir / CLOCK_FILE)
    return (Notice(EventKind.ENROLLED, f"the certificate was made after {novice.attempts.visits} visits"),)


@contextlib.contextmanager
def _warnings(state_dir: Path) -> Iterator[exit_traces.Warnings]:
    """Keep the warnings of this run for the next one."""
    handler = exit_traces.Warnings(state_dir / exit_traces.WARNINGS_FILE)
    logging.getLogger().addHandler(handler)
    try:
        yield handler
    finally:
        logging.getLogger().removeHandler(handler)
        handler.keep()


def tell_failure(config: Config | None, error: Exception) -> None:
    """Write into the status files why the program ends at once; what cannot be written is in the log anyway.

    Args:
        config: the settings; None where they cannot be read: then only the service manager's folder is known.
        error: what ends it.
    """
    if config is None and "RUNTIME_DIRECTORY" not in os.environ:
        return
    kind = _kind_of(error)
    config = config or Config()
    interface = config.network.interface
    if kind is ProblemId.NO_CAPTURE and interface and interface not in {name for _, name in socket.if_nameindex()}:
        kind = ProblemId.NO_INTERFACE
    clock = Clock()
    now = clock.now()
    told = Status(
        at=now,
        clock_state=clock.state(),
        state=Lifecycle.INIT,
        since=now,
        software=__version__,
        probe=config.probe.id,
        troubles=(Trouble(id=kind, detail=f"{error}"),),
    )
    StatusFile(config.runtime_dir()).write(told, clock.monotonic(), at_once=True)


def _kind_of(error: Exception) -> ProblemId:
    """Return which problem an exception at the start is."""
    if isinstance(error, DataError):
        return ProblemId.DATA_UNWRITABLE
    if isinstance(error, KeyUnusableError):
        return ProblemId.KEY_UNUSABLE
    return ProblemId.NO_CAPTURE if isinstance(error, LinkUnusable) else ProblemId.SETTINGS_BROKEN


def _recipient(config: Config, spool: Spool, enrolment: Enrolment | None) -> Recipient:
    """Return for whom what is kept is boxed, by what was written down and by what enrolment brought."""
    known = recipient.read(spool.noted(SEALED_TO), config.collector.key)
    return known if enrolment is None else known.told(config.collector.key, enrolment.at, enrolment.sealed_to)


def _chance(identity: Identity) -> random.Random:
    return random.Random(identity.jitter_secret)  # noqa: S311 - spreads reconnections; keeps no secret


def _probe(
    settled: Settled,
    identity: Identity,
    reactor: Reactor,
    stop: _Stop,
    enrolment: Enrolment | None = None,
    news: Sequence[Notice] = (),
) -> bool:
    """Be a probe; return whether to be one again at once, with another enrolment."""
    config, clock = settled.config, settled.clock
    with contextlib.ExitStack() as stack:
        spool = open_spool(config, identity)
        stack.callback(spool.close)
        boxed_for = _recipient(config, spool, enrolment)
        spool.seal_to(boxed_for.key)
        meter = Meter(settled.allowed, clock, spool.noted("bytes today"))
        link = stack.enter_context(open_link(settled, reactor, meter))
        files = Files(Path(config.probe.state_dir))
        renewal = None if enrolment is None else Renewal(settled.read, enrolment, files=files, clock=clock)
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
            news=news,
            status=StatusFile(config.runtime_dir()),
            renewal=renewal,
            recipient=boxed_for,
            warnings=stack.enter_context(_warnings(Path(config.probe.state_dir))),
        )
        lookup = lookup_through(link.ground.resolvers.addresses)
        if renewal is not None:
            attempts = Attempts(
                settled.read,
                identity=identity,
                files=files,
                reactor=reactor,
                clock=clock,
                lookup=lookup,
                chance=_chance(identity),
                board=hardware.read().model,
                got=renewal.got,
            )
            renewal.asks_with(attempts, app.renewed)
        app.publisher = Publisher(
            config.broker,
            probe=config.probe.id,
            meta=meta(config, identity),
            sealer=Sealer(identity.key),
            collector=collector_key(config.collector.key),
            spool=spool,
            clock=clock,
            reactor=reactor,
            lookup=lookup,
            listener=app,
            chance=_chance(identity),
            pace=pace_of(config),
            boot=hardware.boot_name(),
        )
        stop.ends(app.stop)
        app.run()
    return app.again
