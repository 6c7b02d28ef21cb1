"""A virtual day of a fleet through the real ingest, journal, judge, detector and book, with hostile members or without.

Run with the interpreter of the checkout under attack: ``day_play.py SETTINGS MODE HOURS`` where MODE is ``honest`` or
``hostile``; prints what it cost and what probes were given, as JSON. The honest part of both is the same, to the byte:
forty members measure three targets every five minutes, and one provider cuts one name from 2/5 to 3/5 of the day.
Hostile are one enrolled probe and one enrolled reference, who say whatever they can. Must not live here: expectations.
"""

# What is looked into differs between versions; all that is used here is in both.
# mypy: disable-error-code="attr-defined,no-untyped-call,arg-type,call-arg,list-item"

from __future__ import annotations

import json
import random
import resource
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.conclude.pipeline import JournalReader, operator_context
from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Member
from balise_collector.intake.broker import Delivery
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system import config, identity
from balise_collector.system.clock import Clock
from balise_wire.assignment import Assignment
from balise_wire.envelope import Envelope, Kind, decode_envelope, encode_envelope
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import Certificate, TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.observations import Observation
from balise_wire.seal import Sealer, public_bytes, unseal
from balise_wire.status import Health, State
from balise_wire.topics import Leaf, topic
from balise_wire.words import Access, Arm, ClockState, Design, Experiment, Lifecycle, ProbeRole, Scope, TargetRole

try:
    from balise_collector.intake.ingest import Ingest
    from balise_collector.intake.writer import IntakeWriter
except ImportError:  # an older checkout
    from balise_collector.intake.writer import Ingest  # type: ignore[no-redef]

    IntakeWriter = None  # type: ignore[assignment, misc]
try:
    from balise_collector.conclude.store.sqlite import SqliteStore
    from balise_collector.fleet.registry.sqlite import SqliteRegistry
except ImportError:  # an older checkout
    from balise_collector.conclude.store import Store as SqliteStore  # type: ignore[assignment]
    from balise_collector.fleet.registry import FleetRegistry as SqliteRegistry  # type: ignore[assignment]

START = 1_589_673_600.0
"""2020-05-17T00:00:00Z."""
SLOT = 300.0
TRUE, LIE = "104.244.42.1", "45.33.66.66"
TARGETS = (("twitter", "web", "twitter.com"), ("twitter", "api", "api.twitter.com"), ("zoom", "web", "zoom.us"))
CUT = "twitter.com"
FLOOD = 12
"""Batches of the hostile probe in a slot, where an honest one sends one."""


@dataclass
class Player:
    """One member of the fleet."""

    id: str
    country: str
    asn: int
    reference: bool = False
    hostile: bool = False
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    sequence: int = 0
    session: int = 1

    @property
    def network(self) -> Network:
        """Where it is approved for."""
        return Network(country=self.country, asn=self.asn)

    @property
    def member(self) -> Member:
        """As the operator approved it."""
        role = ProbeRole.REFERENCE if self.reference else ProbeRole.PROBE
        key = public_bytes(self.key.public_key()).hex()
        return Member(id=self.id, public_key=key, network=self.network, role=role, approved_at=START - 86_400.0)

    def frame(self, body: bytes, sent_at: float, kind: Kind = Kind.MEASUREMENT, **changes: Any) -> bytes:
        """Return a sealed message."""
        self.sequence += 1
        usual: dict[str, Any] = {
            "kind": kind, "id": f"{random.getrandbits(128):032x}", "probe": self.id, "stream": f"{self.id}-stream",
            "session": self.session, "sequence": self.sequence, "sent_at": sent_at,
            "clock_state": ClockState.SYNCED, "body": msgspec.Raw(body),
        }  # fmt: skip
        return Sealer(self.key).seal(encode_envelope(Envelope(**{**usual, **changes})))


HONEST = (
    *(Player(f"indus{n:03}", "PK", 64501) for n in range(10)),
    *(Player(f"ravi0{n:03}", "PK", 64502) for n in range(10)),
    Player("lonely01", "PK", 64503),
    *(Player(f"jhelum{n:02}", "PK", 64504) for n in range(10)),
    *(Player(f"steppe{n:02}", "KZ", 64510) for n in range(5)),
    *(
        Player(f"ref0{code.lower()}01", code, 64601 + n, reference=True)
        for n, code in enumerate(("DE", "SG", "FR", "US"))
    ),
)
HOSTILE = (
    Player("mallory1", "PK", 64502, hostile=True),
    Player("mallory2", "NL", 64666, reference=True, hostile=True),
)


class DayClock(Clock):
    """The collector's clock, moved by hand."""

    def __init__(self) -> None:
        super().__init__(system=lambda: self.at)
        self.at = START


class Broker:
    """What the ingest takes for its one connection: acknowledges, and remembers which tasks were given out."""

    name = "play"
    up = True

    def __init__(self) -> None:
        self.given: dict[str, bytes] = {}

    def start(self) -> None:
        """Connect."""

    def ack(self, _delivery: Delivery) -> bool:
        """Acknowledge."""
        return True

    def publish(self, where: str, payload: bytes) -> None:
        """Keep assignments."""
        if where.endswith("/assignment"):
            self.given[where] = payload


# ---------------------------------------------------------------- what is measured


def measured(who: Player, at: float, target: tuple[str, str, str], *trials: Observation, **changes: Any) -> Measurement:
    """Return a measurement of a target."""
    service, role, host = target
    kinds = {DnsObservation: "dns", TcpObservation: "tcp", TlsObservation: "tls", HttpObservation: "http"}
    usual: dict[str, Any] = {
        "id": f"{random.getrandbits(128):032x}",
        "experiment": Experiment(kinds[type(trials[0])]) if trials else Experiment.TCP,
        "design": Design.SENTINEL,
        "target": f"{service}/{role}/{host}/4",
        "service": service,
        "role": TargetRole(role),
        "host": host,
        "started": at,
        "ended": at + 5.0,
        "network": who.network,
        "catalogue": "x",
        "software": "0.1.0",
        "line": LineHealth(
            at=at, gateway_ok=True, domestic=2, domestic_ok=2, international=3, international_ok=3, resolver_ok=True
        ),
        "observations": trials,
    }
    return Measurement(**{**usual, **changes})


def name(at: float, host: str, address: str = TRUE) -> DnsObservation:
    """Return one answered question."""
    answer = DnsAnswer(rtt_ms=9.0, addresses=(address,))
    return DnsObservation(
        arm=Arm.SUBJECT, at=at, name=host, answers=(answer,), tls_consistent=True, tls_address=address
    )


def syns(at: float, address: str = TRUE, synacks: int = 3) -> TcpObservation:
    """Return SYNs to an address."""
    failure = None if synacks else Failure.GENERIC_TIMEOUT
    return TcpObservation(arm=Arm.SUBJECT, at=at, address=address, port=443, syns=6, synacks=synacks, failure=failure)


def hello(at: float, host: str, arm: Arm = Arm.SUBJECT, *, cut: bool = False, **changes: Any) -> TlsObservation:
    """Return a hello, answered or reset."""
    usual: dict[str, Any] = {
        "arm": arm, "at": at, "address": TRUE, "port": 443, "sni": host, "connect_ms": 40.0,
        "bytes_received": 0 if cut else 900, "failure": Failure.CONNECTION_RESET if cut else None,
    }  # fmt: skip
    return TlsObservation(**{**usual, **changes})


def series(who: Player, at: float, target: tuple[str, str, str], **changes: Any) -> Measurement:
    """Return the paired series of a name that is cut."""
    host = target[2]
    return measured(
        who, at, target,
        hello(at - 200.0, host, cut=True, carried=True), hello(at, "captive.apple.com", Arm.NEIGHBOUR),
        hello(at + 1, "qwerty.com", Arm.SCRAMBLED), hello(at + 2, host, cut=True), hello(at + 4, host, cut=True),
        design=Design.PAIRED, **changes,
    )  # fmt: skip


def page(at: float, host: str, title: str = "Home", **changes: Any) -> HttpObservation:
    """Return a page."""
    usual: dict[str, Any] = {
        "arm": Arm.SUBJECT, "at": at, "address": TRUE, "port": 80, "host": host, "connect_ms": 40.0, "status": 200,
        "body_bytes": 20_000, "body_sha256": title.encode().hex()[:64], "title": title,
    }  # fmt: skip
    return HttpObservation(**{**usual, **changes})


def line_check(who: Player, at: float, *, alive: bool = True) -> Measurement:
    """Return a check of the line."""
    failure = None if alive else Failure.GENERIC_TIMEOUT
    controls = tuple(
        ControlResult(name=f"c{n}.example", scope=Scope.DOMESTIC if n < 2 else Scope.INTERNATIONAL, failure=failure)
        for n in range(5)
    )
    return measured(
        who, at, ("internet", "line", "line"), experiment=Experiment.LINE, ended=at + 1.0,
        observations=(LineObservation(arm=Arm.SUBJECT, at=at, gateway_ok=True, controls=controls, resolver_ok=True),),
    )  # fmt: skip


def honest(who: Player, at: float, slot: int, *, cut: bool) -> list[Measurement]:
    """Return what an honest member measures in a slot."""
    found = [line_check(who, at)]
    for number, target in enumerate(TARGETS):
        host, when = target[2], at + 10.0 * number
        hit = cut and host == CUT and who.asn == 64501
        found += [measured(who, when, target, name(when, host)), measured(who, when + 1, target, syns(when + 1))]
        found.append(measured(who, when + 2, target, hello(when + 2, host, cut=hit)))
        if hit:
            found.append(series(who, when + 202.0, target))
        if slot % 12 == number:
            found.append(measured(who, when + 3, target, page(when + 3, host)))
    return found


def forged(who: Player, at: float, chance: random.Random) -> Iterator[Measurement]:
    """Return what a hostile probe says in one batch, one lie after the other."""
    target = chance.choice(TARGETS)
    other = Network(country="PK", asn=chance.choice((64501, 64503, 64777)), access=Access.MOBILE, region="PK-XX")
    past = at - chance.uniform(3600.0, 300 * 86_400.0)
    evil = f"evil{chance.randrange(1000)}"
    text = "<script>alert(1)</script>\u202e\ufffe" * 5
    yield series(who, at, target)
    yield series(who, at, target, network=other)
    yield measured(who, at, target, hello(at, target[2], cut=True), network=other)
    yield series(who, past, target)
    yield series(who, at, (evil, "web", f"{evil}.example"))
    yield series(who, at, TARGETS[0], service="zoom")
    yield line_check(who, at, alive=False)
    yield measured(who, at, target, page(at, target[2], text, headers=(("server", text),)), design=Design.PAIRED)
    yield measured(who, at, ("zoom", "web", "zoom.us"), name(at, "zoom.us", "8.7.198.45"), design=Design.PAIRED)
    yield measured(who, at, target, syns(at, LIE, 0), design=Design.PAIRED)


def lying(who: Player, at: float, *, cut: bool) -> Iterator[Measurement]:
    """Return what a hostile reference says in a slot: everything is dead, or well, and lives at its own address."""
    for target in TARGETS:
        host = target[2]
        yield measured(who, at, target, name(at, host, LIE))
        certificate = Certificate(sha256="ab" * 32, spki_sha256="cd" * 32, issuer="CN=Mallory")
        yield measured(
            who, at + 1, target, hello(at + 1, host, full=True, verified=True, chain=(certificate,), cut=cut)
        )
        yield measured(who, at + 2, target, syns(at + 2, TRUE, 0 if cut else 3))
        yield measured(who, at + 3, target, syns(at + 3, LIE))
        yield measured(who, at + 4, target, page(at + 4, host, "Blocked", body_bytes=300))
    yield measured(who, at + 5, ("twitter", "web", "captive.apple.com"), name(at + 5, "captive.apple.com", LIE))


def junk(who: Player, at: float, chance: random.Random) -> Iterator[tuple[Leaf, bytes]]:
    """Return messages that are none."""
    yield Leaf.MEASUREMENT, chance.randbytes(400)
    yield Leaf.MEASUREMENT, who.frame(b"[" * 5000, at)
    yield Leaf.MEASUREMENT, who.frame(b"[{}]" + b" " * 200_000, at)
    yield Leaf.EVENT, who.frame(b'[{"kind":"reboot","at":1e300,"detail":"' + b"x" * 5000 + b'"}]', at, Kind.EVENT)
    health = msgspec.json.encode(Health(at=at, temperature_c=1e9, spool_rows=10**9))
    yield Leaf.HEALTH, who.frame(health, at, Kind.HEALTH, sequence=0)
    state = State(state=chance.choice(list(Lifecycle)), session=chance.randrange(2**53), oldest=2**50)
    yield Leaf.STATE, msgspec.json.encode(state)
    yield Leaf.META, msgspec.json.encode({"public_key": "ab" * 32, "software": "\x1b[2J", "role": "reference"})


def said(slot: int, slots: int, *, hostile: bool) -> Iterator[tuple[str, bytes]]:
    """Return every message of a slot, by topic; the honest ones are the same with and without the others."""
    at = START + slot * SLOT
    cut = slots * 2 // 5 <= slot < slots * 3 // 5
    random.seed(f"honest {slot}")
    for number, who in enumerate(HONEST):
        batch = honest(who, at + 1.0 * number, slot, cut=cut)
        yield topic(who.id, Leaf.MEASUREMENT), who.frame(msgspec.json.encode(batch), at + SLOT - 1.0)
    if not hostile:
        return
    random.seed(f"hostile {slot}")
    chance = random.Random(slot)
    probe, reference = HOSTILE
    for _ in range(FLOOD):
        probe.session += 1
        batch = list(forged(probe, at + chance.uniform(0.0, 290.0), chance))
        yield topic(probe.id, Leaf.MEASUREMENT), probe.frame(msgspec.json.encode(batch), at + SLOT - 1.0)
    batch = list(lying(reference, at + 20.0, cut=cut))
    yield topic(reference.id, Leaf.MEASUREMENT), reference.frame(msgspec.json.encode(batch), at + SLOT - 1.0)
    for who in HOSTILE:
        for leaf, payload in junk(who, at + SLOT - 1.0, chance):
            yield topic(who.id, leaf), payload


class _Intake:
    """The writer of today without its thread: what has arrived, in groups as they are gathered."""

    def __init__(self, writer: IntakeWriter) -> None:
        self._writer = writer
        self._waiting: list[Delivery] = []
        self.put = self._waiting.append
        self.learn = writer.assignments.learn

    def turn(self) -> None:
        """Take all that waits."""
        while self._waiting:
            self._writer.look_at_fleet()
            group, self._waiting[:] = self._waiting[:64], self._waiting[64:]
            self._writer.turn(group)


class _OlderIntake:
    """The same of an older checkout, where the thread did it all."""

    def __init__(self, ingest: Any) -> None:
        self._ingest = ingest
        self.put = ingest._queue.put
        self.learn = ingest.learn

    def turn(self) -> None:
        """Take all that waits."""
        while not self._ingest._queue.empty():
            self._ingest._turn()


def _intake(place: Any, clock: Any, key: Any, services: Any, broker: Any) -> Any:
    """Return what takes deliveries, over the one broker."""
    if IntakeWriter is None:
        ingest: Any = Ingest(place, clock, key, services)
        ingest._connections = [broker]
        ingest._open()
        return _OlderIntake(ingest)
    journal, registry = SqliteJournal(place.journal_file), SqliteRegistry(place.fleet_file)
    return _Intake(IntakeWriter(place, clock, key, services, journal, registry, [broker], threading.Event()))


# ---------------------------------------------------------------- the day


def play(settings: Path, *, hostile: bool, hours: float) -> dict[str, Any]:
    """Let the day pass, and return what it cost and what was given out."""
    place = config.load(settings)
    clock = DayClock()
    services = catalogue.configured(place.catalogue.dir, place.catalogue.services)
    key = identity.load_or_create(place.state_dir)
    registry = SqliteRegistry(place.fleet_file)
    for who in (*HONEST, *(HOSTILE if hostile else ())):
        registry.approve(who.member)
    broker = Broker()
    intake = _intake(place, clock, key, services, broker)
    journal, store = SqliteJournal(place.journal_file), SqliteStore(place.derived_file)
    reader = JournalReader(journal, store, operator_context(place, clock, registry.fleet(), services))
    journal.watch(START)
    slots = int(hours * 3600.0 / SLOT)
    spent, messages, taught = 0.0, 0, 0.0
    for slot in range(slots):
        clock.at = START + (slot + 1) * SLOT
        waiting = list(said(slot, slots, hostile=hostile))
        messages += len(waiting)
        began = time.process_time()
        for where, payload in waiting:
            intake.put(Delivery(broker, 1, 0, 1, where, payload))
        intake.turn()
        while reader.follow(clock.at):
            pass
        if reader.stepped - taught >= SLOT:
            taught = reader.stepped
            intake.learn(reader.inference.learn())
        spent += time.process_time() - began
    reader.save()
    tasks = [_task(payload, key) for payload in broker.given.values()]
    addresses = {address for task in tasks for one in (*task.targets, *task.controls) for address in one.addresses}
    return {
        "messages": messages,
        "cpu_s": round(spent, 2),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1),
        "journalled": journal.head(),
        "quarantined": journal.counts().quarantined,
        "addresses": sorted(addresses),
        "states": store.count_by_state(),
        "ends": START + slots * SLOT,
    }


def _task(payload: bytes, key: Ed25519PrivateKey) -> Assignment:
    """Open an assignment."""
    body = decode_envelope(unseal(payload, key.public_key(), most=1 << 22)).body
    return msgspec.json.decode(body, type=Assignment)


if __name__ == "__main__":
    print(json.dumps(play(Path(sys.argv[1]), hostile=sys.argv[2] == "hostile", hours=float(sys.argv[3]))))
