"""The agenda: what is due now, given the assignment, the device's secret and the time. Pure: time is an argument.

Lives here: the way from sentinel to anomaly to paired series and back, who goes first, what waits for what, and runs
that are asked for once. Slots (slots.py), endpoints (cooldown.py), the day's bytes (day.py), the look at the line
(line_check.py) and the state of one place (entry.py) stand beside it. Must not live here: clocks, threads, carrying a
plan out, or any one experiment: traits and readers say what is peculiar to it. docs/experiments/schedule.md tells it in
prose.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.task import HELPER_PORT, Endpoint, Task
from balise_agent.measure.cooldown import COOL_DOWN, STAGGER, Shared
from balise_agent.measure.day import Day
from balise_agent.measure.entry import YOUNG, Entry
from balise_agent.measure.kept_addresses import KeptAddresses
from balise_agent.measure.line_check import AGAIN, LineCheck
from balise_agent.measure.requests import OneOff, Refusal, Requests
from balise_agent.measure.run import Key, Run
from balise_agent.measure.series import Series, ahead
from balise_agent.measure.slots import Slots
from balise_agent.measure.sweep import Sweeps, looks_at_more
from balise_agent.measure.task_choice import DAY, Device, Tasks
from balise_agent.measure.timetabled import is_planned, places
from balise_agent.measure.watching import allows, wanted_at
from balise_agent.policy.limits import Limits, Reserve
from balise_agent.system import derived_random
from balise_agent.system.config import Timeouts
from balise_agent.system.proxies import Proxy
from balise_wire.assignment import Assignment
from balise_wire.measurement import LineHealth
from balise_wire.observations import Observation
from balise_wire.status import EventKind
from balise_wire.words import Design, Experiment

LATE: Final = 0.25
"""Share of an interval by which a run may be noticed late and still start; later means that we were not there."""
PATIENCE: Final = 1
"""Intervals for which what is well waits for what fails on its address: more than half of its slots are left to it."""
BLIND: Final = "no control of the line could be asked: whatever fails here cannot be told from a dead line"
"""The notice of it, once a day."""
BUDGET: Final = "budget"
"""The word for ``limited_by``."""


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
        kept: KeptAddresses | None = None,
        proxies: tuple[Proxy, ...] = (),
    ) -> None:
        """Prepare the agenda.

        Args:
            assignment: already held against the limits (``limits.check_assignment``).
            secret: the device's; jitter, addresses and scrambles follow from it.
            limits: of the device.
            now: UNIX seconds on the probe's clock.
            timeouts: real seconds.
            spent_today: bytes that the UTC day has cost already, before a restart or a pause.
            kept: addresses that were learned before.
            proxies: the operator's.
        """
        self._tasks = Tasks(assignment, Device(secret=secret, timeouts=timeouts or Timeouts(), proxies=proxies))
        self._slots = Slots(secret, assignment.timetable.interval)
        self._entries: dict[Key, Entry] = {}
        self._requests = Requests()
        self._sweeps, self._series = Sweeps(), Series()
        self._chains: dict[tuple[str, Experiment], float] = {}
        """When the chain of one of a service's endpoints was last looked at."""
        self._shared = Shared(limits.connections_per_host_per_minute)
        self._line = LineCheck()
        self._gate_wanted = False
        """A run with controls could start but for a fresh look at the line."""
        self._day = Day(now, spent_today)
        self._no_way: set[int] = set()
        """Families in which the last connection that was tried found no way out of this machine."""
        self._seen = now
        self._notices: list[tuple[EventKind, str]] = []
        self.follow(limits)
        self._tasks.restore(kept or KeptAddresses())
        self.reassign(assignment, now)

    # --- what callers ask ---------------------------------------------------------------------------------------------

    @property
    def assignment(self) -> Assignment:
        """The assignment in force."""
        return self._tasks.assignment

    @property
    def line(self) -> LineHealth | None:
        """The latest summary of the line, for the measurements of its minute."""
        return self._line.health

    @property
    def spent_today(self) -> int:
        """Bytes of the current UTC day: as counted, and as reckoned since."""
        return self._day.spent

    @property
    def kept(self) -> KeptAddresses:
        """What was learned of addresses, to be known after a restart."""
        return self._tasks.kept()

    def anomalies(self) -> tuple[Key, ...]:
        """Return what is in anomaly now."""
        return tuple(key for key, entry in self._entries.items() if entry.cause is not None)

    def follow(self, limits: Limits) -> None:
        """Take other limits from now on: the machine stands in another network."""
        self._limits = limits
        self._shared.rates.per_minute = limits.connections_per_host_per_minute
        self._tasks.device = msgspec.structs.replace(self._tasks.device, laboratory=limits.laboratory, lan=limits.lan)

    def notices(self) -> tuple[tuple[EventKind, str], ...]:
        """Return and forget what is worth an event since the last call."""
        told, self._notices = tuple(self._notices), []
        return told

    def reassign(self, assignment: Assignment, now: float) -> None:
        """Take a new assignment; what was known of unchanged targets (anomalies, addresses) stays known."""
        interval = assignment.timetable.interval
        anew = interval != self._slots.interval
        self._tasks.assignment, self._slots = assignment, Slots(self._tasks.device.secret, interval)
        before, self._entries = self._entries, {}
        unknown: Counter[Experiment] = Counter()
        for target in assignment.targets:
            unknown.update(word for word in dict.fromkeys(target.experiments) if not is_planned(word))
        for place in places(assignment):
            old = before.get(place.key)
            if old is not None and old.target == place.target and not anew:
                old.turn, old.addresses = place.turn, place.addresses
                self._bring_forward(old, now)
            else:
                place.running = old is not None and old.running
                self._plan_anew(place, now)
                old = None
            self._entries[place.key] = old or place
        services = {target.service for target in assignment.targets}
        self._sweeps.keep(services)
        self._tasks.keep({target.id for target in assignment.targets})
        self._chains = {line: at for line, at in self._chains.items() if line[0] in services}
        for word, count in unknown.items():
            why = (
                "is carried out only where it is asked for, once" if word in REGISTRY else "is not known to this agent"
            )
            told = f"experiment {word} {why}; targets that ask for it: {count}"
            self._notices.append((EventKind.TARGET_REFUSED, told))

    def ask(self, wanted: OneOff, now: float) -> Refusal | None:
        """Take a run that is asked for, once; say why where it is not taken.

        It waits as every run does: for a fresh look at the line, for cool and free endpoints, for its host's tokens and
        for the day's bytes. What did not start by ``expires`` is dropped; whoever asked knows when that is. Where it
        fails, a target of the timetable is in anomaly as if its own run had failed; no anomaly ends by it. One that is
        taken already is taken no second time.
        """
        if wanted.id in self._requests:
            return None
        if (why := self._requests.refuse(wanted, now)) is not None:
            return why
        slot = self._slots.number(now)
        task = self._tasks.task(wanted.target, wanted.family, wanted.experiment, slot, now)
        if REGISTRY[wanted.experiment].traits.exclusive:
            task = self._with_helper(task)
        return self._requests.add(wanted, task, slot, now)

    def due(self, now: float, reserve: Reserve = Reserve.NONE, counted: int | None = None) -> list[Run]:
        """Return the runs to start now; each is the caller's until ``done``.

        Args:
            now: UNIX seconds on the probe's clock.
            reserve: what the rest of the day's bytes, as they were counted on the line, is kept for.
            counted: bytes that crossed the line today, delivery among them; ``None`` where nobody counts.

        A run waits for a fresh line result, for its endpoints to be cool and free, and for the host's token bucket.
        What a sleep or a clock jump left behind is not caught up: it is planned anew, each in its own time.
        """
        self._day.turn(now)
        if counted is not None:
            self._day.count(counted)
        self._day.reserve = reserve
        if now < self._seen - STAGGER:
            self._clock_went_back(now)
        self._seen = now
        self._drop_missed(now)
        self._requests.expire(now)
        return self._runs(now)

    def next_at(self) -> float:
        """Return the clock time at which ``due`` may have something new; infinity where only ``done`` can bring it.

        Call it after ``due``. It is never in the past: what could start has started.
        """
        idle = [entry for entry in self._entries.values() if not entry.running]
        first = min((entry.due for entry in idle if not entry.waiting), default=math.inf)
        first = min(first, self._requests.next_expiry())
        if not self._line.running:
            waiting = [self._run(entry, self._seen) for entry in idle if entry.waiting]
            for run in (*waiting, *self._requests.waiting()):
                first = min(first, self._shared.ready_at(run, self._seen))
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
        self._day.turn(now)
        self._day.ends(run.claim, REGISTRY[run.experiment].reader.spent(observations))
        self._shared.end(run, observations, now)
        if run.request:
            self._requests.end(run)
            if not own_failure:
                self._learn_asked(run, observations, now)
            return
        if not REGISTRY[run.experiment].traits.of_target:
            if not own_failure:
                self._tasks.controls.learn(run.task, observations, now)
            self._line.done(observations, now, self.assignment.timetable.line, own_failure=own_failure)
            if self._line.is_blind() and self._day.is_news(BLIND):
                self._notices.append((EventKind.LINK_UNUSABLE, BLIND))
            return
        entry = self._entries.get(run.key)
        if entry is None or not entry.running:
            return
        entry.running = False
        # Whatever happens below: a place in the agenda always has a time to come.
        entry.due = self._following(entry, now)[1]
        own = [trial for trial in observations if not trial.carried]
        if own_failure or not own:
            self._again(entry, now)
        else:
            self._learn(entry, run, own, now)

    def planned_at(self, key: Key, slot: int) -> float:
        """Return the jittered time of a slot, anywhere in its interval; the same for ever for the same secret."""
        return self._slots.planned_at(key, slot)

    # --- times --------------------------------------------------------------------------------------------------------

    def _following(self, entry: Entry, now: float) -> tuple[int, float]:
        """Return the entry's next own slot and its time."""
        every = entry.every(self.assignment.timetable, self.assignment.budget, now)
        return self._slots.following(entry.key, entry.turn, entry.slot, now, every)

    def _plan_anew(self, entry: Entry, now: float) -> None:
        """Give an entry the next slot that it has a turn in, from the one that is now."""
        entry.slot = self._slots.number(now) - 1
        entry.slot, entry.due = self._following(entry, now)
        self._bring_forward(entry, now)

    def _bring_forward(self, entry: Entry, now: float) -> None:
        """Let a watch window have the next look at what is well sooner, as far as the day's bytes go."""
        if entry.cause is not None or not self.assignment.watches:
            return
        allowed = min(self.assignment.budget.bytes_per_day, self._limits.bytes_per_day)
        if not allows(self._day.spent, allowed, now):
            return
        place = tuple(map(str, entry.key))

        def part(number: int) -> float:
            return derived_random.fraction(self._tasks.device.secret, "watch", number, *place)

        at = wanted_at(self.assignment.watches, entry.target, entry.word, now, part)
        if at < entry.due:
            # Who comes early uses up no slot that is to come.
            entry.due, entry.slot = at, min(entry.slot, self._slots.number(at))

    def _clock_went_back(self, now: float) -> None:
        """Plan everything anew, and forget what was dated by the clock as it was."""
        self._notices.append((EventKind.CLOCK_JUMP, f"the clock went back by {self._seen - now:.0f} s"))
        for entry in self._entries.values():
            self._plan_anew(entry, now)
            entry.began, entry.series_at = min(entry.began, now), min(entry.series_at, now)
        self._shared.clock_went_back(now)
        self._sweeps.forget()
        self._series.forget()
        self._chains.clear()
        self._line.forget()
        self._tasks.clock_went_back(now)

    def _drop_missed(self, now: float) -> None:
        """Give what a sleep or a jump left behind its next own time: nothing is caught up in a burst."""
        missed = 0
        for entry in self._entries.values():
            if entry.running or entry.waiting or entry.due > now:
                continue
            entry.waiting = now - entry.due <= LATE * self.assignment.timetable.interval
            if not entry.waiting:
                missed += 1
                self._plan_anew(entry, now)
        if missed:
            detail = f"asleep, or the clock moved on: {missed} runs were missed and are not caught up"
            self._notices.append((EventKind.CLOCK_JUMP, detail))

    # --- what may run now ---------------------------------------------------------------------------------------------

    def _runs(self, now: float) -> list[Run]:
        """Return what is due and free to run, or the line check that must come first."""
        self._shared.cool(now)
        ripe = [entry for entry in self._entries.values() if not entry.running and entry.due <= now]
        # What fails goes first, the longest waiting before the others; but nobody waits for it for ever.
        patience = now - PATIENCE * self.assignment.timetable.interval
        ripe.sort(key=lambda entry: (entry.cause is None and entry.due > patience, entry.due, entry.key))
        ripe = [entry for entry in ripe if not self._passes(entry, now)]
        asked = [run for run in self._requests.waiting() if not self._rests(run.experiment, anomaly=True)]
        if not (ripe or asked) or self._line.running:
            return []
        if self._line.is_due(now, self.assignment.timetable.line):
            return [self._look_at_line(now)]
        reserved: set[Endpoint] = set()
        runs = [offered for entry in ripe if (offered := self._offer(entry, now, reserved)) is not None]
        for run in asked:
            if reserved.isdisjoint(run.load.endpoints) and self._begins(run, now):
                self._requests.begin(run)
                runs.append(run)
        return [*runs, self._look_at_line(now)] if self._gate_wanted else runs

    def _look_at_line(self, now: float) -> Run:
        """Return the run that looks at the line; runs with controls wait until it is done."""
        self._gate_wanted = False
        run = self._line.start(self.assignment, self._tasks.device, self._slots.number(now), now)
        run = msgspec.structs.replace(run, task=self._tasks.controls.for_line(run.task, now))
        self._day.starts(run.claim, run.cost)
        return run

    def _passes(self, entry: Entry, now: float) -> bool:
        """Skip this slot of an entry for which it makes no sense; tell whether it was skipped."""
        dark = self._is_dark(entry)
        if dark:
            entry.set_aside()
        goes = not dark and self._has_address(entry) and not self._is_explained(entry)
        if goes and not self._rests(entry.word, anomaly=entry.cause is not None or entry.swept):
            return False
        entry.waiting = entry.swept = False
        entry.slot, entry.due = self._following(entry, now)
        return True

    def _is_dark(self, entry: Entry) -> bool:
        """Tell whether this home has no way in the entry's family: its controls are dead there, or nothing leaves."""
        stands_on = entry.experiment.traits.explained_by is not None
        return not self._line.carries(entry.family) or (stands_on and entry.family in self._no_way)

    def _has_address(self, entry: Entry) -> bool:
        """Tell whether the entry's experiment has an address to test; another one may still find it."""
        return not entry.experiment.traits.needs_address or bool(self._tasks.addresses(entry.target, entry.family))

    def _below(self, entry: Entry) -> Entry | None:
        """Return the target's entry of the experiment that explains this one's anomalies."""
        below = entry.experiment.traits.explained_by
        return None if below is None else self._entries.get((entry.target.id, entry.family, below, entry.address))

    def _is_explained(self, entry: Entry) -> bool:
        """Tell whether an anomaly of the experiment below already says all that this run could.

        A hello to an address that answers no SYN measures TCP once more, takes long to fail, and tells nothing new; so
        does a request to another port that did not connect either.
        """
        below = self._below(entry)
        if below is None or below.cause is None:
            return False
        target = entry.target
        return target.port_of(entry.word) == target.port_of(below.word) or not entry.connected

    def _rests(self, word: Experiment, *, anomaly: bool) -> bool:
        """Tell whether the day's bytes are used up for an experiment; the notice is given once a day."""
        allowed = min(self.assignment.budget.bytes_per_day, self._limits.bytes_per_day)
        rest = self._day.rest(word, allowed, anomaly=anomaly)
        if rest is not None and self._day.is_news(rest.what):
            self._notices.append((EventKind.BUDGET_EXHAUSTED, rest.detail))
        return rest is not None

    def _offer(self, entry: Entry, now: float, reserved: set[Endpoint]) -> Run | None:
        """Return the entry's run if it may start now; else it waits, and what it waits for is kept for it.

        The reservation is what keeps a run that needs two cool endpoints from starving, and what fails from waiting
        for another name's first failure on its address: nothing that shows a name may heat one of them again. SYNs
        may pass, since they heat nothing.
        """
        run = self._run(entry, now)
        anomaly = entry.cause is not None
        kept = entry.experiment.traits.reveals_name and not reserved.isdisjoint(run.load.endpoints)
        if kept or not self._shared.are_free(run):
            if anomaly:
                reserved.update(run.load.endpoints)
            return None
        if not self._begins(run, now):
            return None
        entry.running, entry.waiting, entry.swept, entry.whole = True, False, False, False
        if run.design is not Design.SENTINEL:
            entry.slot = max(entry.slot, self._slots.number(now))
            self._series.started(entry, now)
        if run.task.full:
            entry.full_day = int(now // DAY)
            self._chains[entry.target.service, entry.word] = now
        return run

    def _begins(self, run: Run, now: float) -> bool:
        """Let a run start where nothing that it shares keeps it back; its bytes are reckoned with from now on."""
        if not self._shared.are_free(run):
            return False
        if run.design is not Design.SENTINEL and not self._line.is_fresh(now):
            # What it finds would be thrown away: its line health rides in it, and must be of its own minutes.
            self._gate_wanted = True
            return False
        if not self._shared.begin(run, now):
            return False
        self._day.starts(run.claim, run.cost)
        return True

    def _run(self, entry: Entry, now: float) -> Run:
        """Return the run that an entry would make now."""
        anomaly = entry.cause is not None
        paired = self._is_series_due(entry, now)
        chain = not anomaly and not paired and self._is_chain_due(entry, now)
        task = msgspec.structs.replace(
            self._tasks.task(entry.target, entry.family, entry.word, entry.slot, now, entry.failing_at()),
            design=Design.PAIRED if paired else Design.SENTINEL,
            cause=entry.cause,
            # What only a whole chain shows is not over because a hello was answered.
            full=chain or (not paired and (entry.whole or entry.more)),
            long=chain and self._is_first_of_day(entry, now),
            look=not self._is_named_elsewhere(entry),
        )
        if (paired and anomaly) or entry.experiment.traits.exclusive:
            task = self._with_helper(task)
        return Run(
            target=entry.target,
            family=entry.family,
            experiment=entry.word,
            slot=entry.slot,
            due=entry.due,
            task=task,
            limited_by=(BUDGET,) if anomaly and not paired and entry.used_up(self.assignment.budget) else (),
            own_address=entry.address,
        )

    def _with_helper(self, task: Task) -> Task:
        """Return a task that may go to one of the operator's helpers too: one that is idle."""
        idle = [each for each in task.helpers if self._shared.is_idle(Endpoint(each, HELPER_PORT))]
        return msgspec.structs.replace(task, helper=task.pick(idle, "helper"))

    def _is_named_elsewhere(self, entry: Entry) -> bool:
        """Tell whether the target fails where its name is shown at an address: that series is the one to show it."""
        if entry.experiment.traits.needs_address:
            return False
        named = [word for word in dict.fromkeys(entry.target.experiments) if word in REGISTRY]
        named = [word for word in named if REGISTRY[word].traits.explained_by is not None]
        places = [self._entries.get((entry.target.id, entry.family, word, "")) for word in named]
        return any(place is not None and place.cause is not None for place in places)

    def _is_series_due(self, entry: Entry, now: float) -> bool:
        """Tell whether a run is a whole series: of what fails, and of what no sentinel could judge yet."""
        allowed = min(self.assignment.budget.bytes_per_day, self._limits.bytes_per_day)
        late = ahead(self._day.settled, allowed, now)
        if entry.cause is None:
            return entry.is_untried() and not late
        if entry.series_at == -math.inf or self._series.is_wanted(entry, now):
            return True
        return not late and entry.affords_pair(self.assignment.budget, now)

    def _is_chain_due(self, entry: Entry, now: float) -> bool:
        """Tell whether a sentinel looks at the whole chain: each once a day, one of a service more often."""
        if not entry.experiment.traits.daily:
            return False
        last = self._last_chain(entry)
        return entry.full_day != int(now // DAY) or now - last >= self.assignment.timetable.chain

    def _is_first_of_day(self, entry: Entry, now: float) -> bool:
        """Tell whether no chain of the entry's service was looked at on this UTC day: then a long hello goes, too."""
        return self._last_chain(entry) < now // DAY * DAY

    def _last_chain(self, entry: Entry) -> float:
        return self._chains.get((entry.target.service, entry.word), -math.inf)

    # --- what a result changes ----------------------------------------------------------------------------------------

    def _learn(self, entry: Entry, run: Run, own: Sequence[Observation], now: float) -> None:
        """Move the entry on: into, through or out of an anomaly, and to its next time."""
        unsent = [reading.unsent for _, reading in entry.experiment.reader.own(own)]
        if entry.experiment.traits.explained_by is None and entry.experiment.traits.needs_address:
            (self._no_way.add if all(unsent) else self._no_way.discard)(entry.family)
        for addresses in entry.experiment.reader.learned(own):
            self._tasks.learn(entry.target, addresses, now)
        for kbps in entry.experiment.reader.rates(own):
            self._tasks.rate.learn(kbps, now)
        for address in entry.experiment.reader.proved(own):
            self._tasks.prove(entry.target, address, now)
        before, more = entry.cause, entry.more
        if entry.learn(run, own, now):
            entry.due = now + COOL_DOWN
            self._sweep(entry, now)
            if not entry.connected:
                self._ask_below(entry, now)
        elif entry.cause is not None and entry.slot < self._slots.number(now):
            # The run outlasted its slot: an anomaly has the current one as well, once it is cool.
            entry.slot = self._slots.number(now)
            entry.due = max(now, self._slots.planned_at(entry.key, entry.slot))
        else:
            entry.slot, entry.due = self._following(entry, now)
            if (pace := entry.pace(self.assignment.budget, now)) < self.assignment.timetable.interval:
                # On a slow timetable what fails does not wait for its next slot.
                entry.due = min(entry.due, now + pace)
            if before is not None and entry.cause is None:
                # An end is two observations: on a slow timetable the second would be an hour behind the first.
                entry.whole, entry.due = more, min(entry.due, now + YOUNG)
            # Who comes early uses up no slot that is to come.
            entry.slot = min(entry.slot, self._slots.number(entry.due))
            self._bring_forward(entry, now)

    def _learn_asked(self, run: Run, observations: Sequence[Observation], now: float) -> None:
        """Let a run that was asked for begin the anomaly that the timetable's own would have begun later."""
        entry = self._entries.get(run.key)
        own = [trial for trial in observations if not trial.carried]
        if entry is None or entry.running or entry.cause is not None or not own:
            return
        if entry.experiment.reader.anomaly(own, entry.usual) is not None:
            self._learn(entry, run, own, now)

    def _again(self, entry: Entry, now: float) -> None:
        """Plan a run of which nothing was learned: once more in this slot, then in the entry's next one."""
        following = self._following(entry, now)
        if entry.tried_again != entry.slot and now + AGAIN < following[1]:
            entry.tried_again, entry.due = entry.slot, now + AGAIN
        else:
            entry.slot, entry.due = following

    def _sweep(self, entry: Entry, now: float) -> None:
        """Have the service's other endpoints asked at once, where this is the first of them that fails."""
        slot = self._slots.number(now)
        most = self.assignment.budget.bytes_per_incident
        for other, due in self._sweeps.plan(entry, self._entries.values(), now, most):
            other.slot, other.due, other.swept, other.whole = slot, due, True, looks_at_more(entry, other)

    def _ask_below(self, entry: Entry, now: float) -> None:
        """Bring the sentinel of the layer that failed forward: it is the one to look at, and at once."""
        below = self._below(entry)
        if below is not None and below.cause is None and not below.running and below.due > now:
            below.due = now
