"""The probe as a whole: agenda -> conductor -> report -> scrub -> spool -> publisher, on one thread and one reactor.

Lives here: only the joining of the rooms, and the small duties between them: events, health, the turn of the batch,
the watchdog, the goodbye. Must not live here: anything that one of the rooms could decide by itself.
"""

import logging
import math
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from balise_agent import __version__
from balise_agent.delivery.delivery_profile import pace_of, patience
from balise_agent.delivery.publisher import Publisher
from balise_agent.delivery.spool.recipient import Recipient
from balise_agent.delivery.spool.spool import Record, Spool, Stamp, TooLargeError
from balise_agent.experiments.line.plan import with_clock
from balise_agent.experiments.task import carried
from balise_agent.measure.agenda import Agenda
from balise_agent.measure.assignments import Assignments, Notice
from balise_agent.measure.conductor import Conductor, Network, Outcome
from balise_agent.measure.report import measurement
from balise_agent.measure.run import Run
from balise_agent.policy.limits import Limits
from balise_agent.policy.redaction import redacted
from balise_agent.policy.usage import Meter
from balise_agent.provisioning.enrolment.decide import consent_trouble
from balise_agent.provisioning.enrolment.renewal import Renewal
from balise_agent.run import exit_traces, last_exit
from balise_agent.system import hardware
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.errors import LinkUnusable, Refused
from balise_agent.system.identity import Identity
from balise_agent.system.lifecycle import PAUSE_FILE, Facts, hindrance, state
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.reactor import Reactor, Timer
from balise_agent.system.service import Service
from balise_agent.system.status import Status
from balise_agent.system.status_file import StatusFile
from balise_wire import measurement as wire
from balise_wire.envelope import Kind
from balise_wire.observations import LineObservation, Observation
from balise_wire.profiles import HEALTH
from balise_wire.status import Event, EventKind, Health
from balise_wire.words import Design, Lifecycle

_log = logging.getLogger(__name__)

CLOCK_FILE: Final = "clock"
SEALED_TO: Final = "sealed to"
"""Fact of the spool: for whom it is boxed (recipient.py)."""
_TICK_SECONDS: Final = 1.0
_BOARD_SECONDS: Final = 10.0
"""Real seconds for which a look at the board is good."""
_REMEMBER_SECONDS: Final = 300.0
"""Real seconds between two notes of time and bytes: what a power cut can cost of them."""
_MOVE_SECONDS: Final = 15.0
"""Real seconds between two looks at the networks that this machine stands in."""
_PATIENCE_APART: Final = 10.0
"""How much longer a batch stays open while no broker listens: fewer, larger and better compressed ones to keep."""
_SAME_EVENT_SECONDS: Final = 3600.0
"""Clock seconds for which the same trouble is told once."""
_LONGEST_DETAIL: Final = 300
_GOODBYE_SECONDS: Final = 2.0
_LONGEST_TIMER: Final = 3600.0
_RECEIPT_PATIENCE: Final = 900.0
"""Clock seconds for which something may be on air without a receipt before people are told."""
_TURNING_OFF: Final = {
    ProblemId.CONSENT_MISSING: EventKind.CONSENT_MISSING,
    ProblemId.CONSENT_OUTDATED: EventKind.CONSENT_MISSING,
    ProblemId.PAUSED: EventKind.PAUSED,
    ProblemId.HALTED: EventKind.HALTED,
}
"""Hindrances that a person caused: plans in flight end at once, and the collector is told."""


class App:
    """One probe. ``run`` returns when ``stop`` was called."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        reactor: Reactor,
        identity: Identity,
        spool: Spool,
        assignments: Assignments,
        network: Network,
        meter: Meter,
        allowed: Limits,
        service: Service,
        drops: Callable[[], int] = lambda: 0,
        household: Callable[[], tuple[str, ...]] = tuple,
        news: Sequence[Notice] = (),
        status: StatusFile | None = None,
        renewal: Renewal | None = None,
        warnings: exit_traces.Warnings | None = None,
        recipient: Recipient | None = None,
        root: Path = Path("/"),
    ) -> None:
        self._config = config
        self._clock = clock
        self._reactor = reactor
        self._identity = identity
        self._spool = spool
        self._assignments = assignments
        self._meter = meter
        self._allowed = allowed
        self._service = service
        self._drops = drops
        self._household = household
        self._news = tuple(news)
        self._status = status
        self._renewal = renewal
        self._warnings = warnings
        self._recipient = recipient or Recipient()
        self._damage = ""
        self.again = False
        """Whether the probe is to start anew at once: another enrolment is in force."""
        self._consent = consent_trouble(config)
        self._paused = False
        self._hindrance: Trouble | None = None
        self._life: Lifecycle | None = None
        self._life_since = clock.now()
        self._words = ""
        self._root = root
        self._boot = hardware.boot_name(root)
        self._state_dir = Path(config.probe.state_dir)
        self.conductor = Conductor(network, reactor)
        self.publisher: Publisher | None = None
        """Set before ``run``; it needs this object as its listener."""
        self._agenda: Agenda | None = None
        self._timer: Timer | None = None
        self._fresh: list[Record] = []
        self._told: dict[tuple[EventKind, str], float] = {}
        self._board: hardware.Reading | None = None
        self._board_before: hardware.Reading | None = None
        self._board_at = -math.inf
        self._health_at = -math.inf
        self._started_at = self._remembered_at = clock.monotonic()
        self._moved_at = clock.monotonic()
        self._replies_seen = -1
        self._delivered = (0, 0)
        self._stopping = False
        self._network = wire.Network(
            country=config.probe.country, asn=config.probe.asn, access=config.probe.access, region=config.probe.region
        )
        self.measurements = 0
        self.own_failures = 0
        clock.before_shift = self._before_shift

    # --- life ---------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Measure and publish until ``stop``; then say goodbye, within three seconds."""
        self._begin()
        self._service.ready()
        self._reactor.run_until(lambda: self._stopping)
        self._end()

    def stop(self) -> None:
        """End soon; may be called from a signal handler."""
        self._stopping = True
        self._reactor.wake()

    def _begin(self) -> None:
        """Take up what the last run left, and set everything going."""
        self._tell_start()
        for notice in self._news:
            self._notice(notice)
        for notice in self._assignments.restore(self._clock.signed()):
            self._notice(notice)
        # A board that lost its note of the time still knows that it is later than its task was signed.
        self._clock.hint(self._assignments.signed_at, live=False)
        self._follow_recipient()
        self._paused = self._pause_asked()
        self._reassign()
        if self.publisher is not None and self._config.consent.accepted:
            self.publisher.start()
        self._tick()

    def _pause_asked(self) -> bool:
        """Whether the host's pause file is there."""
        return (self._state_dir / PAUSE_FILE).exists()

    def _tell_start(self) -> None:
        """Tell that we run, why the last run ended, and what it warned of if that was no good end."""
        boot = hardware.boot_id(self._root)
        before, ended = self._spool.noted("boot"), bool(self._spool.noted("ended"))
        uptime = hardware.read(self._root).uptime_s
        traces = exit_traces.read(boot, before, ended=ended, uptime_s=uptime, root=self._root)
        anew, why = last_exit.story(traces)
        self._spool.note("boot", boot or before)
        self._spool.note("ended", "")
        if anew:
            self._event(EventKind.REBOOT, why)
        if self._spool.lost:
            self._tell_damage()
        told = f"balise-agent {__version__}, clock {self._clock.state()}"
        self._event(EventKind.STARTED, told if anew or not why else f"{told}; {why}")
        if before and not ended and self._warnings is not None:
            for line in self._warnings.before[-exit_traces.MOST_TOLD :]:
                self._event(EventKind.STARTED, f"last warning before that: {line}")

    def _tell_damage(self) -> None:
        """Tell what damage of the spool has cost, each time it cost something more."""
        if self._spool.damage != self._damage:
            self._damage = self._spool.damage
            self._event(EventKind.SPOOL_FULL, f"the spool was damaged: {self._damage}"[:_LONGEST_DETAIL])

    def _follow_recipient(self) -> None:
        """Box what is kept for whom the collector's newest signed word names."""
        said = self._assignments.recipient
        if said is None:
            return
        before = self._recipient
        after = before.told(self._config.collector.key, self._assignments.signed_at, said)
        if after == before or not self._spool.seal_to(after.key):
            return
        self._recipient = after
        self._spool.note(SEALED_TO, after.line())
        if after.key != before.key:
            _log.info("what is kept is %s", "boxed for the collector" if after.key else "not boxed: it opens no boxes")

    def _end(self) -> None:
        """Let plans go, put everything on disk, and leave the broker in order."""
        self._service.stopping()
        if self._timer is not None:
            self._timer.cancel()
        self.conductor.cancel_all()
        if self._renewal is not None:
            self._renewal.cancel()
        self._life, self._life_since = Lifecycle.DISCONNECTED, self._clock.now()
        self._tell_status(self._clock.monotonic())
        why = "another enrolment is in force" if self.again else "stopped by its service manager or a person"
        self._event(EventKind.STOPPED, why)
        self._commit()
        self._seal()
        self._remember()
        self._spool.note("ended", "in order")
        if self.publisher is not None:
            publisher = self.publisher
            publisher.part()
            self._reactor.run_until(lambda: publisher.parted, _GOODBYE_SECONDS)
            publisher.close()
            self._count_delivery()
            self._remember()

    def _before_shift(self, step: float) -> None:
        """Close under the old time what was dated by it, and begin anew under the right one.

        A run in flight would begin in one time and end in another, and what the agenda remembers (causes, cool-downs)
        is dated as well.
        """
        told = f"the collector's signed time corrects this clock by {step:+.0f} s"
        _log.warning("%s", told)
        self.conductor.cancel_all()
        self._agenda = None
        self._event(EventKind.CLOCK_JUMP, told, again=True)
        self._commit()
        self._seal()
        self._reactor.soon(self._reassign)

    # --- the assignment -----------------------------------------------------------------------------------------------

    def assigned(self, frame: bytes) -> None:
        """See publisher.Listener."""
        for notice in self._assignments.offer(frame, self._clock.signed()):
            self._notice(notice)
        self._clock.hint(self._assignments.signed_at, live=False)
        self._follow_recipient()
        self._reassign()

    def lifecycle(self) -> Lifecycle:
        """See publisher.Listener."""
        return state(self._facts())

    def may_deliver(self, size: int) -> bool:
        """See publisher.Listener."""
        self._count_delivery()
        return self._meter.delivers(size)

    def may_talk(self) -> bool:
        """See publisher.Listener."""
        return not self._meter.silent

    def greeted(self) -> None:
        """See publisher.Listener: the first word of a session is live, so that the collector can date what follows."""
        self._health_at = self._clock.now()
        if self.may_deliver(HEALTH) and self.publisher is not None:
            self.publisher.health(self.health())

    def narrowed(self, segment: int) -> None:
        """See publisher.Listener: told with a word that older collectors know."""
        told = f"segments of {segment} bytes from now on" if segment else "segments of any size again"
        self._event(EventKind.LINK_UNUSABLE, f"full packets are lost on the way to the broker: {told}", again=True)

    def _facts(self) -> Facts:
        """Return what our state follows from."""
        assignment = self._assignments.current
        return Facts(
            consent=self._consent,
            paused=self._paused,
            assigned=assignment is not None,
            halt="" if assignment is None else assignment.halt,
            expired=self._assignments.expired(self._clock.signed()),
            leaving=self._stopping,
        )

    def _reassign(self) -> None:
        """Bring the agenda in line with the assignment in force, and tell the collector when our state changed."""
        now = self._clock.now()
        before, self._hindrance = self._hindrance, hindrance(self._facts())
        assignment = self._assignments.current
        if self._hindrance is not None or assignment is None:
            self._agenda = None
        elif self._agenda is None:
            self._agenda = Agenda(
                assignment,
                secret=self._identity.jitter_secret,
                limits=self._allowed,
                now=now,
                timeouts=self._config.timeouts,
                spent_today=self._meter.spent,
            )
        elif self._agenda.assignment is not assignment:
            self._agenda.reassign(assignment, now)
        if before != self._hindrance:
            self._turned(before, self._hindrance)
        if self.lifecycle() is not self._life:
            self._life, self._life_since = self.lifecycle(), now
            if self.publisher is not None:
                self.publisher.announce()
        self._reactor.soon(self._turn)

    def _turned(self, before: Trouble | None, now: Trouble | None) -> None:
        """Tell that measuring ended or goes on; what a person stopped is let go at once."""
        if now is not None:
            _log.warning("nothing is measured: %s", now.sentence())
        if now is not None and now.id in _TURNING_OFF:
            self.conductor.cancel_all()
            self._event(_TURNING_OFF[now.id], now.detail or now.problem.told, again=True)
        elif before is not None and before.id in {ProblemId.PAUSED, ProblemId.HALTED}:
            whose = "the host" if before.id is ProblemId.PAUSED else "the operator"
            self._event(EventKind.RESUMED, f"{whose} let it go on", again=True)

    # --- measuring ----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Start what is due, and come back when the next thing is."""
        agenda = self._agenda
        if agenda is None or self._stopping:
            return
        now = self._clock.now()
        if self._meter.exhausted:
            self._event(EventKind.BUDGET_EXHAUSTED, "the day's share of the line is used up; on after midnight UTC")
            self._come_back(_LONGEST_TIMER)
            return
        for run in agenda.due(now, self._meter.reserve, self._meter.spent):
            self._start(run)
        for kind, detail in agenda.notices():
            self._event(kind, detail)
        self._come_back(agenda.next_at() - now)

    def _come_back(self, seconds: float) -> None:
        """Turn again after so many clock seconds; infinity: when something else happens."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds < math.inf:
            # At least a little, so that a time that stays in the past cannot spin the loop.
            real = min(max(self._clock.real_seconds(seconds), 0.01), _LONGEST_TIMER)
            self._timer = self._reactor.after(real, self._turn)

    def _start(self, run: Run) -> None:
        """Hand one run to the conductor."""
        started, drops = self._clock.now(), self._drops()
        self.conductor.start(
            run.plan(), exclusive=run.exclusive, on_done=lambda outcome: self._finished(run, started, drops, outcome)
        )

    def _finished(self, run: Run, started: float, drops: int, outcome: Outcome) -> None:
        """Take a run's result to the agenda and onto the disk."""
        agenda = self._agenda
        now = self._clock.now()
        observations = tuple(self._clocked(observation) for observation in outcome.observations)
        trouble = "" if outcome.error is None else self._failed(run, outcome.error)
        if trouble:
            observations = (*carried(run.cause), *observations)
        try:
            if agenda is not None:
                agenda.done(run, observations, now, own_failure=outcome.error is not None)
            record = self._measured(run, observations, started, drops, trouble)
        except Exception as error:  # noqa: BLE001 - what came of one run must cost that run alone
            record = self._measured(run, (), started, drops, trouble or self._failed(run, error))
        if record is not None:
            self.measurements += 1
            self._record(record)
        self._reactor.soon(self._turn)

    def _measured(
        self, run: Run, observations: Sequence[Observation], started: float, drops: int, own_failure: str
    ) -> Record | None:
        """Return the measurement of a run; ``None`` where a person cancelled it and there is nothing to say."""
        if not observations and not own_failure:
            return None
        agenda = self._agenda
        lost = self._drops() - drops
        ended = self._clock.now()
        made = measurement(
            run,
            observations,
            id=secrets.token_hex(16),
            started=started,
            ended=ended,
            network=self._network,
            catalogue="" if agenda is None else agenda.assignment.catalogue,
            software=__version__,
            line=None if agenda is None else agenda.line,
            limited_by=(*self._limited_by(), *(("drops",) if lost else ())),
            tap_drops=lost,
            own_failure=own_failure,
            own=self._allowed.lan,
        )
        return Record(Kind.MEASUREMENT, msgspec.json.encode(made), ended, notable=is_notable(made))

    def _clocked(self, observation: Observation) -> Observation:
        """Add to a line observation what only we know: the clock."""
        if isinstance(observation, LineObservation):
            return with_clock(observation, self._clock.state(), self._clock.offset_ms)
        return observation

    def _failed(self, run: Run, error: Exception) -> str:
        """Count our own failure and tell it as an event; return what the run's measurement says of it."""
        self.own_failures += 1
        where = f"{run.experiment} on {run.target.id}"
        told = f"{type(error).__name__}: {error}"
        if isinstance(error, LinkUnusable):
            self._event(EventKind.LINK_UNUSABLE, redacted(f"{error}", _LONGEST_DETAIL))
        elif isinstance(error, Refused):
            # What a DNS answer pointed at may be the household's own: its address stays here.
            self._event(EventKind.TARGET_REFUSED, redacted(f"{where}: {error}", _LONGEST_DETAIL))
        else:
            _log.error("%s ended by a mistake of ours", where, exc_info=error)
            self._event(EventKind.LINK_UNUSABLE, redacted(f"{where}: {told}", _LONGEST_DETAIL))
        return told

    # --- records ------------------------------------------------------------------------------------------------------

    def _notice(self, notice: Notice) -> None:
        self._event(notice.kind, notice.detail)

    def _event(self, kind: EventKind, detail: str, *, again: bool = False) -> None:
        """Record an event; the same trouble is told once an hour, what is no trouble ``again`` each time."""
        now = self._clock.now()
        if not again and abs(now - self._told.get((kind, detail), -math.inf)) < _SAME_EVENT_SECONDS:
            return
        if len(self._told) > 1000:
            self._told.clear()
        self._told[kind, detail] = now
        _log.info("event %s: %s", kind, detail)
        self._record(Record(Kind.EVENT, msgspec.json.encode(Event(kind=kind, at=now, detail=detail)), now))

    def _record(self, record: Record) -> None:
        """Collect what this turn of the loop brings, and commit it once at its end."""
        if not self._fresh:
            self._reactor.soon(self._commit)
        self._fresh.append(record)

    def _commit(self) -> None:
        """Put everything fresh on disk: from here on it is recorded."""
        fresh, self._fresh = self._fresh, []
        try:
            self._spool.record(fresh, self._stamp())
        except TooLargeError:
            for record in fresh:
                self._commit_one(record)

    def _commit_one(self, record: Record) -> None:
        """Put one on disk; one that no message could carry is our own failure."""
        try:
            self._spool.record([record], self._stamp())
        except TooLargeError as error:
            self.own_failures += 1
            _log.error("a result could not be recorded: %s", error)

    def _stamp(self) -> Stamp:
        """Return what an envelope says of this moment."""
        publisher = self.publisher
        return Stamp(
            at=self._clock.now(),
            clock_state=self._clock.state(),
            session=publisher.session if publisher else 0,
            historical=publisher is None or not publisher.connected,
            boot=self._boot,
            uptime=self._clock.steady(),
            checked=self._clock.checked,
        )

    def _seal(self) -> None:
        """Close the open batch and let it go on air."""
        publisher = self.publisher
        evicted = self._spool.evicted_batches
        sealed = self._spool.seal(self._stamp())
        gone = self._spool.evicted_batches - evicted
        if gone:
            _log.warning("the spool is full: %d batches were let go", gone)
            self._event(EventKind.SPOOL_FULL, f"the spool is full; {self._spool.evicted_batches} batches let go so far")
        if publisher is not None:
            if gone:
                publisher.evicted()
            if sealed:
                publisher.poke()

    # --- small duties -------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Do what is due by time alone."""
        if self._stopping:
            return
        now = self._clock.now()
        monotonic = self._clock.monotonic()
        jump = self._clock.jump()
        if jump:
            self._event(EventKind.CLOCK_JUMP, f"the clock stepped by {jump:+.1f} s, now {self._clock.state()}")
            self._reactor.soon(self._turn)
        if self._agenda is not None and self._assignments.expired(self._clock.signed()):
            self._event(EventKind.ASSIGNMENT_REFUSED, "the assignment expired; waiting for a newer one")
            self._reassign()
        if self._pause_asked() != self._paused:
            self._paused = not self._paused
            self._reassign()
        self._count_delivery()
        if self._spool.disk_refuses:
            self._spool.retry()
        self._tell_damage()
        connected = self.publisher is not None and self.publisher.connected
        hurry = patience(self._config, monotonic - self._started_at) if connected else _PATIENCE_APART
        if self._spool.due(now, patience=hurry):
            self._seal()
        if self.publisher is not None and connected and now - self._health_at >= self._health_every():
            self._health_at = now
            if self.may_deliver(HEALTH):
                self.publisher.health(self.health())
        if monotonic - self._remembered_at >= _REMEMBER_SECONDS:
            self._remember()
        if monotonic - self._moved_at >= _MOVE_SECONDS:
            self._moved_at = monotonic
            self._follow_household()
        if self._renewal is not None and self._config.consent.accepted:
            self._renewal.tick(refused=self._refused())
        self._feed(monotonic)
        self._tell_status(monotonic)
        batch = self._clock.real_seconds(pace_of(self._config).batch_seconds)
        self._reactor.after(min(_TICK_SECONDS, max(0.05, batch / 2.0)), self._tick)

    def _refused(self) -> bool:
        """Whether every broker refuses our certificate, or nobody signs for what we send: both may mean revoked."""
        if self.publisher is None:
            return False
        found = {trouble.id for trouble in self._delivery_troubles(self.publisher)}
        return bool(found & {ProblemId.BROKER_REFUSES, ProblemId.RECEIPTS_MISSING})

    def renewed(self, kind: EventKind, detail: str, anew: bool) -> None:
        """Go on with a new certificate; start anew where more than its dates changed."""
        self._event(kind, detail, again=True)
        self.again = anew
        if anew:
            self.stop()
        elif self.publisher is not None:
            self.publisher.retry()

    def _count_delivery(self) -> None:
        """Count the bytes that went to and came from the broker since the last look."""
        if self.publisher is not None:
            sent, received = self.publisher.crossed()
            self._meter.reported(max(0, sent - self._delivered[0]), max(0, received - self._delivered[1]))
            self._delivered = (sent, received)

    def _follow_household(self) -> None:
        """Refuse and hide the network that the machine stands in *now*: it may have come up after us, or changed."""
        lan = self._household()
        if lan == self._allowed.lan:
            return
        _log.info("this machine's own networks are now %s", ", ".join(lan) or "none")
        self._allowed = msgspec.structs.replace(self._allowed, lan=lan)
        self._assignments.allowed = self._allowed
        self._meter.follow(self._allowed)
        if self._agenda is not None:
            self._agenda.follow(self._allowed)

    def _feed(self, monotonic: float) -> None:
        """Feed the watchdog when the conductor progressed, or had nothing to do."""
        if self.conductor.replies != self._replies_seen or not self.conductor.busy:
            self._replies_seen = self.conductor.replies
            self._service.alive(monotonic)
        anomalies = len(self._agenda.anomalies()) if self._agenda else 0
        broker = "broker connected" if self.publisher and self.publisher.connected else "no broker"
        self._service.status(f"{self.lifecycle()}, {broker}, {self._spool.count()} to deliver, {anomalies} anomalies")

    def _health_every(self) -> float:
        return float(self._agenda.assignment.timetable.health) if self._agenda else 300.0

    def _remember(self) -> None:
        """Write down what must survive a power cut and may be a few minutes old."""
        self._remembered_at = self._clock.monotonic()
        self._clock.remember(self._state_dir / CLOCK_FILE)
        self._spool.note("bytes today", self._meter.account())
        if self._warnings is not None:
            self._warnings.keep()

    def _look(self) -> hardware.Reading:
        """Look at the board, seldom enough to cost nothing."""
        monotonic = self._clock.monotonic()
        if self._board is None or monotonic - self._board_at >= _BOARD_SECONDS:
            self._board_before, self._board = self._board, hardware.read(self._root)
            self._board_at = monotonic
        return self._board

    def _limited_by(self) -> tuple[str, ...]:
        reading = self._look()
        return hardware.limited_by(reading, self._board_before)

    def health(self) -> Health:
        """Return how the board and the program do."""
        reading = self._look()
        now = self._clock.now()
        oldest = self._spool.oldest_at()
        return Health(
            at=now,
            uptime_s=reading.uptime_s,
            cpu_percent=hardware.cpu_percent(reading, self._board_before),
            memory_bytes=reading.memory_bytes,
            temperature_c=reading.temperature_c,
            throttled=reading.throttled,
            undervoltage=reading.undervoltage,
            disk_free_bytes=hardware.disk_free(self._state_dir),
            disk_written_bytes=reading.disk_written_bytes,
            spool_rows=self._spool.count(),
            spool_oldest_s=None if oldest is None else now - oldest,
            sent_bytes_today=self._meter.sent,
            received_bytes_today=self._meter.received_bytes,
            excess_bytes_today=self._meter.beyond,
            tap_drops=self._drops(),
            measurements=self.measurements,
            own_failures=self.own_failures,
            clock_state=self._clock.state(),
            clock_offset_ms=self._clock.offset_ms,
            assignment=0 if self._assignments.current is None else self._assignments.current.version,
            halted=self._assignments.current is not None and bool(self._assignments.current.halt),
        )

    # --- what whoever stands beside the board is told -----------------------------------------------------------------

    def _tell_status(self, monotonic: float) -> None:
        """Write the status files: at once when state or problem changed, else now and then."""
        if self._status is None:
            return
        words = f"{self._life} {self._hindrance.id if self._hindrance else ''}"
        at_once, self._words = words != self._words, words
        if at_once or self._status.due(monotonic):
            self._status.write(self.status(), monotonic, at_once=at_once)

    def status(self) -> Status:
        """Return how things stand."""
        publisher, agenda = self.publisher, self._agenda
        rules = self._meter.rules
        next_at = math.inf if agenda is None else agenda.next_at()
        line = None if agenda is None else agenda.line
        return Status(
            at=self._clock.now(),
            clock_state=self._clock.state(),
            state=self._life or self.lifecycle(),
            since=self._life_since,
            software=__version__,
            pid=os.getpid(),
            probe=self._config.probe.id,
            enrolled=self._renewal is not None,
            certificate_until=None if self._renewal is None else self._renewal.life.ends,
            broker="" if publisher is None else publisher.broker,
            connected=publisher is not None and publisher.connected,
            waiting=self._spool.count(),
            last_receipt=None if publisher is None else publisher.counters.receipt_at,
            sent_today=self._meter.sent,
            received_today=self._meter.received_bytes,
            bytes_cap=rules.bytes_per_day,
            connections_today=self._meter.connections,
            connections_cap=rules.connections_per_day,
            measurements=self.measurements,
            line_ok=None if line is None else line.gateway_ok is not False and line.resolver_ok is not False,
            next_due=None if next_at == math.inf else next_at,
            drops=self._drops(),
            troubles=tuple(self._troubles()),
        )

    def _troubles(self) -> Iterator[Trouble]:
        """Yield what is wrong now, in the order of cause."""
        if self._hindrance is not None:
            yield self._hindrance
        if self._spool.disk_refuses:
            yield _disk_trouble(self._spool)
        if self._renewal is not None and self._renewal.trouble is not None:
            yield self._renewal.trouble
        if self.publisher is not None and self._config.consent.accepted:
            yield from self._delivery_troubles(self.publisher)
        if self._meter.exhausted:
            yield Trouble(id=ProblemId.DAY_SPENT)
        reading = self._look()
        if reading.undervoltage:
            yield Trouble(id=ProblemId.UNDER_VOLTAGE)
        if "temperature" in hardware.limited_by(reading, None):
            yield Trouble(id=ProblemId.TOO_HOT)

    def _delivery_troubles(self, publisher: Publisher) -> Iterator[Trouble]:
        """Yield what keeps results here."""
        if not publisher.connected:
            if publisher.trouble is not None:
                yield publisher.trouble
        elif not publisher.collector_online:
            yield Trouble(id=ProblemId.COLLECTOR_OFFLINE)
        elif self._unsigned(publisher):
            yield Trouble(id=ProblemId.RECEIPTS_MISSING)
        if publisher.segment:
            yield Trouble(id=ProblemId.PATH_NARROW, detail=f"segments of {publisher.segment} bytes")

    def _unsigned(self, publisher: Publisher) -> bool:
        """Whether something waits for a receipt that had every time to come: since connecting, since the last one."""
        since = self._clock.now() - _RECEIPT_PATIENCE
        moments = (publisher.connected_at, publisher.counters.receipt_at)
        if any(moment is not None and moment > since for moment in moments):
            return False
        oldest = self._spool.oldest_at()
        return oldest is not None and oldest < since


def is_notable(made: wire.Measurement) -> bool:
    """Tell whether a measurement is more than a routine success: the last to go when the disk is full."""
    return made.design is not Design.SENTINEL or any(trial.failure is not None for trial in made.observations)


def _disk_trouble(spool: Spool) -> Trouble:
    """Return what a disk's refusal means to people: a full one wants room, any other a look at card and rights."""
    if spool.disk_full():
        return Trouble(id=ProblemId.DATA_FULL)
    return Trouble(id=ProblemId.DATA_UNWRITABLE, detail=spool.refusal)
