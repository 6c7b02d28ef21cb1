"""Runs, from the agenda to the recorder: what is due is started, what came of it becomes a measurement.

Lives here: that joining, and what is made of our own failures. Must not live here: what is due (measure/agenda.py), how
it is carried out (measure/conductor.py), what may leave (measure/report.py).
"""

import logging
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from balise_agent import __version__
from balise_agent.delivery.spool.packing import Record
from balise_agent.experiments.task import carried
from balise_agent.measure.agenda import Agenda
from balise_agent.measure.conductor import Conductor, Outcome
from balise_agent.measure.line_check import clocked
from balise_agent.measure.report import Circumstances, measurement
from balise_agent.measure.run import Run
from balise_agent.policy.egress import Egress
from balise_agent.policy.redaction import redacted
from balise_agent.run.recorder import LONGEST_DETAIL
from balise_agent.system.clock import Clock
from balise_agent.system.errors import LinkUnusable, PolicyRefusal
from balise_agent.system.reactor import Reactor, Timer
from balise_wire import measurement as wire
from balise_wire.envelope import Kind
from balise_wire.observations import Observation
from balise_wire.status import EventKind
from balise_wire.words import Design

_log = logging.getLogger(__name__)

_LONGEST_TIMER: Final = 3600.0
_SHORTEST_TIMER: Final = 0.01


class HasAgenda(Protocol):
    """Who knows what is due: ``measure.assignment_follower.AssignmentFollower``."""

    agenda: Agenda | None


class Records(Protocol):
    """Who takes what runs bring: ``run.recorder.Recorder``."""

    refused: int

    def record(self, record: Record, /) -> None:
        """Take one result."""

    def event(self, kind: EventKind, detail: str, /) -> None:
        """Take what is worth an event."""


class Requests(Protocol):
    """Who answers for runs that were asked for: ``run.asked.Asked``."""

    def begin(self, id: str, /) -> bool:
        """Write down that a request is begun; whether it may be."""

    def done(self, id: str, measurement: str, failure: str, /) -> None:
        """Answer for a run that ended."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What every measurement says of where it was made."""

    network: wire.Network
    clock: Clock
    drops: Callable[[], int]
    """Packets that the capture lost since it was opened."""
    limited_by: Callable[[], tuple[str, ...]]
    """What holds the hardware back, by the wire's words."""
    software: str = __version__
    """Version of the agent."""


class Runs:
    """The runs of one probe."""

    def __init__(
        self,
        conductor: Conductor,
        follower: HasAgenda,
        asked: Requests,
        recorder: Records,
        egress: Egress,
        setting: Setting,
    ) -> None:
        self.measurements = 0
        self._failures = 0
        self.conductor = conductor
        self._follower = follower
        self._asked = asked
        self._recorder = recorder
        self._egress = egress
        self._setting = setting
        self._reactor: Reactor = conductor.reactor
        self._clock = setting.clock
        self._timer: Timer | None = None
        self._over = False

    @property
    def own_failures(self) -> int:
        """Runs that ended by our own failure, and results that could not be recorded."""
        return self._failures + self._recorder.refused

    def drops(self) -> int:
        """Return how many packets the capture lost since it was opened."""
        return self._setting.drops()

    def soon(self) -> None:
        """Something changed: look for what is due in the loop's next turn."""
        self._reactor.soon(self.turn)

    def turn(self) -> None:
        """Start what is due, and come back when the next thing is."""
        agenda = self._follower.agenda
        if agenda is None or self._over:
            return
        now = self._clock.now()
        if self._egress.exhausted:
            told = "the day's share of the line is used up; on after midnight UTC"
            self._recorder.event(EventKind.BUDGET_EXHAUSTED, told)
            self._come_back(_LONGEST_TIMER)
            return
        for run in agenda.due(now, self._egress.reserve, self._egress.usage.spent):
            self._start(run)
        for kind, detail in agenda.notices():
            self._recorder.event(kind, detail)
        self._come_back(agenda.next_at() - now)

    def cancel(self) -> None:
        """Let go of every run in flight."""
        self.conductor.cancel_all()

    def end(self) -> None:
        """Let go of every run, and start no other."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self.cancel()

    def _come_back(self, seconds: float) -> None:
        """Turn again after so many clock seconds; infinity: when something else happens."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds < math.inf:
            # At least a little, so that a time that stays in the past cannot spin the loop.
            real = min(max(self._clock.real_seconds(seconds), _SHORTEST_TIMER), _LONGEST_TIMER)
            self._timer = self._reactor.after(real, self.turn)

    def _start(self, run: Run) -> None:
        """Hand one run to the conductor; one that was asked for is written down as begun before."""
        if run.request and not self._asked.begin(run.request):
            if self._follower.agenda is not None:
                self._follower.agenda.done(run, (), self._clock.now(), own_failure=True)
            return
        started, drops = self._clock.now(), self.drops()
        self.conductor.start(
            run.plan(), exclusive=run.exclusive, on_done=lambda outcome: self._finished(run, started, drops, outcome)
        )

    def _finished(self, run: Run, started: float, drops: int, outcome: Outcome) -> None:
        """Take a run's result to the agenda and onto the disk."""
        agenda = self._follower.agenda
        observations = clocked(outcome.observations, self._clock.state(), self._clock.offset_ms)
        trouble = "" if outcome.error is None else self._failed(run, outcome.error)
        if trouble:
            observations = (*carried(run.cause), *observations)
        id = secrets.token_hex(16)
        try:
            if agenda is not None:
                agenda.done(run, observations, self._clock.now(), own_failure=outcome.error is not None)
            record = self._measured(id, run, observations, started, drops, trouble)
        except Exception as error:  # noqa: BLE001 - what came of one run must cost that run alone
            trouble = trouble or self._failed(run, error)
            record = self._measured(id, run, (), started, drops, trouble)
        if record is not None:
            self.measurements += 1
            self._recorder.record(record)
        if run.request:
            self._asked.done(run.request, "" if record is None else id, trouble)
        self.soon()

    def _measured(
        self, id: str, run: Run, observations: Sequence[Observation], started: float, drops: int, own_failure: str
    ) -> Record | None:
        """Return the measurement of a run; ``None`` where a person cancelled it and there is nothing to say."""
        if not observations and not own_failure:
            return None
        agenda = self._follower.agenda
        lost = self.drops() - drops
        ended = self._clock.now()
        made = measurement(
            run,
            observations,
            Circumstances(
                id=id,
                started=started,
                ended=ended,
                network=self._setting.network,
                catalogue="" if agenda is None else agenda.assignment.catalogue,
                software=self._setting.software,
                line=None if agenda is None else agenda.line,
                limited_by=(*self._setting.limited_by(), *(("drops",) if lost else ())),
                tap_drops=lost,
                own_failure=own_failure,
                own=self._egress.rules.lan,
            ),
        )
        return Record(Kind.MEASUREMENT, msgspec.json.encode(made), ended, notable=is_notable(made))

    def _failed(self, run: Run, error: Exception) -> str:
        """Count our own failure and tell it as an event; return what the run's measurement says of it."""
        self._failures += 1
        where = f"{run.experiment} on {run.target.id}"
        told = f"{type(error).__name__}: {error}"
        if isinstance(error, LinkUnusable):
            self._recorder.event(EventKind.LINK_UNUSABLE, redacted(f"{error}", LONGEST_DETAIL))
        elif isinstance(error, PolicyRefusal):
            # What a DNS answer pointed at may be the household's own: its address stays here.
            self._recorder.event(EventKind.TARGET_REFUSED, redacted(f"{where}: {error}", LONGEST_DETAIL))
        else:
            _log.error("%s ended by a mistake of ours", where, exc_info=error)
            self._recorder.event(EventKind.LINK_UNUSABLE, redacted(f"{where}: {told}", LONGEST_DETAIL))
        return told


def is_notable(made: wire.Measurement) -> bool:
    """Tell whether a measurement is more than a routine success: the last to go when the disk is full."""
    return made.design is not Design.SENTINEL or any(trial.failure is not None for trial in made.observations)
