"""What is asked for once, in the agenda: one run in its own place, under the rules of every other."""

from __future__ import annotations

from typing import Any

import msgspec

from balise_agent.measure.cooldown import COOL_DOWN
from balise_agent.measure.requests import OneOff
from balise_agent.policy.limits import Limits
from balise_wire.assignment import Target
from balise_wire.request import MOST_OPEN, Reason
from balise_wire.words import Design, Experiment
from tests.agent.measure.test_agenda import INTERVAL, START, Internet, make_agenda, make_assignment, make_target


def once(number: int, target: Target, experiment: Experiment = Experiment.TLS, **changes: Any) -> OneOff:
    """Return what an agenda is asked."""
    fine = OneOff(id=f"{number:032x}", target=target, family=4, experiment=experiment, expires=1e12, most_bytes=200_000)
    return msgspec.structs.replace(fine, **changes)


def test_a_request_runs_once_and_the_timetable_goes_on() -> None:
    """One run in its own place, with its controls, beside the sentinels of the same target."""
    target = make_target(1, "198.18.0.1")
    agenda = make_agenda(make_assignment(target))
    assert agenda.ask(once(1, target), START) is None
    assert agenda.ask(once(1, target), START) is None
    internet = Internet()
    internet.play(agenda, START + 10 * INTERVAL)
    asked = [(now, run) for now, run in internet.runs if run.request]
    assert [(run.design, run.experiment, run.cause) for _, run in asked] == [(Design.ON_DEMAND, Experiment.TLS, None)]
    assert asked[0][0] < START + INTERVAL
    assert len(internet.starts(experiment=Experiment.TLS, design=Design.SENTINEL)) >= 9


def test_a_request_waits_until_its_endpoint_is_cool() -> None:
    """It runs under the cool-down of the anomaly that the timetable found: nobody's residue is measured."""
    target = make_target(1, "198.18.0.1", (Experiment.TLS,))
    agenda = make_agenda(make_assignment(target))
    internet = Internet(blocked=lambda _run, _now: True)
    internet.play(agenda, START + 2 * INTERVAL)
    failed = internet.runs[-1][0]
    agenda.ask(once(1, target), failed + 10.0)
    internet.play(agenda, failed + 20 * INTERVAL, start=failed + 10.0)
    (begun,) = (now for now, run in internet.runs if run.request)
    assert begun >= failed + COOL_DOWN
    assert internet.spoiled == []


def test_why_a_run_is_not_taken() -> None:
    """Each reason has its word, which the collector reads."""
    target, lost = make_target(1, "198.18.0.1"), make_target(2, "")
    agenda = make_agenda(make_assignment(target))
    wanted = [
        once(1, target, experiment=Experiment.LINE),
        once(2, target, experiment=Experiment.UNKNOWN),
        once(3, lost),
        once(4, target, most_bytes=1_000),
        once(5, target, expires=START),
    ]
    refused = [agenda.ask(one, START) for one in wanted]
    reasons = [one.reason for one in refused if one is not None]
    assert reasons == [Reason.UNABLE, Reason.UNABLE, Reason.TARGET, Reason.BUDGET, None]
    assert [agenda.ask(once(n, target), START) for n in range(10, 10 + MOST_OPEN)] == [None] * MOST_OPEN
    more = agenda.ask(once(99, target), START)
    assert more is not None
    assert more.reason is Reason.TOO_MANY


def test_what_did_not_start_in_time_is_dropped() -> None:
    """A run that somebody waited for an hour ago tells him nothing any more."""
    target = make_target(1, "198.18.0.1", (Experiment.TLS,))
    agenda = make_agenda(make_assignment(target))
    internet = Internet(blocked=lambda _run, _now: True)
    internet.play(agenda, START + 2 * INTERVAL)
    failed = internet.runs[-1][0]
    agenda.ask(once(1, target, expires=failed + COOL_DOWN - 10.0), failed + 10.0)
    internet.play(agenda, failed + 10 * INTERVAL, start=failed + 10.0)
    assert [run for _, run in internet.runs if run.request] == []


def test_the_day_holds_for_requests_too() -> None:
    """Where the day's bytes are used up nothing runs that was asked for."""
    target = make_target(1, "198.18.0.1")
    agenda = make_agenda(make_assignment(target), Limits(laboratory=("198.18.0.0/15",), bytes_per_day=1))
    agenda.ask(once(1, target), START)
    internet = Internet()
    internet.play(agenda, START + 3 * INTERVAL)
    assert len([run for _, run in internet.runs if run.request]) == 0


def test_a_failure_that_was_asked_for_begins_the_anomaly_of_the_timetable() -> None:
    """A sibling failed elsewhere: the series that tells begins after the rest, not when the next slot comes."""
    target = make_target(1, "198.18.0.1", (Experiment.TLS,))
    agenda = make_agenda(make_assignment(target))
    internet = Internet(blocked=lambda run, _now: bool(run.request))
    agenda.ask(once(1, target), START)
    internet.play(agenda, START + 2 * INTERVAL)
    (asked,) = (now for now, run in internet.runs if run.request)
    series = [now for now, run in internet.runs if run.design is Design.PAIRED]
    assert series, "the failing trial led to a series"
    assert COOL_DOWN <= series[0] - asked <= COOL_DOWN + 60.0
    assert agenda.anomalies() == (), "which was answered: it is over"
