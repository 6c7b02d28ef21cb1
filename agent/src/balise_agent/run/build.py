"""Putting one probe together from its settings. What each part is called with stands here, and only here.

Lives here: the order in which things are opened and closed. Must not live here: anything they do, or what runs when
(program.py).
"""

import contextlib
import logging
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from balise_agent import __version__
from balise_agent.delivery.boxed_for import BoxedFor
from balise_agent.delivery.delivery_profile import failure_seconds, pace_of
from balise_agent.delivery.lookup import lookup_through
from balise_agent.delivery.parts import Delivery
from balise_agent.delivery.publisher import Publisher
from balise_agent.delivery.spool.spool import FILE as SPOOL_FILE
from balise_agent.delivery.spool.spool import Spool
from balise_agent.experiments import REGISTRY
from balise_agent.measure.assignment_follower import AssignmentFollower
from balise_agent.measure.assignments import FILE as ASSIGNMENT_FILE
from balise_agent.measure.assignments import Assignments, Notice
from balise_agent.measure.conductor import Conductor, NetworkAccess
from balise_agent.measure.request_book import RequestBook
from balise_agent.net.link import Link
from balise_agent.net.local_networks import own_prefixes
from balise_agent.policy.egress import Egress, Gate
from balise_agent.provisioning.enrolment.attempts import Applicant, Attempts
from balise_agent.provisioning.enrolment.decide import consent_trouble
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.provisioning.enrolment.renewal import Renewal
from balise_agent.run import exit_traces
from balise_agent.run.app import App
from balise_agent.run.asked import Asked
from balise_agent.run.health import HardwareWatch, Reports
from balise_agent.run.parts import Parts
from balise_agent.run.recorder import Recorder
from balise_agent.run.runs import Runs, Setting
from balise_agent.run.settle import Settled
from balise_agent.system import hardware
from balise_agent.system.config import Config
from balise_agent.system.errors import DataError
from balise_agent.system.identity import Identity, collector_key, ephemeral
from balise_agent.system.reactor import Reactor
from balise_agent.system.service import Service
from balise_agent.system.status_file import StatusFile
from balise_wire import measurement as wire
from balise_wire.enrolment import Enrolment
from balise_wire.seal import Sealer
from balise_wire.skills import skills
from balise_wire.status import Meta


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a probe stands on, opened by whoever closes it."""

    reactor: Reactor
    spool: Spool
    egress: Egress
    network: NetworkAccess
    drops: Callable[[], int]
    """Packets that the capture lost since it was opened."""
    resolvers: Callable[[], Sequence[str]]
    """Of the network, now."""
    service: Service
    status: StatusFile | None = None
    warnings: exit_traces.Warnings | None = None
    local_networks: Callable[[], tuple[str, ...]] = tuple
    root: Path = Path("/")
    """Below it hardware, kernel and firmware are read."""


@contextlib.contextmanager
def open_probe(
    settled: Settled,
    identity: Identity,
    reactor: Reactor,
    enrolment: Enrolment | None = None,
    news: tuple[Notice, ...] = (),
) -> Iterator[App]:
    """Open everything that a probe stands on, and put it together.

    Args:
        settled: settings, clock and limits.
        identity: our keys.
        reactor: the loop.
        enrolment: the one in force; ``None`` where the settings name brokers by hand.
        news: what happened before, to be told.

    Raises:
        DataError: the state folder does not let us.
        LinkUnusable: this machine has no way out for us.
    """
    config = settled.config
    with contextlib.ExitStack() as stack:
        spool = open_spool(config, identity)
        stack.callback(spool.close)
        egress = Egress(settled.allowed, settled.clock, spool.noted("bytes today"))
        link = stack.enter_context(open_link(settled, reactor, egress))
        surroundings = Surroundings(
            reactor=reactor,
            spool=spool,
            egress=egress,
            network=link,
            drops=link.drops,
            resolvers=link.resolvers,
            service=Service(),
            status=StatusFile(config.runtime_dir()),
            warnings=stack.enter_context(_warnings(Path(config.probe.state_dir))),
            local_networks=own_prefixes,
        )
        yield assemble(settled, identity, surroundings, enrolment, news)


def assemble(
    settled: Settled,
    identity: Identity,
    around: Surroundings,
    enrolment: Enrolment | None = None,
    news: tuple[Notice, ...] = (),
) -> App:
    """Put a probe together; the arguments as in ``open_probe``."""
    config, clock, spool = settled.config, settled.clock, around.spool
    boxed_for = BoxedFor(spool, config.collector.key)
    if enrolment is not None:
        boxed_for.hear(enrolment.at, enrolment.sealed_to)
    applicant = _applicant(settled, identity, around)
    renewal = None if enrolment is None else _renewal(applicant, enrolment)
    publisher = Publisher(_delivery(applicant, config, around))
    boot = hardware.boot_name(around.root)
    recorder = Recorder(spool, publisher, clock=clock, reactor=around.reactor, boot=boot)
    follower = AssignmentFollower(
        assignments(settled),
        clock=clock,
        secret=identity.jitter_secret,
        timeouts=config.timeouts,
        consent=consent_trouble(config),
        state_dir=Path(config.probe.state_dir),
        proxies=settled.proxies,
    )
    watch = HardwareWatch(clock, around.root)
    setting = Setting(network=place(config), clock=clock, drops=around.drops, limited_by=watch.limited_by)
    key = collector_key(config.collector.key or ephemeral().public_hex)
    book = RequestBook(spool, collector=key, probe=config.probe.id)
    asked = Asked(book, follower, recorder, around.egress, clock, around.reactor)
    runs = Runs(Conductor(around.network, around.reactor), follower, asked, recorder, around.egress, setting)
    reports = Reports(
        config=config,
        clock=clock,
        spool=spool,
        publisher=publisher,
        egress=around.egress,
        follower=follower,
        runs=runs,
        hardware=watch,
        renewal=renewal,
    )
    parts = Parts(
        config=config,
        clock=clock,
        reactor=around.reactor,
        service=around.service,
        spool=spool,
        boxed_for=boxed_for,
        egress=around.egress,
        publisher=publisher,
        recorder=recorder,
        follower=follower,
        asked=asked,
        runs=runs,
        reports=reports,
        status=around.status,
        renewal=renewal,
        warnings=around.warnings,
        local_networks=around.local_networks,
        news=news,
        root=around.root,
    )
    return App(parts)


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


def place(config: Config) -> wire.Network:
    """Return what every measurement says of where the probe stands."""
    probe = config.probe
    return wire.Network(country=probe.country, asn=probe.asn, access=probe.access, region=probe.region)


def reconnection_rng(identity: Identity) -> random.Random:
    """Return what spreads reconnections and visits: every probe of a fleet has another one."""
    return random.Random(identity.jitter_secret)  # noqa: S311 - keeps no secret


def _applicant(settled: Settled, identity: Identity, around: Surroundings) -> Applicant:
    return Applicant(
        config=settled.read,
        identity=identity,
        files=Files(Path(settled.config.probe.state_dir)),
        reactor=around.reactor,
        clock=settled.clock,
        lookup=lookup_through(around.resolvers),
        rng=reconnection_rng(identity),
        hardware=hardware.read(around.root).model,
    )


def _renewal(applicant: Applicant, enrolment: Enrolment) -> Renewal:
    return Renewal(
        applicant.config, enrolment, files=applicant.files, clock=applicant.clock, attempts=Attempts(applicant)
    )


def _delivery(applicant: Applicant, config: Config, around: Surroundings) -> Delivery:
    identity = applicant.identity
    return Delivery(
        brokers=config.broker,
        probe=config.probe.id,
        meta=meta(config, identity),
        sealer=Sealer(identity.key),
        collector=collector_key(config.collector.key),
        spool=around.spool,
        clock=applicant.clock,
        reactor=around.reactor,
        lookup=applicant.lookup,
        budget=around.egress,
        rng=reconnection_rng(identity),
        pace=pace_of(config),
        boot=hardware.boot_name(around.root),
    )


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
