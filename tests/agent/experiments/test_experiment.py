"""What all experiments share: the order of a run on demand, and what is read out of a run's trials."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.experiment import TrialReading
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.testing import FakeNetwork
from balise_wire.experiments import OF_TARGETS, cost
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment

TLS = REGISTRY[Experiment.TLS].reader
CUT = TlsObservation(
    arm=Arm.SUBJECT, at=1.0, failure=Failure.CONNECTION_RESET, address="198.18.1.1", port=443, sni="a.example",
    connect_ms=40.0,
)  # fmt: skip
HOT = Endpoint("198.18.1.1", 443)


@pytest.mark.parametrize("word", OF_TARGETS)
def test_on_demand_is_the_whole_plan_and_the_sentinel_once_more(
    network: FakeNetwork, task: Task, word: Experiment
) -> None:
    """Nothing is hot when the control is asked, so that no cool-down has to be waited for."""
    plan = REGISTRY[word].plan
    whole = [trial.arm for trial in network.play(plan.paired(task))]
    asked = [trial.arm for trial in FakeNetwork().play(plan.on_demand(task))]
    once_more = [trial.arm for trial in FakeNetwork().play(plan.sentinel(task))]
    assert asked == [*whole, *once_more]
    assert Arm.SUBJECT in once_more


@pytest.mark.parametrize("word", REGISTRY)
def test_a_whole_run_loads_no_less_than_a_sentinel(task: Task, word: Experiment) -> None:
    """What a run takes is known before it starts: endpoints, connections and bytes."""
    plan = REGISTRY[word].plan
    task = msgspec.structs.replace(task, helpers=("198.18.7.7",), helper="198.18.7.7")
    paired = msgspec.structs.replace(task, design=Design.PAIRED)
    assert set(plan.load(task).endpoints) <= set(plan.load(paired).endpoints)
    assert 1 <= plan.load(task).connections <= plan.load(paired).connections
    assert 0 < cost(word, plan.shape(task)) <= cost(word, plan.shape(paired))


def test_what_is_carried_along_heats_and_costs_nothing() -> None:
    """It was paid for and heated when it was made; a control's failure heats nothing of the subject's."""
    carried = msgspec.structs.replace(CUT, carried=True)
    control = msgspec.structs.replace(CUT, arm=Arm.NEIGHBOUR, flood_bytes=9)
    assert TLS.heated((CUT,)) == [HOT]
    assert TLS.heated((carried, control)) == []
    assert TLS.spent((carried,)) == 0
    assert TLS.spent((CUT, carried)) == TLS.spent((CUT,)) > 0
    assert TLS.flooding((carried, control, CUT)) == [HOT]
    assert TLS.anomaly((carried, control)) is None
    assert TLS.anomaly((carried, control, CUT)) is CUT


def test_endpoints_are_told_apart_by_transport() -> None:
    """What was sent over UDP to a port says nothing of TCP there."""
    seen = TcpObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=443)
    at = REGISTRY[Experiment.TCP].reader.read(seen).at
    assert at == HOT
    assert at != HOT._replace(transport=REGISTRY[Experiment.DNS].traits.transport)


def test_a_reading_says_what_is_heated() -> None:
    """Whoever forgets what heats, what it costs or where it was has no reading at all (layout F5)."""
    with pytest.raises(TypeError):
        TrialReading(at=None, failed=False)  # type: ignore[call-arg]
