"""Verdicts over the modelled internet: the agent's own plans at a home and at references, judged as the centre does.

Lives here: how one kind of effect becomes one verdict, without timetables. Must not live here: what is expected of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from balise_agent.experiments import REGISTRY as PLANS
from balise_agent.experiments.line.plan import health
from balise_agent.experiments.task import Task
from balise_collector.conclude.judgement import judge, note
from balise_collector.judge import Context, ReferenceTable, Verdict
from balise_lab.field.network import Effect, Home, Host
from balise_wire.experiments import OBSERVATIONS
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.line import LineObservation
from balise_wire.measurement import Measurement, Network
from balise_wire.observations import Observation
from balise_wire.words import Design, Experiment
from tests.lab.field.network.playing import PUBLIC, SERVICE, SILENT, Bed

HOMES: Final = (
    Home(id="p1", country="PK", asn=17557),
    Home(id="p2", country="PK", asn=17557),
    Home(id="r1", country="DE", asn=3320),
    Home(id="r2", country="US", asn=7922),
    Home(id="r3", country="JP", asn=2516),
)
REFERENCES: Final = ("r1", "r2", "r3")
REST: Final = 200.0
"""Seconds between a sentinel that fails and the paired series."""


@dataclass
class Centre:
    """A bed, and what the centre concludes from what is measured in it."""

    effects: Sequence[Effect]
    hosts: Sequence[Host] = ()
    homes: Sequence[Home] = HOMES
    table: ReferenceTable = field(default_factory=ReferenceTable)
    taught: bool = True
    """Whether the addresses of the name are known (catalogue or references)."""

    def __post_init__(self) -> None:
        self.bed = Bed(effects=self.effects, homes=self.homes, hosts=self.hosts)

    def task(self, design: Design, port: int, family: int, cause: Observation | None = None) -> Task:
        """Return what a run is given."""
        task = self.bed.task(family=family)
        target = task.target.saying(HttpParameters(port=port, fetch_bytes=65_536))
        return msgspec.structs.replace(task, target=target, design=design, cause=cause)

    def measured(
        self, who: str, word: Experiment, design: Design, *, port: int, family: int, cause: Observation | None = None
    ) -> Measurement:
        """Return one measurement with a look at the line before it."""
        task = self.task(design, port, family, cause)
        (line,) = self.bed.play(PLANS[Experiment.LINE].plan.sentinel(task), LineObservation, who)
        started = self.bed.clock.now()
        plan = PLANS[word].plan
        steps = plan.sentinel(task) if design is Design.SENTINEL else plan.paired(task)
        seen: tuple[Observation, ...] = self.bed.play(steps, OBSERVATIONS[word], who)
        home = next(home for home in self.homes if home.id == who)
        return Measurement(
            id=f"{round(started):032d}",
            experiment=word,
            design=design,
            target=f"svc/web/{SERVICE}/{family}",
            service="svc",
            role=task.target.role,
            host=SERVICE,
            family=family,
            started=started,
            ended=self.bed.clock.now(),
            network=Network(country=home.country, asn=home.asn),
            catalogue="t",
            software="0.1.0",
            line=health(line),
            observations=seen,
        )

    def judged(self, who: str, one: Measurement) -> Verdict:
        """Return the verdict, which the table takes in."""
        known = frozenset(a for a in self.bed.world.addresses_of(SERVICE) if (":" in a) == (one.family == 6))
        context = Context(
            probe=who,
            reference=who in REFERENCES,
            references=self.table,
            addresses=known if self.taught else frozenset(),
            names=frozenset({SERVICE}),
        )
        verdict = judge(one, context)
        note(self.table, verdict, one)
        return verdict

    def conclude(self, word: Experiment, *, port: int = 80, family: int = 4, who: str = "p1") -> Verdict:
        """Return the verdict on a paired series at a home, beside references that measure before and after."""
        self._abroad(word, port, family)
        first = self.measured(who, word, Design.SENTINEL, port=port, family=family)
        self.judged(who, first)
        self.bed.clock.true += REST / 2
        self._abroad(word, port, family)
        self.bed.clock.true += REST / 2
        paired = self.measured(who, word, Design.PAIRED, port=port, family=family, cause=_cause(first))
        self.last = paired
        self.judged(who, paired)
        self._abroad(word, port, family)
        return self.judged(who, paired)

    def _abroad(self, word: Experiment, port: int, family: int) -> None:
        for who in REFERENCES:
            one = self.measured(who, word, Design.SENTINEL, port=port, family=family)
            if word is Experiment.TLS:
                self.judged(who, self.measured(who, word, Design.ON_DEMAND, port=port, family=family))
            self.judged(who, one)
            self.bed.clock.true += 1.0


def _cause(sentinel: Measurement) -> Observation:
    """Return the trial that a series carries along: the last that failed, else the last."""
    failed = [one for one in sentinel.observations if one.failure is not None]
    return (failed or list(sentinel.observations))[-1]


__all__ = ["HOMES", "PUBLIC", "SERVICE", "SILENT", "Centre"]
