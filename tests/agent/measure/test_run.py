"""A run: the plan of its design, what it takes, and who holds what meanwhile."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.task import Endpoint
from balise_agent.measure.run import Run
from balise_agent.measure.task_choice import Device, task_for
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import Assignment, Target
from balise_wire.experiments.tls import CHAIN, HELLO, UNHEARD, TlsObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment, TargetRole

TARGET = Target(
    id="s/web/a.example/4", service="s", role=TargetRole.WEB, host="a.example", addresses=("198.18.1.1",),
    neighbour="b.example",
)  # fmt: skip
CAUSE = TlsObservation(
    arm=Arm.SUBJECT, at=1.0, failure=Failure.CONNECTION_RESET, address="198.18.1.1", port=443, sni="a.example"
)


def run(design: Design, cause: TlsObservation | None = None, request: str = "") -> Run:
    """Return a run of tls."""
    assignment = Assignment(version=1, catalogue="c", expires=9e9, targets=(TARGET,))
    task = task_for(assignment, TARGET, 4, device=Device(secret=b"s"), now=0.0)
    return Run(
        target=TARGET, family=4, experiment=Experiment.TLS, slot=0, due=0.0, request=request,
        task=msgspec.structs.replace(task, design=design, cause=cause),
    )  # fmt: skip


@pytest.mark.parametrize("design", [Design.SENTINEL, Design.PAIRED])
def test_the_cause_rides_along(design: Design) -> None:
    """Also of a sentinel, where the budget allows no paired run: the anomaly is not forgotten on the way."""
    first, *rest = FakeNetwork().play(run(design, CAUSE).plan())
    assert first == msgspec.structs.replace(CAUSE, carried=True)
    assert rest[-1].arm is Arm.SUBJECT


def test_load_and_cost_are_those_of_its_design() -> None:
    """They are known before it starts; a whole run costs by the cost table, too."""
    assert run(Design.SENTINEL).load.endpoints == (Endpoint("198.18.1.1", 443),)
    assert (run(Design.SENTINEL).cost, run(Design.PAIRED).cost) == (UNHEARD, 4 * HELLO + 2 * CHAIN)
    assert not run(Design.SENTINEL).exclusive


def test_a_request_holds_endpoints_of_its_own() -> None:
    """The end of one does not free what the other still uses."""
    assert run(Design.SENTINEL).key == run(Design.MANUAL, request="r1").key
    assert run(Design.SENTINEL).claim != run(Design.MANUAL, request="r1").claim
