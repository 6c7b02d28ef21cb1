"""The whole probe on a scripted network and a fast clock: what is measured, recorded, told, and left alone."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from balise_agent.experiments.steps import Connect, Send
from balise_agent.measure.report import Circumstances, measurement
from balise_agent.policy.egress import Egress
from balise_agent.policy.limits import Limits
from balise_agent.run import exit_traces
from balise_agent.run.app import App
from balise_agent.run.build import Surroundings, assemble
from balise_agent.run.settle import Settled
from balise_agent.system.clock import Clock, Laboratory
from balise_agent.system.config import Collector, Config, ConsentSettings, Probe, SpoolSettings
from balise_agent.system.errors import LinkUnusable, PolicyRefusal
from balise_agent.system.lifecycle import PAUSE_FILE
from balise_agent.system.problems import ProblemId
from balise_agent.system.reactor import Reactor
from balise_agent.system.service import Service
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import Assignment, Control, Target, Timetable
from balise_wire.box import is_box, private_key, public_hex
from balise_wire.card import CONSENT_VERSION
from balise_wire.envelope import Envelope, Kind, decode_envelope, encode_envelope
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.request import Answer, Outcome, Reason, Request
from balise_wire.seal import Sealer, unseal
from balise_wire.status import Event, EventKind
from balise_wire.words import AddressSource, Arm, Design, Experiment, Lifecycle, TargetRole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from balise_agent.delivery.spool.spool import Spool
    from balise_agent.experiments.steps import Step
    from balise_agent.measure.run import Run
    from balise_agent.system.identity import Identity

PROBE = "k7m2q9xd"
START = 1_589_733_000.0
SCALE = 2000.0
SLOWER = 100.0
"""Where an hour must not be over before a slow machine has carried out what lasts an hour at most."""
"""A five-minute slot takes 0.15 s."""


def target(number: int, *experiments: Experiment, address: str = "198.18.1.1") -> Target:
    """Return a target."""
    return Target(
        id=f"svc{number}/web/www{number}.example/4",
        service=f"svc{number}",
        role=TargetRole.WEB,
        host=f"www{number}.example",
        addresses=(address,),
        experiments=experiments or (Experiment.TLS,),
    )


def assignment(*targets: Target, version: int = 1, expires: float = START + 1e7) -> Assignment:
    """Return an assignment with one control."""
    return Assignment(
        version=version,
        catalogue="c1",
        expires=expires,
        targets=targets,
        controls=(Control(name="www.control.example", addresses=("198.18.2.2",)),),
        control_name="www.control.example",
        timetable=Timetable(interval=300, line=60),
    )


class House:
    """One probe in a temporary folder, with everything around it a test wants to touch."""

    def __init__(self, folder: Path, identity: Identity, collector: Identity, open_spool: Callable[..., Spool]) -> None:
        self.folder = folder
        self.identity = identity
        self.collector = collector
        self.open_spool = open_spool
        self.network = FakeNetwork(now=START, step_seconds=0.0)
        self.limits = Limits(laboratory=("198.18.0.0/15",), connections_per_host_per_minute=1000)
        self.consent = ConsentSettings(version=CONSENT_VERSION, accepted=True)
        self.warnings = False
        self.lan: tuple[str, ...] = ()
        self.apps: list[tuple[App, Reactor, Spool]] = []
        self.began = time.monotonic()
        self.scale = SCALE
        """Clock seconds in a real one."""

    def app(self, wrong: float | None = None) -> App:
        """Start a probe, as after a boot; the clock goes on, ``wrong`` seconds off where a time server lies."""
        clock = Clock(laboratory=Laboratory(START, self.began, self.scale, wrong))
        reactor = Reactor(clock)
        spool = self.open_spool(self.folder / "spool.sqlite", self.identity, batch_records=20, batch_seconds=100.0)
        config = Config(
            probe=Probe(id=PROBE, country="PK", asn=64501, state_dir=str(self.folder)),
            collector=Collector(key=self.collector.public_hex),
            consent=self.consent,
            spool=SpoolSettings(batch_seconds=100.0),
        )
        around = Surroundings(
            reactor=reactor,
            spool=spool,
            egress=Egress(self.limits, clock, spool.noted("bytes today")),
            network=self.network,
            drops=lambda: 0,
            resolvers=tuple,
            service=Service({}),
            warnings=exit_traces.Warnings(self.folder / "warnings") if self.warnings else None,
            local_networks=lambda: self.lan,
        )
        app = assemble(Settled(config, clock, self.limits, config), self.identity, around)
        self.apps.append((app, reactor, spool))
        app.begin()
        return app

    def sealed(self, task: Assignment, *, signer: Identity | None = None, probe: str = PROBE) -> bytes:
        """Seal an assignment."""
        envelope = Envelope(
            kind=Kind.ASSIGNMENT, id="0" * 32, probe=probe, sent_at=START, body=msgspec.Raw(msgspec.json.encode(task))
        )
        return Sealer((signer or self.collector).key).seal(encode_envelope(envelope))

    def asking(self, *asked: Request) -> bytes:
        """Seal these requests."""
        body = msgspec.Raw(msgspec.json.encode(asked))
        envelope = Envelope(kind=Kind.COMMAND, id="0" * 32, probe=PROBE, sent_at=START, body=body)
        return Sealer(self.collector.key).seal(encode_envelope(envelope))

    def answers(self) -> list[Answer]:
        """Return the answers on disk."""
        return [event.answer for event in self.events() if event.answer is not None]

    def until(self, done: Callable[[], bool]) -> None:
        """Turn the newest probe's loop until something is true."""
        assert self.apps[-1][1].run_until(done, 20.0), "it did not come true in 20 s"

    def turns(self, count: int) -> None:
        """Let the newest probe's clock run through ``count`` slots."""
        slot = 300.0 / self.scale
        self.apps[-1][1].run_until(lambda: False, count * slot)

    def recorded(self) -> list[Any]:
        """Return everything on disk, sealed or not, in order of recording."""
        app, _, spool = self.apps[-1]
        app.parts.recorder.commit()
        app.parts.recorder.seal()
        found: list[Any] = []
        for row in spool.rows(0, 10_000):
            envelope = decode_envelope(unseal(row.frame, self.identity.key.public_key(), most=1 << 24))
            kind = list[Event] if envelope.kind is Kind.EVENT else list[Measurement]
            found += msgspec.json.decode(envelope.body, type=kind)
        return found

    def measurements(self) -> list[Measurement]:
        """Return the measurements on disk."""
        return [one for one in self.recorded() if isinstance(one, Measurement)]

    def events(self) -> list[Event]:
        """Return the events on disk."""
        return [one for one in self.recorded() if isinstance(one, Event)]

    def close(self) -> None:
        """Give descriptors back."""
        for _, reactor, spool in self.apps:
            reactor.close()
            spool.close()


@pytest.fixture
def house(
    tmp_path: Path, identity: Identity, collector_identity: Identity, open_spool: Callable[..., Spool]
) -> Iterator[House]:
    """Return a probe's surroundings."""
    made = House(tmp_path, identity, collector_identity, open_spool)
    yield made
    made.close()


@pytest.mark.slow
def test_first_boot_waits_for_an_assignment_and_then_measures(house: House) -> None:
    """Nothing is sent before the collector asked; afterwards every measurement carries the line of its minute."""
    app = house.app()
    house.turns(2)
    assert not house.network.steps
    assert app.parts.follower.lifecycle() is Lifecycle.INIT
    app.assigned(house.sealed(assignment(target(1), target(2, Experiment.DNS, Experiment.TCP))))
    assert app.parts.follower.lifecycle() is Lifecycle.READY
    all_kinds = {Experiment.LINE, Experiment.TLS, Experiment.DNS, Experiment.TCP}
    house.until(lambda: {one.experiment for one in house.measurements()} >= all_kinds)
    made = house.measurements()
    assert all(one.line is not None and one.line.gateway_ok for one in made)
    assert all(one.catalogue == "c1" and one.network.asn == 64501 for one in made)
    assert len({one.id for one in made}) == len(made)
    assert EventKind.ASSIGNMENT_ACCEPTED in {event.kind for event in house.events()}


@pytest.mark.slow
def test_a_failing_sentinel_leads_to_a_paired_series_with_its_cause(house: House) -> None:
    """Three subject failures in two time bins, controls beside them: one paired measurement is complete evidence."""
    app = house.app()
    house.network.cut["198.18.1.1"] = Failure.GENERIC_TIMEOUT
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: len(house.network.asked(Connect)) >= 5)
    house.turns(2)
    made = [one for one in house.measurements() if one.experiment is Experiment.TLS]
    assert [one.design for one in made[:2]] == [Design.SENTINEL, Design.PAIRED]
    paired = made[1].observations
    assert [trial.carried for trial in paired].count(True) == 1
    assert paired[0].carried
    assert paired[0].at == made[0].observations[0].at


def request(number: int, app: App, one: Target, experiment: Experiment = Experiment.TLS) -> Request:
    """Return a request that is fresh."""
    now = app.parts.clock.now()
    return Request(id=f"{number:032x}", experiment=experiment, target=one.id, made=now, expires=now + 3600.0)


@pytest.mark.slow
def test_a_request_is_carried_out_once_and_answered(house: House) -> None:
    """With its design and its id in the measurement, and the measurement's id in the answer."""
    house.scale = SLOWER
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    asked = request(1, app, target(1), Experiment.TCP)
    app.requested(house.asking(asked))
    house.until(lambda: len(house.answers()) >= 2)
    app.requested(house.asking(asked))
    house.until(lambda: app.parts.runs.measurements >= 4)
    made = [one for one in house.measurements() if one.request]
    assert [(one.request, one.design, one.experiment) for one in made] == [(asked.id, Design.ON_DEMAND, Experiment.TCP)]
    assert house.answers() == [
        Answer(request=asked.id, outcome=Outcome.ACCEPTED),
        Answer(request=asked.id, outcome=Outcome.DONE, measurement=made[0].id),
    ]


def test_a_request_is_refused_while_the_host_pauses(house: House) -> None:
    """Whatever stops the timetable stops requests; what was taken up before waits, and expires."""
    app = house.app()
    (house.folder / PAUSE_FILE).touch()
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.follower.lifecycle() is Lifecycle.SLEEPING)
    steps = len(house.network.steps)
    app.requested(house.asking(request(1, app, target(1))))
    house.turns(1)
    assert [(one.outcome, one.reason) for one in house.answers()] == [(Outcome.REFUSED, Reason.NOT_MEASURING)]
    assert len(house.network.steps) == steps


@pytest.mark.slow
def test_a_request_that_waits_survives_a_restart_and_one_that_ran_is_not_run_again(house: House) -> None:
    """The broker's retained message finds a probe that knows what it did."""
    house.scale = SLOWER
    app = house.app()
    app.assigned(house.sealed(assignment(target(1), target(2))))
    asked = request(1, app, target(1)), request(2, app, target(2), Experiment.TCP)
    app.requested(house.asking(asked[0]))
    house.until(lambda: len(house.answers()) >= 2)
    app.requested(house.asking(*asked))
    app.parts.recorder.commit()
    again = house.app()
    again.requested(house.asking(*asked))
    house.until(lambda: [one.outcome for one in house.answers()].count(Outcome.DONE) == 2)
    assert sorted(one.request for one in house.measurements() if one.request) == [asked[0].id, asked[1].id]


def test_what_a_halt_ends_is_answered(house: House) -> None:
    """A request in flight ends with everything else, and says so."""
    house.scale = SLOWER
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    asked = request(1, app, target(1))
    app.requested(house.asking(asked))
    house.until(lambda: bool(app.parts.asked._book._book.begun))
    app.assigned(house.sealed(msgspec.structs.replace(assignment(target(1), version=2), halt="for now")))
    house.until(lambda: len(house.answers()) >= 2)
    told = house.answers()[-1]
    assert (told.outcome, told.reason) == (Outcome.FAILED, Reason.INTERRUPTED)
    assert [one for one in house.measurements() if one.request] == []


def test_a_restart_without_a_broker_measures_from_the_stored_assignment(house: House) -> None:
    """A probe that restarts inside a shutdown goes on."""
    house.app().assigned(house.sealed(assignment(target(1))))
    again = house.app()
    assert again.parts.follower.lifecycle() is Lifecycle.READY
    house.until(lambda: again.parts.runs.measurements >= 2)


def test_what_is_stored_is_verified_again(house: House, identity: Identity) -> None:
    """Who can write to the card still cannot forge a task."""
    (house.folder / "assignment.sealed").write_bytes(house.sealed(assignment(target(1)), signer=identity))
    app = house.app()
    house.turns(2)
    assert app.parts.follower.lifecycle() is Lifecycle.INIT
    assert not house.network.steps


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda _: b"no seal at all",
        lambda house: house.sealed(assignment(target(1)), signer=house.identity),
        lambda house: house.sealed(assignment(target(1)), probe="another1"),
        lambda house: house.sealed(assignment(target(1), expires=START - 1.0)),
        lambda house: house.sealed(assignment(*(target(n) for n in range(501)))),
        lambda house: house.sealed(assignment(target(1, address="192.168.1.1"))),
    ],
    ids=["bytes", "signer", "addressee", "expired", "too many", "household"],
)
def test_a_hostile_assignment_does_nothing_but_an_event(house: House, make: Callable[[House], bytes]) -> None:
    """Unsigned, foreign, stale, huge or turned on the household: told, and nothing is sent to any target."""
    app = house.app()
    app.assigned(make(house))
    house.turns(3)
    assert not house.network.asked(Connect)
    told = {event.kind for event in house.events()}
    assert told & {EventKind.ASSIGNMENT_REFUSED, EventKind.TARGET_REFUSED}


def test_an_older_assignment_does_not_replace_a_newer_one(house: House) -> None:
    """A replay of an old retained message is refused; the same version again is nothing."""
    app = house.app()
    app.assigned(house.sealed(assignment(target(1), version=5)))
    before = len(house.events())
    app.assigned(house.sealed(assignment(target(1), version=5)))
    assert len(house.events()) == before
    app.assigned(house.sealed(assignment(target(2), version=4)))
    assert [event.kind for event in house.events()[before:]] == [EventKind.ASSIGNMENT_REFUSED]
    house.until(lambda: app.parts.runs.measurements >= 4)
    assert "svc2" not in {one.service for one in house.measurements()}


@pytest.mark.slow
def test_an_expired_assignment_puts_the_probe_to_sleep(house: House) -> None:
    """Nobody vouches for a task for ever."""
    app = house.app()
    app.assigned(house.sealed(assignment(target(1), expires=app.parts.clock.now() + 900.0)))
    house.until(lambda: app.parts.follower.lifecycle() is Lifecycle.SLEEPING)
    house.turns(1)
    count = app.parts.runs.measurements
    house.turns(3)
    assert app.parts.runs.measurements == count
    assert any("expired" in event.detail for event in house.events())


@pytest.mark.slow
def test_nothing_is_measured_without_consent(house: House) -> None:
    """The host agrees before the first packet."""
    house.consent = ConsentSettings(version=CONSENT_VERSION, accepted=False)
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.turns(3)
    assert not house.network.steps


@pytest.mark.slow
def test_the_hosts_pause_is_looked_at_in_each_turn(house: House) -> None:
    """A file stops measuring within a second and lets it go on; the collector reads that it was the host."""
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.measurements >= 2)
    (house.folder / PAUSE_FILE).touch()
    house.until(lambda: app.parts.follower.lifecycle() is Lifecycle.SLEEPING)
    assert app.parts.runs.conductor.busy == 0
    count = app.parts.runs.measurements
    house.turns(3)
    assert app.parts.runs.measurements == count
    (house.folder / PAUSE_FILE).unlink()
    house.until(lambda: app.parts.runs.measurements > count)
    assert app.parts.follower.lifecycle() is Lifecycle.READY
    kinds = [event.kind for event in house.events()]
    assert kinds.index(EventKind.PAUSED) < kinds.index(EventKind.RESUMED)


@pytest.mark.slow
def test_addresses_survive_a_restart_during_a_block(house: House) -> None:
    """A probe without assigned addresses is not blind because a box kills what would prove the answers."""
    bare = msgspec.structs.replace(target(1), addresses=(), experiments=(Experiment.DNS, Experiment.TCP))
    first = house.app()
    first.assigned(house.sealed(assignment(bare)))
    house.until(lambda: bool(first.parts.follower.kept.targets))
    first.upkeep.remember()
    house.network.dns[bare.host, ""] = ()
    again = house.app()
    assert again.parts.follower.kept == first.parts.follower.kept
    house.until(lambda: any(made.experiment is Experiment.TCP for made in house.measurements()))
    made = next(made for made in house.measurements() if made.experiment is Experiment.TCP)
    assert made.address_source is AddressSource.KEPT
    assert made.address_age is not None


def test_a_pause_survives_a_restart(house: House) -> None:
    """Pulling the plug of a paused board does not make it measure."""
    house.app().assigned(house.sealed(assignment(target(1))))
    (house.folder / PAUSE_FILE).touch()
    house.network.steps.clear()
    app = house.app()
    house.turns(3)
    assert app.parts.follower.lifecycle() is Lifecycle.SLEEPING
    assert not house.network.steps


@pytest.mark.slow
def test_the_kill_switch_holds_over_a_restart_until_a_newer_assignment(house: House) -> None:
    """Whatever else stands in the message, even an old date: the probe stops, stays stopped, and goes on when told."""
    app = house.app()
    assert (app.parts.reports.health().assignment, app.parts.reports.health().halted) == (0, False)
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.measurements >= 1)
    halt = msgspec.structs.replace(assignment(target(1), version=2, expires=1.0), halt="for now")
    app.assigned(house.sealed(halt))
    assert app.parts.follower.lifecycle() is Lifecycle.SLEEPING
    assert app.parts.runs.conductor.busy == 0
    app.assigned(house.sealed(assignment(target(1), version=1)))
    again = house.app()
    steps = len(house.network.steps)
    house.turns(3)
    assert again.parts.follower.lifecycle() is Lifecycle.SLEEPING
    assert len(house.network.steps) == steps
    assert (again.parts.reports.health().assignment, again.parts.reports.health().halted) == (2, True), (
        "each report of the board's health says so"
    )
    assert [event.detail for event in house.events() if event.kind is EventKind.HALTED][-1] == "for now"
    again.assigned(house.sealed(assignment(target(1), version=3)))
    house.until(lambda: again.parts.runs.measurements >= 1)
    assert EventKind.RESUMED in {event.kind for event in house.events()}


def test_a_consent_to_another_text_is_none(house: House) -> None:
    """The probe sleeps, and the collector reads why."""
    house.consent = ConsentSettings(version="2001-01", accepted=True)
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.turns(2)
    assert app.parts.follower.lifecycle() is Lifecycle.SLEEPING
    assert not house.network.steps
    told = next(event for event in house.events() if event.kind is EventKind.CONSENT_MISSING)
    assert "2001-01" in told.detail


def test_the_day_ends_measuring_whatever_the_assignment_says(house: House) -> None:
    """At the cap nothing more goes out, the collector is told once, and midnight UTC begins anew."""
    house.limits = msgspec.structs.replace(house.limits, connections_per_day=40)
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    app.parts.egress.usage.connections = 40
    house.turns(2)
    assert not house.network.steps
    assert next(trouble.id for trouble in app.parts.reports.status().troubles) is ProblemId.DAY_SPENT
    assert len([event for event in house.events() if event.kind is EventKind.BUDGET_EXHAUSTED]) == 1
    app.parts.egress.usage._days.day -= 1
    app.parts.runs.soon()
    house.until(lambda: app.parts.runs.measurements >= 1)


def test_a_restart_does_not_give_the_day_again(house: House) -> None:
    """The agenda counts on from the account that the gate kept."""
    app = house.app()
    app.parts.egress.reported(700_000, 300_000)
    app.upkeep.remember()
    again = house.app()
    again.assigned(house.sealed(assignment(target(1))))
    assert again.parts.follower.agenda is not None
    assert again.parts.follower.agenda.spent_today == 1_000_000


def test_the_status_says_how_things_stand(house: House) -> None:
    """Counters and words of the running program, for the status files."""
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.measurements >= 2)
    found = app.parts.reports.status()
    assert (found.state, found.probe, found.enrolled) == (Lifecycle.READY, PROBE, False)
    assert found.waiting > 0
    assert found.line_ok is True
    assert found.next_due is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LinkUnusable("no CAP_NET_RAW; run setcap"), EventKind.LINK_UNUSABLE),
        (PolicyRefusal("the day's bytes are spent"), EventKind.TARGET_REFUSED),
        (KeyError("a mistake of ours"), EventKind.LINK_UNUSABLE),
    ],
)
def test_our_own_failure_is_told_as_ours(
    house: House, error: Exception, kind: EventKind, caplog: pytest.LogCaptureFixture
) -> None:
    """The run leaves a measurement that says that we failed and observes nothing; the same trouble is told once."""
    house.network.fail(error)
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.own_failures >= 3)
    for made in house.measurements():
        assert made.own_failure.startswith(type(error).__name__)
        assert not made.observations
    assert app.parts.reports.health().own_failures >= 3
    assert len(house.measurements()) == app.parts.reports.health().own_failures == app.parts.runs.measurements
    told = [event for event in house.events() if event.kind is kind]
    assert 1 <= len(told) <= 3
    assert caplog.text
    house.network.fail(None)
    before = app.parts.runs.measurements
    house.until(lambda: app.parts.runs.measurements > before)
    assert not house.measurements()[-1].own_failure


def test_what_was_observed_before_our_failure_leaves(house: House) -> None:
    """A failing subject, then a failure of ours in its paired series: cause and controls are kept, and it is no end."""
    house.network.cut["198.18.1.1"] = Failure.GENERIC_TIMEOUT
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.measurements >= 2)
    hellos = itertools.count()

    def trouble(step: Step) -> Exception | None:
        return LinkUnusable("queue full") if isinstance(step, Send) and next(hellos) % 2 else None

    house.network.trouble = trouble
    house.until(lambda: any(made.own_failure for made in house.measurements()))
    made = next(made for made in house.measurements() if made.own_failure)
    assert made.design is Design.PAIRED
    assert [(trial.arm, trial.carried) for trial in made.observations] == [(Arm.SUBJECT, True), (Arm.CONTROL, False)]
    assert made.own_failure == "LinkUnusable: queue full"
    house.network.fail(None)
    house.until(lambda: house.measurements()[-1].design is Design.PAIRED and not house.measurements()[-1].own_failure)


def test_a_result_that_cannot_be_told_costs_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks between a run's end and the disk is that run's own failure; the probe goes on."""
    app = house.app()
    app.assigned(house.sealed(assignment(target(1), target(2))))
    real = measurement

    def breaks(run: Run, observations: Any, about: Circumstances) -> Measurement:
        if observations and run.target.service == "svc1":
            raise TypeError("no scrub rule")
        return real(run, observations, about)

    monkeypatch.setattr("balise_agent.run.runs.measurement", breaks)
    house.until(lambda: {made.service for made in house.measurements()} >= {"svc1", "svc2", "internet"})
    assert all(bool(made.own_failure) is (made.service == "svc1") for made in house.measurements())


def test_stopping_puts_everything_on_disk(house: House) -> None:
    """After SIGTERM the spool holds what was measured, sealed, and the word that we stopped."""
    app = house.app()
    app.assigned(house.sealed(assignment(target(1), target(2))))
    house.until(lambda: app.parts.runs.measurements >= 3)
    app.stop()
    app.end()
    spool = house.apps[-1][2]
    assert spool.batches.database.execute("SELECT count(*) FROM pending").fetchone()[0] == 0
    assert len(house.measurements()) == app.parts.runs.measurements
    assert house.events()[-1].kind is EventKind.STOPPED


def test_without_a_broker_batches_are_historical(house: House) -> None:
    """What is sealed while nobody listens says that it may arrive long afterwards."""
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.measurements >= 2)
    house.recorded()
    rows = house.apps[-1][2].rows(0, 10)
    opened = [decode_envelope(unseal(row.frame, house.identity.key.public_key(), most=1 << 24)) for row in rows]
    assert all(envelope.historical for envelope in opened)


def test_the_bytes_of_the_day_survive_a_restart(house: House) -> None:
    """A probe that is restarted every hour must not spend its budget twenty-four times."""
    app = house.app()
    app.parts.egress.allow("198.18.1.1", 443, 1234)
    app.parts.egress.received(766)
    app.upkeep.remember()
    again = house.app()
    assert (again.parts.reports.health().sent_bytes_today, again.parts.reports.health().received_bytes_today) == (
        1234,
        766,
    )


def test_a_new_boot_is_told_once(house: House) -> None:
    """The operator sees that the board lost power, not that the program was updated."""
    house.app()
    house.app()
    assert EventKind.REBOOT not in {event.kind for event in house.events()}
    house.apps[-1][2].note("boot", "another boot")
    house.app()
    assert [event.kind for event in house.events()].count(EventKind.REBOOT) == 1


def test_a_run_that_ended_without_a_goodbye_is_told_with_its_last_warnings(house: House) -> None:
    """And one that was stopped in order is told as such, without them."""
    house.app()
    (house.folder / "warnings").write_text("publisher: the last thing it said\n")
    house.warnings = True
    house.app()
    told = [event.detail for event in house.events() if event.kind is EventKind.STARTED]
    assert any("without a goodbye" in detail for detail in told)
    assert any("the last thing it said" in detail for detail in told)
    house.apps[-1][0].end()
    house.app()
    told = [event.detail for event in house.events() if event.kind is EventKind.STARTED]
    assert "stopped and started again" in told[-1]


def test_the_probe_follows_its_machine_to_another_network(house: House) -> None:
    """A LAN that came up after the start is refused and hidden like one that was there."""
    app = house.app()
    house.lan = ("203.0.113.0/24",)
    app.upkeep.follow_networks()
    assert app.parts.egress.rules.lan == house.lan
    with pytest.raises(PolicyRefusal, match="own network"):
        app.parts.egress.allow("203.0.113.7", 443, 100)
    app.assigned(house.sealed(assignment(target(1, address="203.0.113.7"))))
    assert EventKind.TARGET_REFUSED in {event.kind for event in house.events()}


def test_batches_stay_open_longer_while_no_broker_listens(house: House) -> None:
    """A month without a network is kept in fewer and larger batches; nothing waits unrecorded."""
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.measurements >= 2)
    spool = house.apps[-1][2]
    pending = spool.batches.database.execute("SELECT count(*), min(at) FROM pending").fetchone()
    assert pending[0] >= 2
    assert spool.due(pending[1] + 150.0)
    assert not spool.due(pending[1] + 150.0, delay_factor=10.0)


def test_the_households_addresses_stay_at_home(house: House) -> None:
    """An answer that points into the LAN is refused, and told without the address."""
    house.network.fail(PolicyRefusal("192.168.17.23 port 443: private (RFC 1918)"))
    app = house.app()
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.own_failures >= 2)
    told = [event.detail for event in house.events() if event.kind is EventKind.TARGET_REFUSED]
    assert told
    assert not any("192.168" in detail for detail in told)
    assert any("[ip] port 443: private" in detail for detail in told)


def test_the_publisher_asks_the_same_account(house: House) -> None:
    """What measuring spent is gone for delivery too; at the limit there is not even a connection."""
    egress, cap = house.app().parts.egress, house.limits.bytes_per_day
    found = []
    for share in (0.5, 0.41, 0.08):
        egress.received(int(share * cap))
        found.append((egress.delivers(cap // 1000), egress.delivers(cap // 10), not egress.silent))
    assert found == [(True, True, True), (True, False, True), (False, False, False)]


# ---------------------------------------------------------------- a clock that a time server lied to


def frames(house: House) -> list[tuple[Envelope, list[Measurement]]]:
    """Return every sealed batch of measurements with what is in it."""
    opened = [
        decode_envelope(unseal(row.frame, house.identity.key.public_key(), most=1 << 22))
        for row in house.apps[-1][2].rows(0, 1000)
        if row.kind is Kind.MEASUREMENT
    ]
    return [(one, msgspec.json.decode(one.body, type=list[Measurement])) for one in opened]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [7200.0, -7200.0, 31 * 86_400.0, -300 * 86_400.0])
def test_the_collectors_time_corrects_a_lying_clock_and_no_batch_has_two_times(house: House, wrong: float) -> None:
    """What was dated by the lie is sealed under it; what follows is dated right; measuring goes on."""
    app = house.app(wrong)
    app.assigned(house.sealed(assignment(target(1))))
    house.until(lambda: app.parts.runs.measurements >= 2)
    clock = house.apps[-1][1].clock
    assert isinstance(clock, Clock)
    right = Clock(laboratory=Laboratory(START, house.began, SCALE))
    asked = clock.monotonic()
    before = app.parts.runs.measurements
    clock.hint(right.now(), live=True, since=asked)
    assert abs(clock.now() - right.now()) < 60.0
    house.until(lambda: app.parts.runs.measurements >= before + 3)
    app.parts.recorder.seal()
    made = frames(house)
    for envelope, measurements in made:
        for one in measurements:
            assert 0.0 <= envelope.sent_at - one.ended < 3600.0  # the scripted network dates its own trials
    assert any(envelope.checked is not None and abs(envelope.sent_at - right.now()) < 3600.0 for envelope, _ in made)
    assert {envelope.boot for envelope, _ in made} != {""}


def test_a_lie_of_a_month_ends_no_task(house: House) -> None:
    """An assignment runs out by signed time: a time server that says "next month" does not stop the measuring."""
    app = house.app(31 * 86_400.0)
    app.assigned(house.sealed(assignment(target(1), expires=START + 30 * 86_400.0)))
    house.until(lambda: app.parts.runs.measurements >= 2)
    assert app.parts.follower.lifecycle() is Lifecycle.READY


def test_results_are_boxed_once_the_collector_said_so_and_no_older_word_undoes_it(house: House) -> None:
    """The first task names the key, before anything is measured; a replayed task without one changes nothing."""
    secret = private_key(bytes(32))
    task = msgspec.structs.replace(assignment(target(1)), sealed_to=public_hex(secret.public_key()))
    app = house.app()
    app.assigned(house.sealed(task))
    spool = house.apps[-1][2]
    house.until(lambda: app.parts.runs.measurements >= 1)
    app.parts.recorder.commit()
    assert spool.batches.database.execute("SELECT count(*) FROM pending").fetchone()[0] == 0
    older = Envelope(
        kind=Kind.ASSIGNMENT, id="0" * 32, probe=PROBE, sent_at=START - 5.0,
        body=msgspec.Raw(msgspec.json.encode(assignment(version=9))),
    )  # fmt: skip
    app.assigned(Sealer(house.collector.key).seal(encode_envelope(older)))
    app.parts.recorder.seal()
    assert all(is_box(row.frame) for row in spool.rows(0, 100))
    assert spool.rows(0, 100)
