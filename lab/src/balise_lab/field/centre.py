"""The centre of the virtual field: what it believes, concludes and asks for, by the collector's own code.

Lives here: how its parts are put together without broker, threads and files, and the times at which each is called.
Must not live here: what is believed, judged, detected, told or assigned (all of it the collector's).
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_agent.experiments import REGISTRY
from balise_collector.conclude.burst import Asking, Burst, BurstRules, Chance, Risk
from balise_collector.conclude.inference import OperatorContext
from balise_collector.conclude.pipeline import JournalReader, operator_context
from balise_collector.fleet.assignment import LASTS, assignment_for, heard_every
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.members import Fleet, Member, Record
from balise_collector.fleet.orders import Able, Order, trimmed
from balise_collector.fleet.profiles import fitted
from balise_collector.fleet.requests import hindrance, target_named
from balise_collector.fleet.watches import WatchWindow, watches_of
from balise_collector.incidents import Incident
from balise_collector.incidents.findings import findings
from balise_collector.intake.validate import DEFAULT_LIMITS, Accepted, Quarantined, Signed, believed
from balise_collector.journal.clock_offset import ProbeClocks
from balise_collector.judge import RULES_VERSION, Verdict
from balise_collector.pages.views.matrix import WINDOW
from balise_collector.pages.views.parts import held_of, parts_of
from balise_collector.pages.views.read_model import INTERNET, ReadStore, View
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.words.countries import WORLD, country_name, zone_of
from balise_collector.words.report import ReportFacts, report
from balise_lab.field.journal import FieldJournal, FieldStore
from balise_lab.field.probe import Board
from balise_wire.assignment import Assignment, Budget, Timetable
from balise_wire.envelope import Envelope
from balise_wire.profiles import pace_of
from balise_wire.request import Request
from balise_wire.seal import public_bytes
from balise_wire.skills import skills
from balise_wire.topics import Leaf, ProbeTopic
from balise_wire.words import Lifecycle, ProbeRole, Profile

_COMMIT_SECONDS = 0.25
"""As in conclude/pipeline.py: a step waits for rows received before it."""
_KEY = public_bytes(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()).hex()
"""Every probe's: nothing is signed here."""

_ABLE = Able(skills=trimmed(skills(REGISTRY)))
"""What every board says of itself when it introduces itself: without it nobody could be asked for anything."""

Learned = Mapping[tuple[str, int], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Enrolled:
    """A board as the operator approved it."""

    board: Board
    host: str = ""
    retired_at: float | None = None
    records: tuple[Record, ...] = ()

    @property
    def member(self) -> Member:
        """The operator's record."""
        board = self.board
        return Member(
            id=board.id,
            public_key=_KEY,
            network=board.network,
            role=board.role,
            profile=board.profile,
            host=self.host or board.id,
            retired_at=self.retired_at,
        )


@dataclass
class Centre:
    """The collector of one situation."""

    catalogue: Catalogue
    enrolled: dict[str, Enrolled]
    start: float
    """UNIX seconds."""
    timetable: Timetable = field(default_factory=Timetable)
    budget: Budget = field(default_factory=Budget)
    observed: bool = False
    """Whether the operator looks up from where probes connect."""
    risk: Mapping[str, str] = field(default_factory=dict)
    """``[burst] risk``."""
    helpers: tuple[str, ...] = ()
    """``[catalogue] helpers``."""
    watches: tuple[WatchWindow, ...] = ()
    """The operator's watch windows."""
    seed: int = 1
    learned: Learned = field(default_factory=dict)
    refused: list[Quarantined | str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open everything."""
        self.journal = FieldJournal()
        self.store = FieldStore()
        self._clocks = ProbeClocks()
        self._paces: dict[str, int] = {}
        self._fleet = self._fleet_now()
        self.asked: list[Asking] = []
        self._burst = self._made_burst()
        self._reader = JournalReader(self.journal, self.store, self._context(), remembers=False, heed=self._burst.heed)
        self._taught_at = 0.0

    # ------------------------------------------------------------ what comes in

    def receive(self, envelope: Envelope, at: float) -> None:
        """Take one message as it arrived at ``at`` (UNIX seconds), as intake does after the seal."""
        signed = Signed(ProbeTopic(envelope.probe, Leaf.MEASUREMENT), envelope, b"")
        outcome = believed(signed, self._fleet, at, DEFAULT_LIMITS, self._clocks)
        if isinstance(outcome, Accepted):
            self.refused.extend(rejection.reason for rejection in outcome.rejected)
            self.journal.take(outcome, at)
        else:
            self.refused.append(outcome)

    def present(self, probe: str, here: bool, at: float) -> None:
        """Hear that a probe is here, or was lost."""
        self.journal.say(probe, Lifecycle.READY if here else Lifecycle.LOST, at)

    # ------------------------------------------------------------ time

    def turn(self, at: float, give: Callable[[str, Assignment], None]) -> None:
        """Conclude up to ``at``, and give out assignments where references taught something new."""
        self.journal.watch(self.start, at)
        while self._reader.follow(at - _COMMIT_SECONDS):
            pass
        if self._reader.stepped - self._taught_at >= self.timetable.interval:
            self._taught_at = self._reader.stepped
            learned = self._reader.inference.learn()
            if learned != self.learned:
                self.learned = learned
                self.assign(give)

    def ask(self, at: float, ask: Callable[[str, Request], None]) -> None:
        """Ask once more whom a burst asks at ``at``."""
        if not self._burst.waits:
            return
        for asking in self._burst.due(at, self._fleet, lambda text: target_named(text, self.catalogue, self.learned)):
            if not hindrance(self._fleet, asking.probe, asking.request, 0):
                self.asked.append(asking)
                ask(asking.probe, asking.request)

    def _made_burst(self) -> Burst:
        rules = BurstRules(
            risk={country: Risk(word) for country, word in self.risk.items()},
            timetable=self.timetable,
        )
        draw = random.Random(self.seed)  # noqa: S311 - a situation is the same each time
        return Burst(rules, Chance(share=draw.sample, part=draw.random, id=lambda: f"{draw.getrandbits(128):032x}"))

    def assign(self, give: Callable[[str, Assignment], None], only: Iterable[str] | None = None) -> None:
        """Give every probe its assignment anew, or those named."""
        for name in only or self.enrolled:
            task = self.assignment(name)
            waits = int(pace_of(self.enrolled[name].member.profile).batch_seconds)  # as the registry reckons
            self._paces[name] = max(heard_every(task), waits)
            give(name, task)
        self.look_at_fleet()

    def assignment(self, probe: str) -> Assignment:
        """Return what a probe is to do."""
        member = self.enrolled[probe].member
        dangerous = {country for country, word in self.risk.items() if word == Risk.HIGH}
        task = assignment_for(member, self.catalogue, self.timetable, self.budget, self.learned, dangerous)
        watches = watches_of(member, self.watches, {service.id for service in self.catalogue.services}, self.start)
        task = msgspec.structs.replace(task, helpers=self.helpers, watches=watches)
        profile = Profile.STANDARD if member.role is ProbeRole.REFERENCE else member.profile
        return msgspec.structs.replace(fitted(task, profile), version=1, expires=self.start + 10 * LASTS)

    def change(self, catalogue: Catalogue, give: Callable[[str, Assignment], None]) -> None:
        """Put another catalogue in force."""
        self.catalogue = catalogue
        self.assign(give)

    def look_at_fleet(self) -> None:
        """Take what changed in the fleet into account."""
        self._fleet = self._fleet_now()
        self._reader.set_context(self._context())

    def _fleet_now(self) -> Fleet:
        members = [one.member for one in self.enrolled.values()]
        records = {name: one.records for name, one in self.enrolled.items() if one.records}
        orders = {one.id: Order(able=_ABLE) for one in members}
        return Fleet.of(members, paces=self._paces, records=records, orders=orders)

    def _context(self) -> OperatorContext:
        context = operator_context(Config(), Clock(system=lambda: self.start), self._fleet, self.catalogue)
        return replace(context, interval=float(self.timetable.interval), observed=self.observed)

    # ------------------------------------------------------------ what it says

    @property
    def verdicts(self) -> list[Verdict]:
        """Every verdict, in the order of receipt."""
        return [self.store.verdicts[seq] for seq in sorted(self.store.verdicts)]

    def incidents(self) -> list[Incident]:
        """The newest revision of everything that was ever said."""
        return self.store.incidents()

    def text(self, at: float) -> str:
        """Return the report that is passed on: findings only, in English."""
        found = [*findings(self.incidents())]
        countries = {one.country for one in found}
        now = [verdict for verdict in self.verdicts if at - WINDOW <= verdict.at <= at]
        view = View(
            store=cast("ReadStore", self.store),  # The parts of a service are made from what they are given beside it.
            now=at,
            services={service.id: service.name for service in self.catalogue.services},
            roles={
                service.id: tuple(dict.fromkeys(entry.role for entry in service.targets))
                for service in self.catalogue.services
            },
            confidence=self.catalogue.confidence(),
        )
        facts = ReportFacts(
            services={service.id: service.name for service in self.catalogue.services},
            countries={
                code: country_name(code)
                for code in countries | {code for one in found for code in one.references.countries_ok}
            },
            zones={code: zone_of(code) for code in countries},
            written_at=at,
            rules=RULES_VERSION,
            parts={
                one.id: parts_of(
                    view,
                    (one.country, one.service),
                    at,
                    held_of((each for each in now if each.service == one.service), one.country),
                    self.incidents(),
                )
                for one in found
                if one.end is None and one.country != WORLD and one.service != INTERNET
            },
        )
        return report(found, facts)
