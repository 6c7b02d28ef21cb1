"""What is measured is scheduled, consented, scrubbed, judged, shown and exported: every experiment, the whole way."""

from __future__ import annotations

import json
import re

import pytest

from balise_agent.experiments.experiment import PROVIDER
from balise_agent.run.console import rendered
from balise_collector.conclude.judgement import judge
from balise_collector.experiments import POINTS
from balise_collector.fleet.members import Record
from balise_collector.intake.believable import unbelievable
from balise_collector.judge import Context, ReferenceTable, Verdict, VerdictState
from balise_collector.pages.public.sanitised import sanitise
from balise_collector.pages.views.evidence import exhibit
from balise_collector.sinks.ooni import record
from balise_wire.experiments import MEASURED, OBSERVATIONS, OF_TARGETS
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, ProbeRole
from tests.experiments.journey import HELPER, Journey, arrived

ADDRESS_LIKE = re.compile(r"\d+\.\d+\.\d+\.\d+")


@pytest.fixture(params=MEASURED, ids=lambda word: word.value)
def journey(request: pytest.FixtureRequest) -> Journey:
    """Return a probe that is asked for one experiment."""
    word: Experiment = request.param
    return Journey(word)


def verdict_of(journey: Journey) -> Verdict:
    """Judge what the probe measured, with no reference."""
    context = Context(probe="pk000001", references=ReferenceTable())
    return judge(arrived(journey.measured()).measurement, context)


def test_it_is_scheduled_and_observed(journey: Journey) -> None:
    """The agenda finds it a time, its plan observes in its own kind, and the wire carries all of it."""
    made = journey.measured()
    assert made.observations
    assert {type(one) for one in made.observations} == {OBSERVATIONS[journey.word]}
    assert arrived(made).measurement == made


@pytest.mark.parametrize("word", OF_TARGETS)
@pytest.mark.parametrize("design", [Design.SENTINEL, Design.PAIRED])
def test_nobody_is_contacted_without_consent(word: Experiment, design: Design) -> None:
    """The manifest that the host read names every address and port, also of what only a failure leads to."""
    journey = Journey(word)
    if design is Design.PAIRED and word is Experiment.CLIENTHELLO:
        # What does not connect, or dies without the extension, is no anomaly of this one.
        journey.network.box = lambda segments: Failure.GENERIC_TIMEOUT if b"\xfe\x0d" in segments[0] else None
    elif design is Design.PAIRED:
        journey.network.refuse("198.18.1.1")
        journey.network.refuse("198.18.1.1", transport=Transport.UDP)
        journey.network.refuse(HELPER, transport=Transport.UDP)
        journey.network.refuse("")
        journey.network.dns[("service.example", "")] = ()
    journey.measured(design)
    told = {(row.address if row.address != PROVIDER else "", row.port) for row in journey.consented.contacts}
    assert journey.contacted() <= told
    assert journey.contacted()


def test_what_leaves_is_believed(journey: Journey) -> None:
    """No honest measurement ends in quarantine for a bound that its experiment forgot."""
    assert unbelievable(journey.measured()) == ""


def test_a_person_at_the_probe_reads_it(journey: Journey) -> None:
    """The console has a line for it."""
    assert journey.word.value in rendered(journey.measured())


def test_it_is_judged(journey: Journey) -> None:
    """Where everything works, nobody is accused, and a rule of its own says so."""
    verdict = verdict_of(journey)
    assert verdict.state in {VerdictState.OK, VerdictState.INSUFFICIENT}
    assert verdict.layer is journey.word


def test_the_operator_sees_it(journey: Journey) -> None:
    """Each trial has words for what was asked and what came."""
    shown = exhibit(arrived(journey.measured()), verdict_of(journey))
    assert all(trial.asked and trial.outcome for trial in shown.trials)


def test_the_public_sees_no_address_of_it(journey: Journey) -> None:
    """Redrawn, it holds nothing that a log of flows can be joined on."""
    drawn = sanitise(arrived(journey.measured()), verdict_of(journey), "AS64501")
    assert not ADDRESS_LIKE.search(repr(drawn))


def test_sinks_are_told_numbers(journey: Journey) -> None:
    """Fields by names that have one meaning over all experiments."""
    told = POINTS[journey.word]
    fields = [told.fields(one) for one in journey.measured().observations]
    assert all(isinstance(value, int | float | str | None) for each in fields for value in each.values())


@pytest.mark.parametrize("word", OF_TARGETS)
def test_it_is_exported(word: Experiment) -> None:
    """What a target was asked is a record in OONI's shape, and names no probe."""
    stood = Record(since=0.0, network=Network(country="PK", asn=64501), role=ProbeRole.PROBE)
    found = record(arrived(Journey(word).measured()), stood)
    assert found is not None
    assert found["test_keys"]
    assert "pk000001" not in json.dumps(found)
