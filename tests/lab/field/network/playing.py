"""A clock that only the model moves, and plans played over a field on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from balise_agent.experiments.steps import Note, Plan, Reply, Rest, Rested, Step
from balise_agent.experiments.task import Task
from balise_lab.field.network import Effect, Field, Home, Host, World
from balise_lab.field.network.field import Session
from balise_wire.assignment import Control, Target
from balise_wire.trial import Trial
from balise_wire.words import Scope, TargetRole

T = TypeVar("T", bound=Trial)

START = 1_800_000_000.0
SERVICE = "svc.example.com"
NEIGHBOUR = "cdn.example.com"
CONTROL = "control.example.org"
DOMESTIC = "inside.example.pk"
PUBLIC = "8.8.8.8"
SILENT = "45.99.0.9"


@dataclass
class Clock:
    """The true time, and the probe's view of it."""

    true: float = START
    wrong: float = 0.0

    def now(self) -> float:
        """Return UNIX seconds of the probe's clock."""
        return self.true + self.wrong


@dataclass
class Bed:
    """One field, one clock, one probe after the other."""

    effects: Sequence[Effect] = ()
    homes: Iterable[Home] = (Home(id="p1", country="PK", asn=17557), Home(id="r1", country="DE", asn=3320))
    hosts: Sequence[Host] = ()
    seed: int = 1
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        known = {host.name for host in self.hosts}
        usual = [host for host in HOSTS if host.name not in known]
        self.world = World.of_names([], self.homes, [*self.hosts, *usual])
        self.field = Field(self.world, self.effects, lambda: self.clock.true, START, self.seed)
        self.accesses = {home: self.field.access(home, self.clock) for home in self.world.homes}

    def play(self, plan: Plan, kind: type[T], probe: str = "p1") -> tuple[T, ...]:
        """Carry one plan out and return what it observed."""
        session = self.accesses[probe].session()
        reply: Reply | None = None
        while True:
            try:
                step = plan.send(reply) if reply is not None else next(plan)
            except StopIteration as stop:
                observed = stop.value
                assert all(isinstance(each, kind) for each in observed)
                return tuple(observed)
            reply = self.reply(session, step)

    def reply(self, session: Session, step: Step) -> Reply:
        """Carry one step out; the clock moves as far as it waits."""
        if isinstance(step, Note | Rest):
            self.clock.true += step.seconds if isinstance(step, Rest) else 0.0
            return Rested(at=self.clock.now(), elapsed_ms=0.0)
        operation = session.begin(step)
        while True:
            try:
                wait = next(operation)
            except StopIteration as stop:
                reply: Reply = stop.value
                return reply
            self.clock.true += wait.within

    def task(self, host: str = SERVICE, *, full: bool = False, family: int = 4, port: int = 443) -> Task:
        """Return the task of a run of one host."""
        addresses = self.world.addresses_of(host)
        mine = [each for each in addresses if (":" in each) == (family == 6)]
        target = Target(
            id=f"svc/web/{host}/{family}",
            service="svc",
            role=TargetRole.WEB,
            host=host,
            port=port,
            addresses=tuple(addresses),
            neighbour=NEIGHBOUR if host == SERVICE else "",
        )
        return Task(
            target=target,
            address=mine[0] if mine else "",
            family=family,
            addresses=tuple(mine),
            controls=self.controls(),
            control_name=CONTROL,
            public_resolvers=(PUBLIC,),
            silent_addresses=(SILENT,),
            lan=("192.168.1.0/24",),
            full=full,
        )

    def controls(self) -> tuple[Control, ...]:
        """Return a control abroad and one at home."""
        return (
            Control(name=CONTROL, addresses=self.world.addresses_of(CONTROL)),
            Control(name=DOMESTIC, addresses=self.world.addresses_of(DOMESTIC), scope=Scope.DOMESTIC),
        )


HOSTS = (
    Host(name=SERVICE, service="svc", role="web", country="US", asn=13414, neighbours=(NEIGHBOUR,)),
    Host(name=CONTROL, country="US", asn=714),
    Host(name=DOMESTIC, country="PK", asn=9541),
    Host(name="silent.example.net", addresses=(SILENT,), country="DE", asn=24940, ports=(), closed="drop"),
)
