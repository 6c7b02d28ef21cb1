"""The agenda: what is due now, given the assignment, the device's secret and the time. Pure: time is an argument.

Lives here: slots and their jitter, the way from sentinel to anomaly to paired series and back, the residual cool-down,
who goes first on a shared address, and the day's and an incident's budget. Must not live here: clocks, threads,
carrying a plan out, or what an experiment does. docs/experiments/schedule.md tells it in prose.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.costs import spent
from balise_agent.experiments.dns import accepted
from balise_agent.experiments.line import LINE_TARGET, health
from balise_agent.experiments.steps import Plan
from balise_agent.experiments.task import Endpoint, Task, carried
from balise_agent.measure.task_choice import DAY, NEEDS_ADDRESS, addresses_of, families, line_task, task_for
from balise_agent.policy.limits import Bucket, Limits, Reserve, refuse_address, take, wait
from balise_agent.system import derived_random
from balise_agent.system.config import Timeouts
from balise_wire.assignment import Assignment, Target
from balise_wire.measurement import LineHealth
from balise_wire.observations import (
    DnsObservation,
    HttpObservation,
    LineObservation,
    Observation,
    TcpObservation,
    TlsObservation,
)
from balise_wire.status import EventKind
from balise_wire.words import Arm, Design, Experiment, Resolver

COOL_DOWN: Final = 180.0
"""Clock seconds for which residual blocking of an address and port is expected to last (GFW: 90-180 s)."""
STAGGER: Final = 1.0
"""Least clock seconds between the starts of two runs of one target: never the same instant."""
LATE: Final = 0.25
"""Share of an interval by which a run may be noticed late and still start; later means that we were not there."""
THINNING: Final = ((0.7, Experiment.HTTP), (0.9, Experiment.TLS))
"""From which share of the day's bytes on an experiment no longer runs as sentinel; paired series go on to the end."""
FLOOD_REST: Final = 900.0
"""Clock seconds for which an endpoint or name rests whose answer was a flood: it was seen, and a host pays for more."""
AGAIN: Final = 30.0
"""Clock seconds until a run that our own failure ended is tried once more: a full queue or a firewall just reloaded is
over by then. What fails twice waits for its next own time."""
HEAVY: Final = frozenset({Experiment.TLS, Experiment.HTTP})
"""Experiments that cost kilobytes a trial; names and SYNs cost a few hundred bytes."""
BUDGET: Final = "budget"
"""The word for ``limited_by``."""

Key = tuple[str, int, Experiment]
"""Target id, family and experiment: what has a place in the agenda."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run that is due: everything the caller needs to carry it out and to report it."""

    target: Target
    family: int
    experiment: Experiment
    design: Design
    slot: int
    due: float
    """UNIX seconds at which it was planned; it may start later (cool-down, line check, others on the address)."""
    task: Task
    cause: Observation | None = None
    """The failing subject trial that led here, carried along."""
    limited_by: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What has a place in the agenda."""
        return self.target.id, self.family, self.experiment

    @property
    def exclusive(self) -> bool:
        """Whether it must run alone."""
        return REGISTRY[self.experiment].exclusive

    def plan(self) -> Plan:
        """Return a fresh plan to hand to the conductor."""
        experiment = REGISTRY[self.experiment]
        if self.design is Design.SENTINEL:
            return _with_cause(experiment.sentinel(self.task), self.cause)
        return experiment.paired(self.task, self.cause)


def _with_cause(plan: Plan, cause: Observation | None) -> Plan:
    """Return a sentinel that carries its anomaly's cause, where the budget allows no paired run."""
    observations = yield from plan
    return (*carried(cause), *observations)


@dataclass(slots=True)
class _Entry:
    """The state of one place in the agenda."""

    target: Target
    family: int
    experiment: Experiment
    slot: int
    due: float
    running: bool = False
    waiting: bool = False
    """Seen in time, and waiting for others since: not left behind by a sleep."""
    cause: Observation | None = None
    """Of the living anomaly; ``None`` while all is well."""
    spent: int = 0
    """Bytes of the living anomaly."""
    usual: Observation | None = None
    """The subject's trial when all was last well."""
    tried_again: int = -1
    """Slot in which a run that our own failure ended was repeated."""
    full_day: int = -1
    """UTC day of the last look at the certificate chain."""

    @property
    def key(self) -> Key:
        return self.target.id, self.family, self.experiment


@dataclass(slots=True)
class _Day:
    """What a UTC day has cost so far."""

    number: int = -1
    spent: int = 0
    told: set[str] = field(default_factory=set)


class Agenda:
    """Decides what runs when. Call ``due`` at ``next_at`` and after every ``done``; it never sleeps and never asks."""

    def __init__(
        self,
        assignment: Assignment,
        *,
        secret: bytes,
        limits: Limits,
        now: float,
        timeouts: Timeouts | None = None,
        spent_today: int = 0,
    ) -> None:
        """Prepare the agenda.

        Args:
            assignment: already held against the limits (``limits.check_assignment``).
            secret: the device's; jitter, addresses and scrambles follow from it.
            limits: of the device.
            now: UNIX seconds on the probe's clock.
            timeouts: real seconds.
            spent_today: bytes that the UTC day has cost already, before a restart or a pause.
        """
        self._secret = secret
        self._limits = limits
        self._timeouts = timeouts or Timeouts()
        self._entries: dict[Key, _Entry] = {}
        self._resolved: dict[str, tuple[str, ...]] = {}
        self._hot: dict[Endpoint, float] = {}
        """Until when an endpoint may still be blocked for what we sent to it."""
        self._busy: dict[Endpoint, set[Key]] = {}
        """Runs in flight at an endpoint: one that shows a name is alone there, SYNs may be several."""
        self._buckets: dict[str, Bucket] = {}
        self._started: dict[str, float] = {}
        self._line: LineHealth | None = None
        self._line_done = -math.inf
        self._line_running = False
        self._line_tried_again = False
        self._reserve = Reserve.NONE
        self._day = _Day(int(now // DAY), spent_today)
        self._seen = now
        self._notices: list[tuple[EventKind, str]] = []
        self._assignment = assignment
        self.reassign(assignment, now)

    # --- what callers ask ---------------------------------------------------------------------------------------------

    @property
    def assignment(self) -> Assignment:
        """The assignment in force."""
        return self._assignment

    @property
    def line(self) -> LineHealth | None:
        """The latest summary of the line, for the measurements of its minute."""
        return self._line

    @property
    def spent_today(self) -> int:
        """Estimated bytes of the current UTC day."""
        return self._day.spent

    def anomalies(self) -> tuple[Key, ...]:
        """Return what is in anomaly now."""
        return tuple(key for key, entry in self._entries.items() if entry.cause is not None)

    def follow(self, limits: Limits) -> None:
        """Take other limits from now on: the machine stands in another network."""
        self._limits = limits

    def notices(self) -> tuple[tuple[EventKind, str], ...]:
        """Return and forget what is worth an event since the last call."""
        told, self._notices = tuple(self._notices), []
        return told

    def reassign(self, assignment: Assignment, now: float) -> None:
        """Take a new assignment; what was known of unchanged targets (anomalies, addresses) stays known."""
        interval_changed = assignment.timetable.interval != self._assignment.timetable.interval
        self._assignment = assignment
        before, self._entries = self._entries, {}
        for target in assignment.targets:
            for family in families(target):
                for word in dict.fromkeys(target.experiments):
                    if word not in REGISTRY or word is Experiment.LINE:
                        continue
                    old = before.get((target.id, family, word))
                    if old is not None and old.target == target and not interval_changed:
                        self._entries[old.key] = old
                        continue
                    entry = _Entry(target, family, word, slot=0, due=now, running=old is not None and old.running)
                    entry.slot, entry.due = self._next_slot(entry, self._slot(now) - 1, now)
                    self._entries[entry.key] = entry

    def due(self, now: float, reserve: Reserve = Reserve.NONE) -> list[Run]:
        """Return the runs to start now; each is the caller's until ``done``.

        Args:
            now: UNIX seconds on the probe's clock.
            reserve: what the rest of the day's bytes, as they were counted on the line, is kept for.

        A run waits for a fresh line result, for its endpoints to be cool and free, and for the host's token bucket.
        What a sleep or a clock jump left behind is not caught up: it is planned anew, each in its own time.
        """
        self._turn_day(now)
        self._reserve = reserve
        if now < self._seen - STAGGER:
            self._replan(now)
        self._seen = now
        self._drop_missed(now)
        return self._runs(now)

    def next_at(self) -> float:
        """Return the clock time at which ``due`` may have something new; infinity where only ``done`` can bring it.

        Call it after ``due``. It is never in the past: what could start has started.
        """
        first = math.inf
        for entry in self._entries.values():
            if entry.running:
                continue
            if not entry.waiting:
                first = min(first, entry.due)
            elif not self._line_running:
                first = min(first, self._ready_at(entry))
        return max(first, self._seen + STAGGER)

    def done(self, run: Run, observations: Sequence[Observation], now: float, *, own_failure: bool = False) -> None:
        """Take the result of a run.

        Args:
            run: as it was given.
            observations: what was observed.
            now: UNIX seconds on the probe's clock.
            own_failure: the probe itself ended the run before its end. What was observed cost its bytes and heats what
                it heats, but it begins, continues and ends no anomaly; the run is tried again soon, once.
        """
        self._turn_day(now)
        self._day.spent += spent(observations)
        if run.experiment is Experiment.LINE:
            self._line_is_done(observations, now, own_failure=own_failure)
            return
        entry = self._entries.get(run.key)
        self._busy = {endpoint: left for endpoint, keys in self._busy.items() if (left := keys - {run.key})}
        for endpoint in _failed_endpoints(observations):
            self._hot[endpoint] = now + COOL_DOWN
        for endpoint in _flooding_endpoints(observations):
            self._hot[endpoint] = now + FLOOD_REST
        if entry is None or not entry.running:
            return
        entry.running = False
        # Whatever happens below: a place in the agenda always has a time to come.
        entry.due = self._next_slot(entry, entry.slot, now)[1]
        if own_failure or not any(not trial.carried for trial in observations):
            self._again(entry, now)
        else:
            self._learn(entry, run, observations, now)

    # --- slots --------------------------------------------------------------------------------------------------------

    def _slot(self, now: float) -> int:
        return math.floor(now / self._assignment.timetable.interval)

    def planned_at(self, key: Key, slot: int) -> float:
        """Return the jittered time of a slot, anywhere in its interval; the same for ever for the same secret."""
        target, family, experiment = key
        jitter = derived_random.fraction(self._secret, "slot", slot, target, family, experiment.value)
        return (slot + jitter) * self._assignment.timetable.interval

    def _next_slot(self, entry: _Entry, after: int, now: float) -> tuple[int, float]:
        """Return the first slot later than ``after`` that is the entry's and whose time is still to come."""
        slot = max(after + 1, self._slot(now))
        while True:
            planned = self.planned_at(entry.key, slot)
            if planned > now and self._has_turn(entry, slot):
                return slot, planned
            slot += 1

    def _has_turn(self, entry: _Entry, slot: int) -> bool:
        """Tell whether a slot is one of the entry's: hellos and fetches may be rarer; an anomaly has every slot."""
        timetable = self._assignment.timetable
        every = {Experiment.TLS: timetable.hello_every, Experiment.HTTP: timetable.http_every}.get(entry.experiment, 1)
        if every <= 1 or entry.cause is not None:
            return True
        return (slot + derived_random.number(self._secret, "turn", *entry.key[:2], entry.experiment.value)) % every == 0

    def _replan(self, now: float) -> None:
        """Plan everything anew after the clock went back, and forget what was dated by it."""
        self._notices.append((EventKind.CLOCK_JUMP, f"the clock went back by {self._seen - now:.0f} s"))
        for entry in self._entries.values():
            entry.slot, entry.due = self._next_slot(entry, self._slot(now) - 1, now)
        self._hot = {endpoint: min(until, now + COOL_DOWN) for endpoint, until in self._hot.items()}
        self._started.clear()
        self._buckets.clear()
        self._line_done = -math.inf

    def _drop_missed(self, now: float) -> None:
        """Give what a sleep or a jump left behind its next own time: nothing is caught up in a burst."""
        missed = 0
        for entry in self._entries.values():
            if entry.running or entry.waiting or entry.due > now:
                continue
            entry.waiting = now - entry.due <= LATE * self._assignment.timetable.interval
            if not entry.waiting:
                missed += 1
                entry.slot, entry.due = self._next_slot(entry, self._slot(now) - 1, now)
        if missed:
            detail = f"asleep, or the clock moved on: {missed} runs were missed and are not caught up"
            self._notices.append((EventKind.CLOCK_JUMP, detail))

    # --- what may run now ---------------------------------------------------------------------------------------------

    def _runs(self, now: float) -> list[Run]:
        """Return what is due and free to run, or the line check that must come first."""
        self._hot = {endpoint: until for endpoint, until in self._hot.items() if until > now}
        ripe = [entry for entry in self._entries.values() if not entry.running and entry.due <= now]
        # Those that are expected to succeed heat nothing and go first; among the others the longest waiting.
        ripe.sort(key=lambda entry: (entry.cause is not None, entry.due, entry.key))
        ripe = [entry for entry in ripe if not self._passes(entry, now)]
        if not ripe or self._line_running:
            return []
        if now - self._line_done > self._assignment.timetable.line:
            return [self._line_run(now)]
        runs: list[Run] = []
        reserved: set[Endpoint] = set()
        for entry in ripe:
            run = self._offer(entry, now, reserved)
            if run is not None:
                runs.append(run)
        return runs

    def _passes(self, entry: _Entry, now: float) -> bool:
        """Skip this slot of an entry for which it makes no sense; tell whether it was skipped."""
        if not (self._is_spent(entry) or self._is_explained(entry) or not self._has_address(entry)):
            return False
        entry.waiting = False
        entry.slot, entry.due = self._next_slot(entry, entry.slot, now)
        return True

    def _has_address(self, entry: _Entry) -> bool:
        """Tell whether the entry's experiment has an address to test; DNS may still find one."""
        if entry.experiment not in NEEDS_ADDRESS:
            return True
        return bool(addresses_of(entry.target, entry.family, self._resolved.get(entry.target.id, ())))

    def _is_explained(self, entry: _Entry) -> bool:
        """Tell whether a TCP anomaly of the same target already says all that this run could.

        A hello to an address that answers no SYN measures TCP once more, takes long to fail, and tells nothing new; so
        does a request to another port that did not connect either.
        """
        if entry.experiment not in {Experiment.TLS, Experiment.HTTP}:
            return False
        tcp = self._entries.get((entry.target.id, entry.family, Experiment.TCP))
        if tcp is None or tcp.cause is None:
            return False
        port = entry.target.http_port if entry.experiment is Experiment.HTTP else entry.target.port
        return port == entry.target.port or _never_connected(entry.cause)

    def _is_spent(self, entry: _Entry) -> bool:
        """Tell whether the day's bytes are used up for this entry; the notice is given once a day."""
        if entry.experiment in HEAVY and self._reserve >= (Reserve.ANOMALIES if entry.cause is None else Reserve.NAMES):
            what = "tls and http" if self._reserve is Reserve.NAMES else "tls and http on schedule"
            self._tell_spent(what, f"the rest of the day's bytes is kept: {what} rest until 00:00 UTC")
            return True
        allowed = min(self._assignment.budget.bytes_per_day, self._limits.bytes_per_day)
        share = self._day.spent / allowed if allowed > 0 else 1.0
        until = 1.0
        if entry.cause is None:
            until = next((limit for limit, word in THINNING if word is entry.experiment), 1.0)
        if share < until:
            return False
        what = entry.experiment.value if until < 1.0 else "everything"
        self._tell_spent(what, f"{self._day.spent} of {allowed} bytes today: {what} rests until 00:00 UTC")
        return True

    def _tell_spent(self, what: str, detail: str) -> None:
        """Give the notice that something rests, once a day."""
        if what not in self._day.told:
            self._day.told.add(what)
            self._notices.append((EventKind.BUDGET_EXHAUSTED, detail))

    def _offer(self, entry: _Entry, now: float, reserved: set[Endpoint]) -> Run | None:
        """Return the entry's run if it may start now; else it waits, and what it waits for is kept for it.

        The reservation is what keeps a run that needs two cool endpoints from starving: a younger anomaly may not
        heat one of them again. Healthy sentinels and SYNs may pass, since they heat nothing.
        """
        run = self._run(entry, now)
        experiment = REGISTRY[entry.experiment]
        endpoints = experiment.endpoints(run.task, run.design)
        heats = entry.cause is not None and _shows_name(entry.key)
        if any(endpoint in self._hot or self._is_busy(endpoint, entry.key) for endpoint in endpoints) or (
            heats and not reserved.isdisjoint(endpoints)
        ):
            if entry.cause is not None:
                reserved.update(endpoints)
            return None
        if now - self._started.get(entry.target.id, -math.inf) < STAGGER:
            return None
        host = run.task.address or entry.target.host
        rate = self._limits.connections_per_host_per_minute
        bucket = take(self._buckets.get(host), experiment.connections(run.task, run.design), rate, now)
        if bucket is None:
            return None
        self._buckets[host] = bucket
        self._started[entry.target.id] = now
        for endpoint in endpoints:
            self._busy.setdefault(endpoint, set()).add(entry.key)
        entry.running, entry.waiting = True, False
        if run.design is not Design.SENTINEL:
            entry.slot = max(entry.slot, self._slot(now))
        if run.task.full:
            entry.full_day = int(now // DAY)
        return run

    def _is_busy(self, endpoint: Endpoint, key: Key) -> bool:
        """Tell whether a run in flight at an endpoint and one of ``key`` could spoil each other's result."""
        return any(_shows_name(key) or _shows_name(other) for other in self._busy.get(endpoint, ()))

    def _run(self, entry: _Entry, now: float) -> Run:
        """Return the run that an entry would make now."""
        paired = entry.cause is not None and self._affords(entry)
        task = task_for(
            self._assignment,
            entry.target,
            entry.family,
            secret=self._secret,
            now=now,
            slot=entry.slot,
            experiment=entry.experiment,
            timeouts=self._timeouts,
            laboratory=self._limits.laboratory,
            lan=self._limits.lan,
            resolved=self._resolved.get(entry.target.id, ()),
            full=entry.experiment is Experiment.TLS and not paired and entry.full_day != int(now // DAY),
        )
        return Run(
            target=entry.target,
            family=entry.family,
            experiment=entry.experiment,
            design=Design.PAIRED if paired else Design.SENTINEL,
            slot=entry.slot,
            due=entry.due,
            task=task,
            cause=entry.cause,
            limited_by=(BUDGET,) if entry.cause is not None and not paired else (),
        )

    def _affords(self, entry: _Entry) -> bool:
        """Tell whether the anomaly's budget holds another paired run; the first is always affordable."""
        return entry.spent == 0 or entry.spent < self._assignment.budget.bytes_per_incident

    def _line_run(self, now: float) -> Run:
        """Return the line check that the targets of this minute wait for."""
        self._line_running = True
        task = line_task(
            self._assignment,
            secret=self._secret,
            now=now,
            timeouts=self._timeouts,
            laboratory=self._limits.laboratory,
        )
        return Run(
            target=LINE_TARGET,
            family=4,
            experiment=Experiment.LINE,
            design=Design.SENTINEL,
            slot=self._slot(now),
            due=now,
            task=task,
        )

    def _ready_at(self, entry: _Entry) -> float:
        """Return the earliest time at which a waiting entry could start, as far as it can be known now."""
        run = self._run(entry, self._seen)
        experiment = REGISTRY[entry.experiment]
        endpoints = experiment.endpoints(run.task, run.design)
        if any(self._is_busy(endpoint, entry.key) for endpoint in endpoints):
            return math.inf  # the one that is busy there says when it is done
        times = [entry.due, *(self._hot.get(endpoint, -math.inf) for endpoint in endpoints)]
        host = run.task.address or entry.target.host
        rate = self._limits.connections_per_host_per_minute
        needed = experiment.connections(run.task, run.design)
        times.append(self._seen + wait(self._buckets.get(host), needed, rate, self._seen))
        return max(times)

    # --- what a result changes ----------------------------------------------------------------------------------------

    def _line_is_done(self, observations: Sequence[Observation], now: float, *, own_failure: bool) -> None:
        self._line_running = False
        self._line_done = now
        if own_failure:
            # Half a look is no look: the line's health stays what it was, and ages.
            if not self._line_tried_again:
                self._line_tried_again = True
                self._line_done = now - self._assignment.timetable.line + min(AGAIN, self._assignment.timetable.line)
            return
        self._line_tried_again = False
        line = next((o for o in observations if isinstance(o, LineObservation)), None)
        if line is not None:
            self._line = health(line)

    def _learn(self, entry: _Entry, run: Run, observations: Sequence[Observation], now: float) -> None:
        """Move the entry on: into, through or out of an anomaly, and to its next time."""
        own = [trial for trial in observations if not trial.carried]
        if entry.experiment is Experiment.DNS:
            self._note_addresses(entry, own)
        trial = REGISTRY[entry.experiment].anomaly(own, entry.usual)
        begins = trial is not None and entry.cause is None
        if trial is None:
            entry.cause, entry.spent = None, 0
            entry.usual = next((t for t in reversed(own) if t.arm is Arm.SUBJECT), entry.usual)
        else:
            entry.cause = trial
            if run.design is not Design.SENTINEL:
                entry.spent += spent(own)
            if run.limited_by and _is_mere_change(trial):
                # As different as it is, it stays so: that is its new usual, not an incident for ever.
                entry.cause, entry.spent, entry.usual = None, 0, trial
        if begins:
            entry.due = now + COOL_DOWN
            if _never_connected(trial):
                self._ask_tcp(entry, now)
        elif entry.cause is not None and entry.slot < self._slot(now):
            # The run outlasted its slot: an anomaly has the current one as well, once it is cool.
            entry.slot = self._slot(now)
            entry.due = max(now, self.planned_at(entry.key, entry.slot))
        else:
            entry.slot, entry.due = self._next_slot(entry, entry.slot, now)

    def _again(self, entry: _Entry, now: float) -> None:
        """Plan a run of which nothing was learned: once more in this slot, then in the entry's next one."""
        following = self._next_slot(entry, entry.slot, now)
        if entry.tried_again != entry.slot and now + AGAIN < following[1]:
            entry.tried_again, entry.due = entry.slot, now + AGAIN
        else:
            entry.slot, entry.due = following

    def _ask_tcp(self, entry: _Entry, now: float) -> None:
        """Bring the target's TCP sentinel forward: the layer that failed is the one to look at, and at once."""
        tcp = self._entries.get((entry.target.id, entry.family, Experiment.TCP))
        if tcp is not None and tcp.cause is None and not tcp.running and tcp.due > now:
            tcp.due = now

    def _note_addresses(self, entry: _Entry, own: Iterable[Observation]) -> None:
        """Remember what an unassigned name resolves to; addresses that may not be contacted are not remembered."""
        for trial in own:
            if not isinstance(trial, DnsObservation) or trial.arm is not Arm.SUBJECT or trial.failure is not None:
                continue
            answer = accepted(trial.answers)
            if trial.resolver is not Resolver.PROVIDER or trial.tls_consistent is False or answer is None:
                continue
            fine = [a for a in answer.addresses if not refuse_address(a, self._limits.laboratory, self._limits.lan)]
            if fine:
                other = [a for a in self._resolved.get(entry.target.id, ()) if (":" in a) != (":" in fine[0])]
                self._resolved[entry.target.id] = tuple(sorted(fine) + other)

    def _turn_day(self, now: float) -> None:
        number = int(now // DAY)
        if number != self._day.number:
            self._day = _Day(number)


def _shows_name(key: Key) -> bool:
    """Tell whether runs of a place in the agenda show a name that a censor could react to; SYNs show none."""
    return key[2] is not Experiment.TCP


def _failed_endpoints(observations: Iterable[Observation]) -> list[Endpoint]:
    """Return where a subject trial failed after it had shown the name: there residual blocking is to be expected.

    A SYN without an answer shows nothing that a censor could remember; what an earlier trial may have triggered is
    that trial's to heat. Were dead addresses heated as well, the series that is to tell what they died of would wait
    for the others' time-outs.
    """
    found: list[Endpoint] = []
    for trial in observations:
        if trial.carried or trial.arm is not Arm.SUBJECT:
            continue
        match trial:
            case TlsObservation() | HttpObservation() if trial.failure is not None and trial.connect_ms is not None:
                found.append((trial.address, trial.port))
            case DnsObservation() if trial.resolver is Resolver.PROVIDER:
                if trial.failure is not None and trial.qtype == "A":
                    found.append((trial.name, 53))
                if trial.tls_consistent is False:
                    found.append((trial.tls_address, 443))
            case _:
                pass
    return found


def _flooding_endpoints(observations: Iterable[Observation]) -> list[Endpoint]:
    """Return where more came back than anybody asked for: the host's line is spared, for a while."""
    found: list[Endpoint] = []
    for trial in observations:
        match trial:
            case DnsObservation() if trial.flood_bytes and not trial.carried:
                found.append((trial.name, 53))
            case TcpObservation() | TlsObservation() | HttpObservation() if trial.flood_bytes and not trial.carried:
                found.append((trial.address, trial.port))
            case _:
                pass
    return found


def _never_connected(trial: Observation | None) -> bool:
    """Tell whether a TLS or HTTP trial failed before it had a TCP connection."""
    return (
        isinstance(trial, TlsObservation | HttpObservation) and trial.failure is not None and trial.connect_ms is None
    )


def _is_mere_change(trial: Observation) -> bool:
    """Tell whether a trial was answered in full and only looks unlike the usual."""
    return isinstance(trial, HttpObservation) and trial.failure is None and trial.tls_verified is not False
