"""The check of the line: fresh before anything is measured, and half a look is none."""

from __future__ import annotations

import pytest

from balise_agent.experiments.line.plan import LINE_TARGET
from balise_agent.measure.line_check import AGAIN, LineCheck, clocked
from balise_agent.measure.task_choice import Device
from balise_wire.assignment import Assignment
from balise_wire.experiments.dns import DnsObservation
from balise_wire.experiments.line import LineObservation
from balise_wire.measurement import LINE_FRESH, LINE_TOLERANCE, LineHealth
from balise_wire.words import Arm, ClockState, Experiment

ASSIGNMENT = Assignment(version=1, catalogue="c", expires=9e9, targets=())
WELL = LineObservation(arm=Arm.SUBJECT, at=5.0, gateway_ok=True)


def test_it_is_due_until_somebody_looked() -> None:
    """Older than the timetable says, never looked at, or looked at by a clock that went back."""
    check = LineCheck()
    assert check.is_due(0.0, 60.0)
    run = check.start(ASSIGNMENT, Device(secret=b"s"), 0, 0.0)
    assert (run.target, run.experiment, check.running) == (LINE_TARGET, Experiment.LINE, True)
    check.done((WELL,), 10.0, 60.0, own_failure=False)
    assert check.health is not None
    assert check.health.gateway_ok
    assert not check.running
    assert not check.is_due(70.0, 60.0)
    assert check.is_due(70.5, 60.0)
    check.forget()
    assert check.is_due(11.0, 60.0)


def test_half_a_look_is_tried_again_once() -> None:
    """The health stays what it was; the second failure waits for the next own time."""
    check = LineCheck()
    check.done((WELL,), 0.0, 60.0, own_failure=False)
    known = check.health
    check.done((), 100.0, 60.0, own_failure=True)
    assert check.health is known
    assert not check.is_due(100.0 + AGAIN, 60.0)
    assert check.is_due(100.5 + AGAIN, 60.0)
    check.done((), 140.0, 60.0, own_failure=True)
    assert not check.is_due(200.0, 60.0)


def test_a_look_gates_what_begins_soon_after_it() -> None:
    """Half of the judge's tolerance; a look that our own failure ended is tried again before it is given up."""
    check = LineCheck()
    assert not check.is_fresh(0.0)
    check.done((WELL,), 10.0, 3600.0, own_failure=False)
    assert check.is_fresh(10.0 + LINE_FRESH)
    assert not check.is_fresh(10.5 + LINE_FRESH)
    check.done((), 100.0, 3600.0, own_failure=True)
    assert check.is_fresh(100.0 + AGAIN)
    assert not check.is_fresh(100.5 + AGAIN)
    check.done((), 140.0, 3600.0, own_failure=True)
    assert check.is_fresh(140.0 + LINE_FRESH)
    check.forget()
    assert not check.is_fresh(140.0)
    assert LINE_FRESH < LINE_TOLERANCE


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "carried"),
    [
        ((2, 2), (0, 0), (True, True)),  # nobody asked IPv6
        ((2, 2), (0, 2), (True, False)),
        ((2, 2), (1, 2), (True, True)),
        ((0, 2), (0, 2), (True, True)),  # the line is dead, and each family tells it
        ((0, 2), (2, 2), (False, True)),
    ],
)
def test_a_family_rests_where_its_controls_are_dead_alone(
    ipv4: tuple[int, int], ipv6: tuple[int, int], carried: tuple[bool, bool]
) -> None:
    """A home without IPv6 would have its series of IPv6 targets in every slot, and a look at the line before each."""
    check = LineCheck()
    assert (check.carries(4), check.carries(6)) == (True, True)
    check.health = LineHealth(at=1.0, ipv4_ok=ipv4[0], ipv4=ipv4[1], ipv6_ok=ipv6[0], ipv6=ipv6[1])
    assert (check.carries(4), check.carries(6)) == carried


def test_a_look_without_controls_is_blind() -> None:
    """What nobody was asked is not what nobody answered; before the first look nothing is known."""
    check = LineCheck()
    assert not check.is_blind()
    check.health = LineHealth(at=1.0)
    assert check.is_blind()
    check.health = LineHealth(at=1.0, international=2)
    assert not check.is_blind()


def test_the_clock_stands_in_what_was_seen_of_the_line() -> None:
    """A plan knows no clock; whoever carried it out does. Other observations are left alone."""
    other = DnsObservation(arm=Arm.SUBJECT, at=5.0, name="a.example")
    line, same = clocked((WELL, other), ClockState.SYNCED, 7.0)
    assert isinstance(line, LineObservation)
    assert (line.clock_state, line.clock_offset_ms) == (ClockState.SYNCED, 7.0)
    assert same is other
