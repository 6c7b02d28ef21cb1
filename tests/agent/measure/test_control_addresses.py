"""How long a control's looked-up address is believed, and when its name is asked for anew."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.line.plan import LINE_TARGET
from balise_agent.experiments.task import Task
from balise_agent.measure.control_addresses import AGAIN, LASTS, MOST, ControlAddresses
from balise_wire.assignment import Control
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.words import AddressSource, Arm, Scope

TASK = Task(
    target=LINE_TARGET,
    controls=(Control(name="bare.example", addresses=()), Control(name="given.example", addresses=("198.18.9.1",))),
)
PROVEN = AddressSource.PROVEN


def line(
    address: str, source: AddressSource, failure: Failure | None = None, name: str = "bare.example"
) -> tuple[LineObservation, ...]:
    """Return a look at the line that asked a control at an address."""
    result = ControlResult(name=name, scope=Scope.INTERNATIONAL, failure=failure, source=source, address=address)
    given = ControlResult(name="given.example", scope=Scope.INTERNATIONAL, source=AddressSource.ASSIGNED)
    return (LineObservation(arm=Arm.SUBJECT, at=1.0, controls=(result, given)),)


def test_what_was_found_serves_every_run_until_it_is_old() -> None:
    """The next look asks nobody; runs of targets have the control; a day later its name is asked for anew."""
    known = ControlAddresses()
    first = known.for_line(TASK, 0.0)
    assert first.lookups == ("bare.example",)
    known.learn(first, line("198.18.9.8", PROVEN), 0.0)
    filled = known.filled(TASK)
    assert [one.addresses for one in filled.controls] == [("198.18.9.8",), ("198.18.9.1",)]
    assert filled.sources == (("bare.example", PROVEN),)
    assert known.for_line(TASK, LASTS - 1).lookups == ()
    assert known.for_line(TASK, LASTS).lookups == ("bare.example",)


@pytest.mark.parametrize(("source", "failure"), [(AddressSource.UNPROVEN, None), (PROVEN, Failure.GENERIC_TIMEOUT)])
def test_doubt_is_looked_into_within_the_hour(source: AddressSource, failure: Failure | None) -> None:
    """What was never proven, or answers no more, may have moved."""
    known = ControlAddresses()
    known.learn(known.for_line(TASK, 0.0), line("198.18.9.8", source, failure), 0.0)
    assert known.for_line(TASK, AGAIN - 1).lookups == ()
    assert known.for_line(TASK, AGAIN).lookups == ("bare.example",)


def test_it_outlives_a_restart_under_its_own_word() -> None:
    """A probe that starts during a block is not blind: the address is kept, with its age."""
    known = ControlAddresses()
    known.learn(known.for_line(TASK, 0.0), line("198.18.9.8", PROVEN), 0.0)
    later = ControlAddresses()
    later.restore(known.kept())
    assert later.filled(TASK).sources == (("bare.example", AddressSource.KEPT),)
    assert later.filled(TASK).controls[0].addresses == ("198.18.9.8",)


def test_names_are_forgotten_and_nothing_is_dated_in_the_future() -> None:
    """A catalogue that changes for years, and a clock that is set back, cost nothing that lasts."""
    known = ControlAddresses()
    for number in range(MOST + 10):
        known.learn(TASK, line("198.18.9.8", PROVEN, name=f"c{number}.example"), 1000.0)
    assert len(known.kept()) == MOST
    known.clock_went_back(10.0)
    assert {one.asked for one in known.kept().values()} == {10.0}


def test_an_assigned_address_is_left_alone() -> None:
    """What the collector names is what is asked."""
    known = ControlAddresses()
    known.learn(TASK, line("", AddressSource.ASSIGNED), 0.0)
    assert known.kept() == {}
    whole = msgspec.structs.replace(TASK, controls=TASK.controls[1:])
    assert known.for_line(whole, 0.0) == whole
