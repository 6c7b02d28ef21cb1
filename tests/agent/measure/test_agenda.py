"""The agenda: slots, jitter, anomalies, cool-down, fairness, budgets; in virtual seconds, hours in milliseconds."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balise_agent.experiments.task import Task
from balise_agent.measure.agenda import BLIND, Agenda
from balise_agent.measure.cooldown import COOL_DOWN, FLOOD_REST
from balise_agent.measure.entry import WATCHED
from balise_agent.measure.line_check import AGAIN
from balise_agent.measure.run import Run
from balise_agent.policy.limits import Limits, Reserve
from balise_agent.testing import ADDRESS, FakeNetwork
from balise_wire.assignment import Assignment, Budget, Control, Target, Timetable, Watch
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import LineObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LINE_TOLERANCE
from balise_wire.observations import Observation
from balise_wire.status import EventKind
from balise_wire.words import Arm, Design, Experiment, TargetRole

LAB = ("198.18.0.0/15",)
INTERVAL = 300
START = 1_000_000.0
WIDE = Limits(laboratory=LAB, connections_per_host_per_minute=600)
FOUR = (Experiment.DNS, Experiment.TCP, Experiment.TLS, Experiment.HTTP)


def make_target(number: int, address: str, experiments: tuple[Experiment, ...] = FOUR) -> Target:
    """Return a target at an address."""
    host = f"host{number}.example"
    return Target(
        id=f"s/web/{host}/4",
        service="s",
        role=TargetRole.WEB,
        host=host,
        addresses=(address,) if address else (),
        experiments=experiments,
        neighbour="neighbour.example",
        fetch_bytes=0,
    )


def make_assignment(*targets: Target, **changes: object) -> Assignment:
    """Return an assignment of these targets."""
    made = Assignment(
        version=1,
        catalogue="c",
        expires=1e12,
        targets=targets,
        controls=(Control(name="control.example", addresses=("198.18.9.9",)),),
        control_name="control.example",
        budget=Budget(bytes_per_day=10**12, bytes_per_incident=10**9),
    )
    return msgspec.structs.replace(made, **changes)


def make_agenda(assignment: Assignment, limits: Limits = WIDE, secret: bytes = b"secret") -> Agenda:
    """Return an agenda that begins at START."""
    return Agenda(assignment, secret=secret, limits=limits, now=START)


@dataclass
class Internet:
    """A censor with residual blocking, and the runs that met it."""

    blocked: Callable[[Run, float], bool] = lambda _run, _now: False
    intercepted: Callable[[float], bool] = lambda _now: False
    """When every name is shown a certificate that nobody trusts."""
    dead: bool = False
    """Blocked endpoints do not even connect, so that no name is shown and nothing is remembered."""
    seconds: float = 1.0
    """A run's duration."""
    remembers: bool = True
    """Whether every name is blocked at an endpoint for a while after one that is."""
    runs: list[tuple[float, Run]] = field(default_factory=list)
    spoiled: list[Run] = field(default_factory=list)
    """Runs whose control arm met the residue of an earlier trial: there must never be one."""
    residue: dict[tuple[str, int], float] = field(default_factory=dict)

    def carry_out(self, run: Run, now: float) -> tuple[tuple[Observation, ...], float]:
        """Return what a run's plan observes and when it ends."""
        network = FakeNetwork(now=now, step_seconds=0.0)
        if run.experiment is Experiment.LINE:
            return network.play(run.plan()), now + 0.5
        self.runs.append((now, run))
        failed = self.blocked(run, now)
        endpoint = endpoint_of(run)
        if self.residue.get(endpoint, -math.inf) > now:
            self.spoiled.append(run)
        host = run.target.host
        network.dns[host, ""] = () if failed else (DnsAnswer(rtt_ms=1.0, addresses=run.target.addresses or (ADDRESS,)),)
        if self.intercepted(now):
            network.untrusted.add(host)
        connects = not (failed and self.dead)
        if failed and (run.experiment is Experiment.TCP or self.dead):
            network.refuse(*endpoint)
        elif failed:
            network.cut[host] = Failure.GENERIC_TIMEOUT
        ended = now + self.seconds
        observations = network.play(run.plan())
        if self.remembers and failed and connects and run.experiment is not Experiment.TCP:
            self.residue[endpoint] = ended + COOL_DOWN
            observations = tuple(
                msgspec.structs.replace(trial, failure=Failure.GENERIC_TIMEOUT) if trial.arm is Arm.AFTER else trial
                for trial in observations
            )
        return observations, ended

    def play(self, agenda: Agenda, until: float, *, start: float = START) -> None:
        """Let the agenda and this internet run until a time, waking only when the agenda asks for it."""
        now = start
        flying: list[tuple[float, int, Run, tuple[Observation, ...]]] = []
        numbers = itertools.count()
        for _ in range(2_000_000):
            for run in agenda.due(now):
                observations, ended = self.carry_out(run, now)
                flying.append((ended, next(numbers), run, observations))
            flying.sort(key=lambda item: item[:2])
            upcoming = min(agenda.next_at(), flying[0][0] if flying else math.inf)
            assert upcoming > now or flying, "the agenda asks to be woken in the past"
            now = max(now, upcoming)
            if now >= until:
                return
            while flying and flying[0][0] <= now:
                _, _, run, observations = flying.pop(0)
                agenda.done(run, observations, now)
        pytest.fail("the agenda spins")

    def starts(self, **wanted: object) -> list[float]:
        """Return the start times of runs with these attributes."""
        return [now for now, run in self.runs if all(getattr(run, k) == v for k, v in wanted.items())]


def endpoint_of(run: Run) -> tuple[str, int]:
    """Return where a run goes."""
    if run.experiment is Experiment.DNS:
        return run.target.host, 53
    port = run.target.http_port if run.experiment is Experiment.HTTP else run.target.port
    return run.task.address, port


def trial(run: Run, arm: Arm, at: float, *, failed: bool, connects: bool = True) -> Observation:
    """Return one trial of a run's experiment."""
    failure = Failure.GENERIC_TIMEOUT if failed else None
    address, port = endpoint_of(run)
    match run.experiment:
        case Experiment.DNS:
            answers = () if failed else (DnsAnswer(rtt_ms=1.0, addresses=("198.18.1.1",)),)
            return DnsObservation(arm=arm, at=at, failure=failure, name=run.target.host, answers=answers)
        case Experiment.TCP:
            return TcpObservation(arm=arm, at=at, failure=failure, address=address, port=port, syns=2)
        case Experiment.TLS:
            return TlsObservation(
                arm=arm, at=at, failure=failure, address=address, port=port, sni=run.target.host,
                connect_ms=40.0 if connects else None, bytes_received=0 if failed else 7,
            )  # fmt: skip
        case _:
            return HttpObservation(
                arm=arm, at=at, failure=failure, address=address, port=port, host=run.target.host,
                connect_ms=40.0 if connects else None, status=None if failed else 200,
            )  # fmt: skip


# --- slots and jitter -------------------------------------------------------------------------------------------------


def test_each_target_once_a_slot() -> None:
    """Every (target, experiment) runs exactly once in each slot, as long as all is well."""
    targets = [make_target(n, f"198.18.0.{n % 3 + 1}") for n in range(8)]
    internet = Internet()
    internet.play(make_agenda(make_assignment(*targets)), START + 20 * INTERVAL)
    first = math.floor(START / INTERVAL)
    for target in targets:
        for experiment in FOUR:
            slots = [run.slot for _, run in internet.runs if (run.target, run.experiment) == (target, experiment)]
            assert len(slots) == len(set(slots))
            # The first and the last slot are only partly inside the time that was played.
            assert set(range(first + 1, first + 19)) <= set(slots)


def test_a_run_starts_in_its_slot() -> None:
    """Line checks, staggers and shared addresses delay a run by seconds, not by slots."""
    internet = Internet()
    internet.play(make_agenda(make_assignment(*(make_target(n, "198.18.0.1") for n in range(10)))), START + 6000)
    delays = [now - run.due for now, run in internet.runs]
    assert min(delays) >= 0
    assert max(delays) < 60


def test_jitter_covers_the_whole_interval() -> None:
    """A fixed phase would be a beacon: over slots the times spread evenly over the interval."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1")))
    key = ("s/web/host1.example/4", 4, Experiment.TLS, "")
    phases = [agenda.planned_at(key, slot) % INTERVAL for slot in range(2000)]
    tenths = Counter(int(phase // (INTERVAL / 10)) for phase in phases)
    assert set(tenths) == set(range(10))
    assert min(tenths.values()) > 140
    assert max(tenths.values()) < 260


def test_jitter_is_explainable_later() -> None:
    """The same secret plans the same times; another device plans others."""
    key = ("s/web/host1.example/4", 4, Experiment.TLS, "")
    assignment = make_assignment(make_target(1, "198.18.0.1"))
    times = [make_agenda(assignment, secret=secret).planned_at(key, 7) for secret in (b"a", b"a", b"b")]
    assert times[0] == times[1] != times[2]


def test_no_two_runs_of_a_target_at_one_instant() -> None:
    """Runs of one target start at least a second apart, and never two that show a name on one endpoint at once."""
    internet = Internet(seconds=20.0)
    internet.play(make_agenda(make_assignment(*(make_target(n, "198.18.0.1") for n in range(3)))), START + 9000)
    by_target = defaultdict(list)
    by_endpoint = defaultdict(list)
    for now, run in internet.runs:
        by_target[run.target.id].append(now)
        if run.experiment is not Experiment.TCP:  # SYNs may share an endpoint with SYNs
            by_endpoint[endpoint_of(run)].append(now)
    for times in by_target.values():
        assert all(b - a >= 1.0 for a, b in itertools.pairwise(times))
    for times in by_endpoint.values():
        assert all(b - a >= 20.0 for a, b in itertools.pairwise(times))


def test_rarer_hellos_and_fetches() -> None:
    """Each n-th interval, and not all targets in the same one."""
    targets = [make_target(n, f"198.18.0.{n + 1}") for n in range(9)]
    assignment = make_assignment(*targets, timetable=Timetable(interval=INTERVAL, hello_every=3, http_every=6))
    internet = Internet()
    internet.play(make_agenda(assignment), START + 36 * INTERVAL)
    count = Counter(run.experiment for _, run in internet.runs)
    assert count[Experiment.TCP] == pytest.approx(9 * 36, abs=9)
    assert count[Experiment.TLS] == pytest.approx(9 * 12, abs=9)
    assert count[Experiment.HTTP] == pytest.approx(9 * 6, abs=9)
    slots = {run.slot % 3 for _, run in internet.runs if run.experiment is Experiment.TLS}
    assert slots == {0, 1, 2}


# --- the line ---------------------------------------------------------------------------------------------------------


def test_the_line_is_fresh_before_targets_are_measured() -> None:
    """No target is measured on a line result older than the timetable allows."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1")))
    now, lines = START, 0
    last = -math.inf
    while now < START + 3600:
        for run in agenda.due(now):
            if run.experiment is Experiment.LINE:
                lines += 1
                last = now
                agenda.done(run, (LineObservation(arm=Arm.SUBJECT, at=now),), now)
                assert agenda.line is not None
                assert agenda.line.at == now
            else:
                assert now - last <= 60
                agenda.done(run, (trial(run, Arm.SUBJECT, now, failed=False),), now)
        now = max(agenda.next_at(), now + 0.1)
    assert 0 < lines <= 48


def test_targets_wait_for_a_line_check_in_flight() -> None:
    """While the line is being asked nothing else starts, and the agenda does not ask to be woken for it."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1")))
    now = agenda.next_at()
    (line,) = agenda.due(now)
    assert line.experiment is Experiment.LINE
    assert agenda.due(now + 1.0) == []
    assert agenda.next_at() > now + 1.0
    agenda.done(line, (), now + 2.0)
    assert [run.experiment for run in agenda.due(now + 2.0)] != [Experiment.LINE]


@pytest.mark.parametrize("period", [60, 300, 1_800, 86_400])
def test_a_look_at_the_line_rides_with_every_run_that_has_controls(period: int) -> None:
    """Whatever the timetable's period is: no result with controls is one that the judge discards for its line."""
    internet = Internet(blocked=lambda run, _now: run.experiment is not Experiment.TCP, seconds=25.0)
    assignment = make_assignment(make_target(1, "198.18.0.1"), timetable=Timetable(line=period))
    agenda = make_agenda(assignment)
    gated: list[bool] = []
    finish = agenda.done

    def done(run: Run, observations: tuple[Observation, ...], now: float, **kinds: bool) -> None:
        finish(run, observations, now, **kinds)
        if run.design is not Design.SENTINEL:
            assert agenda.line is not None
            began = now - internet.seconds
            gated.append(began - LINE_TOLERANCE <= agenda.line.at <= now + LINE_TOLERANCE)

    agenda.done = done  # type: ignore[method-assign, assignment]
    internet.play(agenda, START + 6 * 3600)
    assert len(gated) > 60
    assert all(gated)


# --- anomalies --------------------------------------------------------------------------------------------------------


def test_from_sentinel_to_paired_and_back() -> None:
    """A failure leads to paired runs after the cool-down, one a slot, until the subject succeeds in one."""
    begin, end = START + 3_000, START + 12_000
    internet = Internet(blocked=lambda run, now: run.experiment is Experiment.TLS and begin <= now < end)
    internet.play(make_agenda(make_assignment(make_target(1, "198.18.0.1"))), START + 15_000)
    tls = [(now, run) for now, run in internet.runs if run.experiment is Experiment.TLS]
    designs = [run.design for _, run in tls]
    first = designs.index(Design.PAIRED)
    last = len(designs) - 1 - designs[::-1].index(Design.PAIRED)
    assert all(design is Design.PAIRED for design in designs[first : last + 1])
    sentinel, paired = tls[first - 1], tls[first]
    # COOL_DOWN after the failing trial ended, plus at most a line check.
    assert COOL_DOWN <= paired[0] - (sentinel[0] + internet.seconds) <= COOL_DOWN + 5
    assert tls[last][0] >= end  # the paired run that succeeded
    assert len(tls[first:last]) == pytest.approx((end - begin) / INTERVAL, abs=3)
    assert tls[last + 1][1].cause is None
    assert not internet.spoiled


def test_an_anomaly_has_every_slot_also_when_runs_are_long() -> None:
    """Runs that outlast their slot do not cost the next one: no gap beyond a run, its cool-down and an interval."""
    internet = Internet(blocked=lambda run, _now: run.experiment is Experiment.TLS, seconds=180.0)
    internet.play(make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.TLS,)))), START + 36_000)
    paired = internet.starts(design=Design.PAIRED)
    gaps = [b - a for a, b in itertools.pairwise(paired)]
    assert min(gaps) >= 180 + COOL_DOWN
    assert max(gaps) <= 180 + COOL_DOWN + INTERVAL
    assert sum(gaps) / len(gaps) <= 1.5 * INTERVAL
    assert not internet.spoiled


@pytest.mark.parametrize("interval", [300, 600, 1800, 3600])
@pytest.mark.parametrize("bytes_per_incident", [10**9, 100_000])
def test_an_anomaly_is_watched_on_every_timetable(interval: int, bytes_per_incident: int) -> None:
    """At any age and on any timetable: looks while it was young use up no slot of later, and its end is seen."""
    end = START + 5 * 3600
    internet = Internet(blocked=lambda run, now: run.experiment is Experiment.TLS and now < end)
    assignment = make_assignment(
        make_target(1, "198.18.0.1", (Experiment.TLS,)),
        timetable=Timetable(interval=interval),
        budget=Budget(bytes_per_day=10**12, bytes_per_incident=bytes_per_incident),
    )
    internet.play(make_agenda(assignment), end + 6 * 3600)
    looks = internet.starts(experiment=Experiment.TLS)
    first = internet.starts(design=Design.PAIRED)[0]
    gaps = [b - a for a, b in itertools.pairwise(looks) if first <= a < end]
    assert max(gaps) <= WATCHED + 2 * INTERVAL
    every = assignment.timetable.every(Experiment.TLS)
    over = [now for now in looks if now >= end]
    assert max(b - a for a, b in itertools.pairwise(over)) <= (every + 1) * interval
    # Its end is two observations, in two bins, before the timetable has its slow turn again.
    assert over[1] - over[0] <= 2 * INTERVAL


def test_the_cause_rides_along() -> None:
    """Each paired run carries the failing trial before it, so that it is complete evidence over two time bins."""
    internet = Internet(blocked=lambda run, _now: run.experiment is Experiment.TLS)
    internet.play(make_agenda(make_assignment(make_target(1, "198.18.0.1"))), START + 3_000)
    tls = [(now, run) for now, run in internet.runs if run.experiment is Experiment.TLS]
    paired = [(now, run) for now, run in tls if run.design is Design.PAIRED]
    assert len(paired) > 5
    for now, run in paired:
        assert run.cause is not None
        assert run.cause.arm is Arm.SUBJECT
        assert now - run.cause.at >= COOL_DOWN


def test_controls_never_meet_the_residue() -> None:
    """Whatever fails on a shared address, no run starts there before the cool-down is over."""
    internet = Internet(blocked=lambda run, _now: run.target.host in {"host0.example", "host1.example"}, seconds=7.0)
    targets = [make_target(n, "198.18.0.1", (Experiment.TLS,)) for n in range(6)]
    internet.play(make_agenda(make_assignment(*targets)), START + 30_000)
    assert not internet.spoiled


@pytest.mark.slow
@pytest.mark.parametrize("others", [1, 5])
def test_nobody_starves_on_a_shared_address(others: int) -> None:
    """Two blocked names take turns, and the healthy ones on their address are still measured."""
    internet = Internet(blocked=lambda run, _now: run.target.host in {"host0.example", "host1.example"})
    targets = [make_target(n, "198.18.0.1", (Experiment.TLS,)) for n in range(2 + others)]
    internet.play(make_agenda(make_assignment(*targets)), START + 36_000)
    counts = Counter(run.target.host for _, run in internet.runs)
    # 200 cool-downs fit into the time; two blocked names share them and go first (field.md 1), and the healthy ones go
    # when they have waited for an interval: in more than half of their slots.
    assert abs(counts["host0.example"] - counts["host1.example"]) <= 6
    assert counts["host0.example"] >= 70
    for n in range(2, 2 + others):
        assert counts[f"host{n}.example"] >= 65


@pytest.mark.parametrize("others", [1, 5])
def test_where_nothing_is_remembered_nobody_waits(others: int) -> None:
    """A control that is answered after the subject failed: many blocked names on one address need no time of each."""
    begin = START + 3_000
    internet = Internet(blocked=lambda _run, now: now >= begin, remembers=False)
    targets = [make_target(n, "198.18.0.1", (Experiment.TLS,)) for n in range(1 + others)]
    internet.play(make_agenda(make_assignment(*targets)), begin + 4 * INTERVAL)
    first = {run.target.host: now for now, run in reversed(internet.runs) if run.design is Design.PAIRED}
    assert len(first) == 1 + others
    assert max(first.values()) - begin <= 2 * INTERVAL + COOL_DOWN


def test_a_name_that_is_cut_is_not_shown_by_the_look_of_a_name_lookup() -> None:
    """An address that nobody assigned: while hellos fail there, the look at its certificate would heat it each time."""
    begin = START + 3_000
    internet = Internet(blocked=lambda run, now: run.experiment is Experiment.TLS and now >= begin)
    agenda = make_agenda(make_assignment(make_target(1, "", (Experiment.DNS, Experiment.TLS))))
    internet.play(agenda, START + 12_000)
    failing = min(now for now in internet.starts(experiment=Experiment.TLS) if now >= begin) + 2.0
    looks = [(now, run.task.look) for now, run in internet.runs if run.experiment is Experiment.DNS]
    assert all(look == (now < failing) for now, look in looks)
    assert len(internet.starts(experiment=Experiment.TLS, design=Design.PAIRED)) >= 25


def test_a_run_that_needs_two_cool_endpoints_is_not_starved() -> None:
    """The TCP series needs the other port, too; a block by Host must not keep that one hot for ever."""
    target = msgspec.structs.replace(make_target(0, "198.18.0.1"), other_port=80)
    internet = Internet(blocked=lambda run, _now: run.experiment is not Experiment.DNS)
    internet.play(make_agenda(make_assignment(target)), START + 36_000)
    paired = internet.starts(experiment=Experiment.TCP, design=Design.PAIRED)
    assert len(paired) >= 50
    assert not internet.spoiled


@pytest.mark.parametrize("seconds", [1.0, 120.0, 400.0])
def test_a_dead_address_is_left_to_tcp(seconds: float) -> None:
    """Where nothing connects the TCP series comes soon and in every slot it fits into; hellos and fetches rest.

    The durations are those of runs that time out, on the lab's compressed clock.
    """
    begin, end = START + 3_000, START + 12_000
    target = msgspec.structs.replace(make_target(0, "198.18.0.1"), other_port=80)
    internet = Internet(blocked=lambda run, now: run.experiment is not Experiment.DNS and begin <= now < end, dead=True)
    internet.seconds = seconds
    internet.play(make_agenda(make_assignment(target)), START + 18_000)
    paired = [now for now in internet.starts(experiment=Experiment.TCP, design=Design.PAIRED) if now < end]
    assert paired[0] - begin <= INTERVAL + COOL_DOWN + 3 * seconds + 5
    assert len(paired) >= 0.75 * (end - paired[0]) / max(INTERVAL, seconds + INTERVAL / 2)
    named = (Experiment.TLS, Experiment.HTTP)
    names = [now for word in named for now in internet.starts(experiment=word, design=Design.PAIRED)]
    assert not any(begin <= now < end for now in names)
    last = {word: internet.starts(experiment=word, design=Design.SENTINEL)[-1] for word in FOUR}
    assert min(last.values()) > end  # all is well again in all layers


def test_syn_series_do_not_wait_for_each_other() -> None:
    """Several dead targets on one address: SYNs show no name, so their series overlap."""
    targets = [make_target(n, "198.18.0.1", (Experiment.TCP,)) for n in range(4)]
    internet = Internet(blocked=lambda _run, _now: True, dead=True, seconds=200.0)
    internet.play(make_agenda(make_assignment(*targets)), START + 12_000)
    counts = Counter(run.target.id for _, run in internet.runs if run.design is Design.PAIRED)
    assert min(counts.values()) >= 25


def test_a_connect_that_fails_has_tcp_asked_at_once() -> None:
    """The first to notice a dead address calls the layer below: it need not wait for its own turn."""
    for secret in (b"a", b"b", b"c", b"d"):
        begin = START + 3_000
        internet = Internet(
            blocked=lambda run, now: run.experiment is not Experiment.DNS and now >= begin,  # noqa: B023 - used in turn
            dead=True,
        )
        internet.play(make_agenda(make_assignment(make_target(0, "198.18.0.1")), secret=secret), START + 4_000)
        first = min(now for now, run in internet.runs if now >= begin and run.experiment is not Experiment.DNS)
        tcp = min(now for now in internet.starts(experiment=Experiment.TCP) if now >= begin)
        assert tcp - first <= 10


def test_the_incidents_budget_thins_the_series_and_ends_neither_them_nor_the_watching() -> None:
    """When an incident's bytes are spent, one series an hour goes on, and sentinels that say what limited them."""
    begin, end = START + 1_000, START + 20_000
    internet = Internet(blocked=lambda run, now: run.experiment is Experiment.TLS and begin <= now < end)
    assignment = make_assignment(
        make_target(1, "198.18.0.1", (Experiment.TLS,)), budget=Budget(bytes_per_day=10**9, bytes_per_incident=50_000)
    )
    internet.play(make_agenda(assignment), START + 25_000)
    during = [run for now, run in internet.runs if begin + 6_000 <= now < end]
    paired = [now for now in internet.starts(design=Design.PAIRED) if begin + 6_000 <= now < end]
    assert all(3_600 <= b - a <= 3_600 + WATCHED + COOL_DOWN for a, b in itertools.pairwise(paired))
    assert len(paired) >= 2
    assert all(run.cause is not None for run in during)
    assert all(run.limited_by == ("budget",) for run in during if run.design is Design.SENTINEL)
    times = [now for now in internet.starts() if begin <= now < end]
    assert max(b - a for a, b in itertools.pairwise(times)) <= WATCHED + 2 * INTERVAL
    assert internet.runs[-1][1].cause is None


def test_a_lasting_change_becomes_the_usual() -> None:
    """A page that is merely different is looked into until the budget is spent, and then is the new usual."""
    changed_at = START + 2_000

    class Redesigned(Internet):
        def carry_out(self, run: Run, now: float) -> tuple[tuple[Observation, ...], float]:
            observations, ended = super().carry_out(run, now)
            if now < changed_at:
                return observations, ended
            return tuple(
                msgspec.structs.replace(o, title="new") if isinstance(o, HttpObservation) and not o.carried else o
                for o in observations
            ), ended

    internet = Redesigned()
    assignment = make_assignment(
        make_target(1, "198.18.0.1", (Experiment.HTTP,)), budget=Budget(bytes_per_day=10**9, bytes_per_incident=20_000)
    )
    internet.play(make_agenda(assignment), START + 20_000)
    assert any(run.design is Design.PAIRED for _, run in internet.runs)
    assert all(run.cause is None for now, run in internet.runs if now > START + 12_000)


def test_our_own_failure_is_no_anomaly() -> None:
    """An empty result means that the probe failed: nothing is learned, and the agenda goes on."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.TLS,))))
    now = START
    for _ in range(20):
        for run in agenda.due(now):
            agenda.done(run, (), now)
        now = agenda.next_at()
    assert agenda.anomalies() == ()


def carried_out(agenda: Agenda, now: float, *, fails: Callable[[float], bool], until: float) -> list[tuple[float, Run]]:
    """Play an agenda whose own runs fail by us where ``fails`` says so, after the subject had failed in them."""
    runs: list[tuple[float, Run]] = []
    while now < until:
        for run in agenda.due(now):
            if run.experiment is Experiment.LINE:
                agenda.done(run, Internet().carry_out(run, now)[0], now)
                continue
            runs.append((now, run))
            agenda.done(run, (trial(run, Arm.SUBJECT, now, failed=fails(now)),), now, own_failure=fails(now))
        now = agenda.next_at()
    return runs


def test_a_run_that_we_failed_is_tried_again_once() -> None:
    """What was observed before our failure begins no anomaly; the run is repeated soon, once in its slot."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.TCP,))))
    runs = carried_out(agenda, START, fails=lambda now: now < START + 3_000, until=START + 6_000)
    failing = [now for now, _ in runs if now < START + 3_000]
    gaps = [after - before for before, after in itertools.pairwise(failing)]
    assert sum(gap == pytest.approx(AGAIN, abs=2.0) for gap in gaps) >= 8
    assert not any(one < 60.0 and other < 60.0 for one, other in itertools.pairwise(gaps))
    assert len(failing) <= 2 * 11
    assert all(run.design is Design.SENTINEL for _, run in runs)
    assert len([now for now, _ in runs if now >= START + 3_100]) <= 11


def test_an_anomaly_outlives_our_own_failure() -> None:
    """A failure of ours in the paired series ends no anomaly: the series comes again, with the same cause."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.TLS,))))
    internet = Internet(blocked=lambda _run, _now: True)
    internet.play(agenda, START + 400)
    assert len(agenda.anomalies()) == 1
    causes = set()
    now = agenda.next_at()
    while now < START + 2_000:
        for run in agenda.due(now):
            causes.add(run.cause.at if run.cause is not None else None)
            agenda.done(run, (), now, own_failure=True)
        now = agenda.next_at()
    assert len(agenda.anomalies()) == 1
    assert len(causes - {None}) == 1


def test_half_a_look_at_the_line_is_none() -> None:
    """A line check that we failed leaves the line's health as it was, and is made again soon, once."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.TCP,))))
    now = agenda.next_at()
    looks: list[float] = []
    while len(looks) < 4:
        for run in agenda.due(now):
            if run.experiment is Experiment.LINE:
                looks.append(now)
                agenda.done(run, (LineObservation(arm=Arm.SUBJECT, at=now, gateway_ok=True),), now, own_failure=True)
            else:
                agenda.done(run, (trial(run, Arm.SUBJECT, now, failed=False),), now)
        now = max(agenda.next_at(), now + 1.0)
    assert agenda.line is None


def test_the_end_of_the_day_is_kept_for_names_and_syns() -> None:
    """Near the day's end hellos and fetches rest first on schedule, then in series too; names and SYNs go on."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1"), make_target(2, "198.18.0.2")))
    seen: dict[Reserve, set[Experiment]] = {reserve: set() for reserve in Reserve}
    internet = Internet(
        blocked=lambda run, _now: run.experiment is Experiment.TLS and run.target.id.endswith("1.example/4")
    )
    now = START
    for reserve in Reserve:
        until = now + 1_500
        while now < until:
            for run in agenda.due(now, reserve):
                seen[reserve].add(run.experiment)
                if run.experiment is Experiment.TLS and reserve is Reserve.ANOMALIES:
                    assert run.cause is not None
                agenda.done(run, internet.carry_out(run, now)[0], now)
            now = agenda.next_at()
    cheap = {Experiment.DNS, Experiment.TCP, Experiment.LINE}
    assert seen[Reserve.NONE] == cheap | {Experiment.TLS, Experiment.HTTP}
    assert seen[Reserve.ANOMALIES] == cheap | {Experiment.TLS}
    assert seen[Reserve.NAMES] == cheap
    told = [detail for kind, detail in agenda.notices() if kind is EventKind.BUDGET_EXHAUSTED]
    assert len(told) == 2


def test_what_floods_is_left_alone_for_a_while() -> None:
    """A name whose answer was a flood is asked again after a quarter of an hour, not in each slot: a host pays."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.DNS,))))
    asked: list[float] = []
    now = START
    while now < START + 7_200:
        for run in agenda.due(now):
            trials = Internet().carry_out(run, now)[0]
            if run.experiment is Experiment.DNS:
                asked.append(now)
                trials = tuple(msgspec.structs.replace(trial, flood_bytes=70_000) for trial in trials)
            agenda.done(run, trials, now)
        now = agenda.next_at()
    assert min(after - before for before, after in itertools.pairwise(asked)) >= FLOOD_REST
    assert len(asked) >= 5


# --- addresses, days, clocks ------------------------------------------------------------------------------------------


def test_unassigned_addresses_come_from_the_resolver() -> None:
    """Without addresses the first DNS answer gives them; until then nothing is sent anywhere."""
    internet = Internet()
    internet.play(make_agenda(make_assignment(make_target(1, ""))), START + 3_000)
    first_dns = internet.starts(experiment=Experiment.DNS)[0]
    others = [(now, run) for now, run in internet.runs if run.experiment is not Experiment.DNS]
    assert others
    assert all(now > first_dns and run.task.address == "198.18.1.1" for now, run in others)


def test_the_chain_is_looked_at_once_a_day() -> None:
    """The first hello of a UTC day is followed by a full handshake; the others are not."""
    internet = Internet()
    internet.play(make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.TLS,)))), START + 3 * 86_400)
    full = [now for now, run in internet.runs if run.task.full]
    days = {math.floor(now / 86_400) for now, _ in internet.runs}
    assert [math.floor(now / 86_400) for now in full] == sorted(days)


def test_what_only_the_chain_shows_is_not_over_because_a_hello_was_answered() -> None:
    """Interception for five hours is one anomaly: every look at it shows the chain, and the first good one ends it."""
    begin, end = START + 3_600, START + 6 * 3_600
    internet = Internet(intercepted=lambda now: begin <= now < end)
    timetable = Timetable(chain=1200)
    target = make_target(1, "198.18.0.1", (Experiment.TLS,))
    internet.play(make_agenda(make_assignment(target, timetable=timetable)), end + 3_600)
    seen = next(now for now, run in internet.runs if now >= begin and run.task.full)
    inside = [(now, run) for now, run in internet.runs if seen < now < end]
    assert all(run.cause is not None for _, run in inside)
    assert all(run.task.full or run.design is Design.PAIRED for _, run in inside)
    over = [(now, run) for now, run in internet.runs if now >= end and run.cause is None]
    assert over[0][0] <= end + 2 * WATCHED
    assert over[0][1].task.full  # an end that is looked at every hour would be one observation; it is made two


def test_the_first_false_chain_of_a_service_has_the_others_chains_looked_at() -> None:
    """Within minutes, whatever the day's own looks at chains are due."""
    begin = START + 3_600
    internet = Internet(intercepted=lambda now: now >= begin)
    targets = [make_target(n, f"198.18.0.{n + 1}", (Experiment.TLS,)) for n in range(4)]
    internet.play(make_agenda(make_assignment(*targets, timetable=Timetable(chain=1200))), begin + 3_600)
    first: dict[str, float] = {}
    for now, run in internet.runs:
        if run.cause is not None:
            first.setdefault(run.target.host, now)
    assert len(first) == 4
    assert max(first.values()) - min(first.values()) <= 2 * INTERVAL


@pytest.mark.parametrize("asleep", [200.0, 3_600.0, 86_400.0 * 30])
def test_no_burst_after_a_sleep(asleep: float) -> None:
    """What a suspend or a clock jump left behind is not caught up: the next hour looks like any other."""
    targets = [make_target(n, f"198.18.0.{n + 1}") for n in range(20)]
    agenda = make_agenda(make_assignment(*targets))
    Internet().play(agenda, START + 1_000)
    agenda.notices()
    internet = Internet()
    awake = START + 1_000 + asleep
    internet.play(agenda, awake + 600, start=awake)
    first_minute = [run for now, run in internet.runs if now < awake + 60]
    # 80 places, an interval of 300 s: 16 a minute on average; a burst would be 80.
    assert len(first_minute) <= 40
    counts = Counter((run.key, run.slot) for _, run in internet.runs)
    assert max(counts.values()) == 1
    assert any(kind is EventKind.CLOCK_JUMP for kind, _ in agenda.notices())


def test_a_clock_that_goes_back_does_not_stop_the_probe() -> None:
    """After a jump back by a year everything is planned anew within one interval, cool-downs included."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1")))
    blocked = Internet(blocked=lambda run, _now: run.experiment is Experiment.TLS)
    blocked.play(agenda, START + 2_000)
    past = START - 365 * 86_400.0
    internet = Internet(blocked=lambda run, _now: run.experiment is Experiment.TLS)
    internet.play(agenda, past + 1_000, start=past)
    assert {run.experiment for _, run in internet.runs} == set(FOUR)


def test_the_days_bytes_thin_out_what_costs_most() -> None:
    """Fetches rest first, then hellos; at the end of the budget nothing runs until midnight UTC."""
    targets = [make_target(n, f"198.18.0.{n + 1}") for n in range(4)]
    assignment = make_assignment(*targets, budget=Budget(bytes_per_day=1_000_000, bytes_per_incident=10**6))
    agenda = make_agenda(assignment)
    midnight = math.ceil(START / 86_400) * 86_400.0
    internet = Internet()
    internet.play(agenda, midnight + 3_600)
    before = [(now, run) for now, run in internet.runs if now < midnight]
    last = {word: max((now for now, run in before if run.experiment is word), default=0.0) for word in FOUR}
    assert last[Experiment.HTTP] < last[Experiment.TLS] < last[Experiment.DNS]
    after = {run.experiment for now, run in internet.runs if now >= midnight}
    assert after == set(FOUR)
    told = [detail for kind, detail in agenda.notices() if kind is EventKind.BUDGET_EXHAUSTED]
    assert 1 <= len(told) <= 6


def test_a_new_assignment_keeps_what_is_known() -> None:
    """Unchanged targets keep their anomaly; changed and new ones begin; gone ones end, also in mid-run."""
    one, two = (make_target(n, f"198.18.0.{n}", (Experiment.TLS,)) for n in (1, 2))
    agenda = make_agenda(make_assignment(one, two))
    Internet(blocked=lambda _run, _now: True).play(agenda, START + 2_000)
    assert len(agenda.anomalies()) == 2
    three = make_target(3, "198.18.0.3", (Experiment.TLS,))
    agenda.reassign(make_assignment(one, three), START + 2_000)
    assert agenda.anomalies() == ((one.id, 4, Experiment.TLS, ""),)
    internet = Internet()
    internet.play(agenda, START + 4_000, start=START + 2_000)
    assert {run.target.id for _, run in internet.runs} == {one.id, three.id}


def test_a_hosts_rate_is_kept() -> None:
    """At most the limit of connections a minute to one host, also when many targets share it."""
    targets = [make_target(n, "198.18.0.1", (Experiment.TCP, Experiment.TLS)) for n in range(12)]
    internet = Internet()
    internet.play(make_agenda(make_assignment(*targets), Limits(laboratory=LAB)), START + 6_000)
    weights = [(now, 2 if run.experiment is Experiment.TCP else 1 + run.task.full) for now, run in internet.runs]
    for now, _ in weights:
        assert sum(weight for at, weight in weights if now <= at < now + 60) <= 24  # capacity and one minute's flow


def test_a_family_without_a_way_out_rests() -> None:
    """A home without IPv6: its SYNs cannot leave, so that hellos rest and no series is made; until one leaves again."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.TCP, Experiment.TLS))))
    now, back, seen = START, START + 6_000, []
    while now < START + 12_000:
        for run in agenda.due(now):
            if run.experiment is Experiment.LINE:
                agenda.done(run, (LineObservation(arm=Arm.SUBJECT, at=now),), now)
                continue
            seen.append((now, run))
            if run.experiment is Experiment.TLS:
                agenda.done(run, (trial(run, Arm.SUBJECT, now, failed=now < back),), now)
                continue
            gone = now < back
            syns = TcpObservation(
                arm=Arm.SUBJECT, at=now, address=run.task.address, port=443, syns=0 if gone else 2,
                failure=Failure.NETWORK_UNREACHABLE if gone else None,
            )  # fmt: skip
            agenda.done(run, (syns,), now)
        now = max(agenda.next_at(), now + 0.1)
    assert {run.design for _, run in seen} == {Design.SENTINEL}
    hellos = [at for at, run in seen if run.experiment is Experiment.TLS]
    assert not [at for at in hellos if START + INTERVAL < at < back]
    assert len([at for at in hellos if at > back]) >= 15


def test_a_probe_that_has_no_control_to_ask_tells_it_once_a_day() -> None:
    """Otherwise every verdict of it is withheld, and nobody knows why."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1"), controls=(), control_name=""))
    Internet().play(agenda, START + 6 * 3600)
    blind = [detail for kind, detail in agenda.notices() if kind is EventKind.LINK_UNUSABLE]
    assert blind == [BLIND] * len({int(at // 86_400) for at in (START, START + 6 * 3600)})
    well = make_agenda(make_assignment(make_target(1, "198.18.0.1")))
    Internet().play(well, START + 3600)
    assert not [kind for kind, _ in well.notices() if kind is EventKind.LINK_UNUSABLE]


def test_empty_assignments_are_quiet() -> None:
    """Nothing assigned: nothing due, nothing to wake for, not even for the line."""
    agenda = make_agenda(make_assignment())
    assert agenda.due(START + 10) == []
    assert agenda.next_at() == math.inf


@pytest.mark.slow
@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(FOUR), st.booleans()), min_size=1, max_size=8),
    st.floats(0.5, 90.0),
    st.binary(min_size=1, max_size=8),
)
def test_any_fleet_is_served_and_safe(
    layout: list[tuple[int, Experiment, bool]], seconds: float, secret: bytes
) -> None:
    """Any mix of shared addresses, blocks and durations: nothing spins, starves, or meets residue."""
    targets = [make_target(n, f"198.18.0.{address}", (word,)) for n, (address, word, _) in enumerate(layout)]
    doomed = {f"host{n}.example" for n, (_, _, dead) in enumerate(layout) if dead}
    internet = Internet(blocked=lambda run, _now: run.target.host in doomed, seconds=seconds)
    internet.play(make_agenda(make_assignment(*targets), secret=secret), START + 14_400)
    counts = Counter(run.target.id for _, run in internet.runs)
    assert not internet.spoiled
    assert all(counts[target.id] >= 3 for target in targets)


def test_a_plan_comes_with_its_run() -> None:
    """A run hands out the plan of its design; a sentinel under budget carries the cause."""
    agenda = make_agenda(make_assignment(make_target(1, "198.18.0.1", (Experiment.TLS,))))
    now = agenda.next_at()
    (line,) = agenda.due(now)
    agenda.done(line, (), now)
    (run,) = agenda.due(now)
    assert isinstance(run.task, Task)
    cause = trial(run, Arm.SUBJECT, 1.0, failed=True)
    plan = msgspec.structs.replace(run, task=msgspec.structs.replace(run.task, cause=cause)).plan()
    assert type(next(plan)).__name__ == "Connect"
    plan.close()


def test_delivery_counts_towards_the_days_bytes() -> None:
    """What crossed the line for whatever reason thins the schedule: from 70 % on fetches do rest."""
    target = make_target(1, "198.18.0.1")
    assignment = make_assignment(target, budget=Budget(bytes_per_day=1_000_000, bytes_per_incident=10**6))
    agenda, seen = make_agenda(assignment), Counter[Experiment]()
    now, counted = START, 650_000
    while now < START + 40 * INTERVAL:
        for run in agenda.due(now, counted=counted):
            assert agenda.spent_today >= counted + run.cost
            seen[run.experiment] += 1
            observations, _ = Internet().carry_out(run, now)
            agenda.done(run, observations, now)
        if now > START + 10 * INTERVAL:
            counted = 710_000  # a batch went out
        now = agenda.next_at()
    assert agenda.spent_today < 750_000
    assert seen[Experiment.DNS] >= 38
    assert seen[Experiment.HTTP] <= 12
    told = [detail for kind, detail in agenda.notices() if kind is EventKind.BUDGET_EXHAUSTED]
    assert [detail.rpartition(": ")[2] for detail in told] == ["http rests until 00:00 UTC"]


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (Experiment.UNKNOWN, "is not known to this agent"),
        (Experiment.PATH, "is carried out only where it is asked for, once"),
    ],
)
def test_an_experiment_that_is_on_no_timetable_is_told(word: Experiment, why: str) -> None:
    """A word of the wire that is not planned here costs that word of a target, in an event; the rest is measured."""
    target = make_target(1, "198.18.0.1", (word, Experiment.TCP))
    agenda = make_agenda(make_assignment(target, make_target(2, "198.18.0.2", (word,))))
    told = f"experiment {word} {why}; targets that ask for it: 2"
    assert agenda.notices() == ((EventKind.TARGET_REFUSED, told),)
    internet = Internet()
    internet.play(agenda, START + 2 * INTERVAL)
    assert {run.experiment for _, run in internet.runs} == {Experiment.TCP}


# --- helpers ----------------------------------------------------------------------------------------------------------


def test_a_helper_that_is_hot_or_in_use_is_left_out() -> None:
    """A name that died there is remembered by the home's line: no series waits for it, and none is spoilt by it."""
    targets = [make_target(n, f"198.18.0.{n}", (Experiment.TLS,)) for n in (1, 2, 3)]
    agenda = make_agenda(make_assignment(*targets, helpers=("203.0.113.9", "2001:db8::9")))
    internet = Internet(blocked=lambda _run, _now: True)
    internet.play(agenda, START + 6 * INTERVAL)
    series = [(now, run) for now, run in internet.runs if run.design is Design.PAIRED]
    asked = [now for now, run in series if run.task.helper == "203.0.113.9"]
    assert len(asked) >= 3
    assert all(later - earlier >= COOL_DOWN for earlier, later in itertools.pairwise(asked))
    assert {run.task.helper for _, run in series} == {"203.0.113.9", ""}
    assert len(series) > len(asked)
    assert all(run.task.helper == "" for _, run in internet.runs if run.design is Design.SENTINEL)


# --- watch windows ----------------------------------------------------------------------------------------------------

SLOW = Timetable(interval=3_600)
CHEAP = (Experiment.DNS, Experiment.TCP, Experiment.TLS)


def watched(now: float, *, service: str = "s", bytes_per_day: int = 20_000_000) -> Assignment:
    """Return an assignment of one look an hour, with a window of an hour that begins in one."""
    window = Watch(services=(service,), since=now + 3_600.0, until=now + 7_200.0, interval=INTERVAL)
    return make_assignment(
        make_target(1, "198.18.0.1"),
        timetable=SLOW,
        watches=(window,),
        budget=Budget(bytes_per_day=bytes_per_day, bytes_per_incident=2_000_000),
    )


def looks(internet: Internet, since: float, until: float, *words: Experiment) -> int:
    """Return how many runs of experiments there were."""
    return sum(since <= now < until and run.experiment in words for now, run in internet.runs)


def test_a_window_brings_cheap_looks_forward_and_ends_by_itself() -> None:
    """Twelve looks an hour in it, one before and one after, without a newer assignment; pages keep their hour."""
    internet = Internet()
    internet.play(make_agenda(watched(START)), START + 4 * 3_600.0)
    assert looks(internet, START, START + 3_600.0, *CHEAP) <= 6
    inside = looks(internet, START + 3_600.0, START + 7_200.0, *CHEAP)
    assert 33 <= inside <= 39
    assert looks(internet, START + 7_200.0, START + 4 * 3_600.0, *CHEAP) <= 9
    assert looks(internet, START, START + 4 * 3_600.0, Experiment.HTTP) <= 5


def test_a_window_raises_no_budget_and_other_services_keep_their_timetable() -> None:
    """A day that is nearly spent has no look brought forward, and nobody else's has."""
    for assignment, spent in ((watched(START), 18_000_000), (watched(START, service="other"), 0)):
        internet = Internet()
        agenda = Agenda(assignment, secret=b"secret", limits=WIDE, now=START, spent_today=spent)
        internet.play(agenda, START + 4 * 3_600.0)
        assert looks(internet, START + 3_600.0, START + 7_200.0, *CHEAP) <= 6


def test_a_window_that_comes_later_takes_hold_at_once() -> None:
    """An unchanged target has its next look in the window, not in its slot of the next hour."""
    agenda, internet = make_agenda(make_assignment(make_target(1, "198.18.0.1"), timetable=SLOW)), Internet()
    internet.play(agenda, START + 600.0)
    agenda.reassign(watched(START - 3_600.0), START + 600.0)
    internet.play(agenda, START + 1_300.0, start=START + 600.0)
    assert looks(internet, START + 600.0, START + 1_300.0, *CHEAP) >= 6
