"""One probe of the virtual field: the agent's own agenda, conductor, runs and egress; and when it delivers what it has.

Lives here: a run of the board from its start to its power's end, what waits for delivery, and a named liar's hand on
its results. Must not live here: when a measurement is due, what is observed, or what may leave (all of it the agent's).
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from balise_agent.delivery.spool.packing import Record
from balise_agent.measure.agenda import Agenda
from balise_agent.measure.conductor import Conductor, NetworkAccess
from balise_agent.measure.request_book import Desk
from balise_agent.policy.egress import Egress, Gate
from balise_agent.policy.limits import Accepted, check_assignment, tightened
from balise_agent.run.runs import Runs, Setting
from balise_agent.system.clock import Clock
from balise_agent.system.config import LimitSettings, NetworkSettings, Timeouts
from balise_agent.system.proxies import Proxy
from balise_lab.field.timeline import Timeline, VirtualReactor
from balise_wire.assignment import Assignment
from balise_wire.envelope import Envelope, Kind
from balise_wire.measurement import Measurement, Network
from balise_wire.profiles import AT_ONCE, BATCH, RESULT, pace_of
from balise_wire.request import Request
from balise_wire.status import Event, EventKind
from balise_wire.words import Access, ProbeRole, Profile

_FAILURE_SECONDS = 5.0
"""For how long a failure waits for company (delivery/delivery_profile.py)."""
_AIR_SECONDS = 0.4
"""From sealing to receipt on a line that works."""
_LAN = "192.168.1.0/24"
"""Of every home."""
_BOOT_SECONDS = 40.0
"""From power to the program's first turn."""

Lie = Callable[[Measurement], Measurement]


@dataclass(frozen=True, kw_only=True)
class Board:
    """Who it is and where it stands; the operator's record says the same unless a situation has it move."""

    id: str
    country: str
    asn: int
    access: Access = Access.FIXED
    region: str = ""
    role: ProbeRole = ProbeRole.PROBE
    profile: Profile = Profile.STANDARD
    version: str = "0.1.0"

    @property
    def secret(self) -> bytes:
        """What its slots and addresses follow from."""
        return hashlib.sha256(self.id.encode()).digest()

    @property
    def network(self) -> Network:
        """Where it says that it stands."""
        return Network(country=self.country, asn=self.asn, access=self.access, region=self.region)


@dataclass
class Outbox:
    """What was recorded and is not delivered yet: ``run.runs.Records``."""

    now: Callable[[], float]
    poke: Callable[[float], None]
    """Told for how many seconds what just came may wait."""
    batch_seconds: float
    failure_seconds: float
    refused: int = 0
    waiting: list[Record] = field(default_factory=list)

    def record(self, record: Record) -> None:
        """Take one result; a failure waits less."""
        self.waiting.append(record)
        self.poke(self.failure_seconds if record.notable or record.kind is Kind.EVENT else self.batch_seconds)

    def event(self, kind: EventKind, detail: str) -> None:
        """Take what is worth an event."""
        now = self.now()
        self.record(Record(Kind.EVENT, msgspec.json.encode(Event(kind=kind, at=now, detail=detail)), now))


class Answers:
    """Who answers for runs that the centre asked for: ``run.runs.Requests``."""

    def begin(self, _id: str) -> bool:
        """Every one of them may begin."""
        return True

    def done(self, _id: str, _measurement: str, _failure: str) -> None:
        """The measurement itself is the answer."""


@dataclass
class Followed:
    """Who knows what is due: ``run.runs.HasAgenda``."""

    agenda: Agenda | None = None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a probe needs of the situation that it is in."""

    timeline: Timeline
    network: Callable[[str, Clock, Gate], NetworkAccess]
    """Returns the way out of a probe."""
    delivers: Callable[[str], bool]
    """Whether a probe reaches the collector now."""
    receive: Callable[[Envelope, float], None]
    """Given what arrives, and when (UNIX seconds)."""
    proxies: tuple[Proxy, ...] = ()
    """The operator's, which its probes are told of."""
    present: Callable[[str, bool], None]
    """Told that a probe said that it is here, or that the broker lost it."""
    report: Callable[[str], None]
    """Told that a probe's report of its board's health arrived."""


class VirtualProbe:
    """A board with its spool; it may be off, and start again."""

    def __init__(self, board: Board, around: Surroundings) -> None:
        self.board = board
        self.version = board.version
        self.wrong = 0.0
        """Seconds by which the machine's clock is ahead; claimed to be synchronised all the same."""
        self.lie: Lie | None = None
        self.delivered = 0
        """Bytes."""
        self._around = around
        self._timeline = around.timeline
        self.clock = Clock(
            system=lambda: self._timeline.now + self.wrong, monotonic=lambda: self._timeline.now, synced=lambda: True
        )
        pace = AT_ONCE if board.role is ProbeRole.REFERENCE else pace_of(board.profile)
        self._records = pace.batch_records
        self._keepalive = pace.keepalive
        self._outbox = Outbox(
            now=self.clock.now,
            poke=self._poke,
            batch_seconds=pace.batch_seconds,
            failure_seconds=min(_FAILURE_SECONDS, pace.batch_seconds),
        )
        self._sealed: list[Envelope] = []
        """Batches that have not left."""
        self._sequence = 0
        self._seals_at = math.inf
        self._boots = 0
        self._began = self._timeline.now
        self._here = False
        self._told_at = -math.inf
        """When the board's health was told last."""
        self._assignment: Assignment | None = None
        self._reactor = VirtualReactor(self._timeline, self.clock)
        self._limits = tightened(LimitSettings(), NetworkSettings(), lan=(_LAN,), profile=board.profile)
        self._egress = Egress(self._limits, self.clock)
        self._followed = Followed()
        self._runs: Runs | None = None

    @property
    def agenda(self) -> Agenda | None:
        """What is due, while the board is on."""
        return self._followed.agenda

    @property
    def running(self) -> bool:
        """Whether the program runs."""
        return self._runs is not None

    # ------------------------------------------------------------ power

    def start(self) -> None:
        """The board's power comes: its program runs a moment later."""
        self._boots += 1
        boots = self._boots
        wait = _BOOT_SECONDS if boots > 1 else 0.0
        self._timeline.at(self._timeline.now + wait, lambda: self._boot() if boots == self._boots else None)

    def _boot(self) -> None:
        self._began = self._timeline.now
        board = self.board
        access = self._around.network(board.id, self.clock, self._egress)
        setting = Setting(
            network=board.network, clock=self.clock, drops=lambda: 0, limited_by=lambda: (), software=self.version
        )
        conductor = Conductor(access, self._reactor)
        self._runs = Runs(conductor, self._followed, Answers(), self._outbox, self._egress, setting)
        self._greet()
        self._follow()
        if self._outbox.waiting:
            self._poke(self._outbox.failure_seconds)

    def stop(self) -> None:
        """The power goes: what runs is lost, what was recorded is kept and sealed when it is here again."""
        self._boots += 1
        self._seals_at = math.inf
        if self._runs is not None:
            self._runs.end()
            self._runs = None
        self._followed.agenda = None
        self._lost(self._boots)

    # ------------------------------------------------------------ what it is asked

    def assign(self, assignment: Assignment) -> None:
        """Give it an assignment; without a connection it is read when the board is here again."""
        self._assignment = assignment
        self._follow()

    def ask(self, request: Request) -> None:
        """Ask for one run beside the timetable, by the message that the centre sends."""
        agenda, runs = self._followed.agenda, self._runs
        if agenda is not None and runs is not None and self._around.delivers(self.board.id):
            Desk(agenda, self._egress.rules, self.clock.now()).take(request)
            runs.soon()

    def _follow(self) -> None:
        if self._runs is None or self._assignment is None or not self._around.delivers(self.board.id):
            return
        now = self.clock.now()
        accepted = check_assignment(self._assignment, self._limits, now)
        if not isinstance(accepted, Accepted):
            return
        agenda = self._followed.agenda
        if agenda is None:
            self._followed.agenda = Agenda(
                accepted.assignment,
                secret=self.board.secret,
                limits=self._limits,
                now=now,
                timeouts=Timeouts(),
                spent_today=self._egress.usage.spent,
                proxies=self._around.proxies if self.board.role is ProbeRole.PROBE else (),
            )
        elif agenda.assignment != accepted.assignment:
            agenda.reassign(accepted.assignment, now)
        self._runs.soon()

    # ------------------------------------------------------------ delivery

    def look(self) -> None:
        """Look whether the collector is within reach again, or lost; call it every half minute."""
        if self._runs is None:
            return
        if self._around.delivers(self.board.id):
            if not self._here:
                self._greet()
                self._follow()
            self._report()
            self._deliver()
        elif self._here:
            self._lost(self._boots)

    def _report(self) -> None:
        """Tell the board's health as often as the assignment says."""
        if self._assignment is not None and self._timeline.now - self._told_at >= self._assignment.timetable.health:
            self._told_at = self._timeline.now
            self._around.report(self.board.id)

    def _greet(self) -> None:
        if self._around.delivers(self.board.id):
            self._here = True
            self._around.present(self.board.id, True)

    def _lost(self, boots: int) -> None:
        """The broker notices after one and a half keepalives (MQTT 3.1.1, 3.1.2.10)."""
        self._here = False
        self._timeline.at(
            self._timeline.now + 1.5 * self._keepalive,
            lambda: None if self._here or boots < self._boots else self._around.present(self.board.id, False),
        )

    def _poke(self, seconds: float) -> None:
        """Seal in so many seconds at the latest."""
        if len(self._outbox.waiting) >= self._records:
            seconds = 0.0
        at = self._timeline.now + seconds
        if at < self._seals_at:
            self._seals_at = at
            self._timeline.at(at, lambda: self._seal(at))

    def _seal(self, at: float) -> None:
        if at != self._seals_at or not self.running:
            return
        self._seals_at = math.inf
        waiting, self._outbox.waiting = self._outbox.waiting, []
        bodies = [record.body for record in waiting if record.kind is Kind.MEASUREMENT]
        if bodies:
            self._sealed.append(self._envelope([self._told(body) for body in bodies]))
        self._deliver()

    def _told(self, body: bytes) -> bytes:
        if self.lie is None:
            return body
        return msgspec.json.encode(self.lie(msgspec.json.decode(body, type=Measurement)))

    def _envelope(self, bodies: list[bytes]) -> Envelope:
        self._sequence += 1
        clock = self.clock
        return Envelope(
            kind=Kind.MEASUREMENT,
            id=f"{self._sequence:032x}",
            probe=self.board.id,
            stream=f"{self.board.id:0<16}",
            session=self._boots,
            sequence=self._sequence,
            sent_at=clock.now(),
            clock_state=clock.state(),
            historical=not self._around.delivers(self.board.id),
            boot=f"boot {self._boots}",
            uptime=self._timeline.now - self._began,
            checked=clock.checked,
            body=msgspec.Raw(b"[" + b",".join(bodies) + b"]"),
        )

    def _deliver(self) -> None:
        if not self._sealed or not self._around.delivers(self.board.id):
            return
        sealed, self._sealed = self._sealed, []
        for envelope in sealed:
            size = RESULT * bytes(envelope.body).count(b'"experiment"') + BATCH
            self.delivered += size
            self._egress.reported(size, BATCH // 4)
            self._timeline.at(self._timeline.now + _AIR_SECONDS, partial(self._arrive, envelope))

    def _arrive(self, envelope: Envelope) -> None:
        self._around.receive(envelope, self._timeline.now)
        # The receipt is a signed answer: it bounds the clock (system/clock.py).
        self.clock.hint(self._timeline.now, live=True, since=self._timeline.now - 2 * _AIR_SECONDS)
