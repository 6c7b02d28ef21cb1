"""What a plan has observed is noted trial by trial, so that our own failure later in it takes nothing along."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.line import LineObservation
from balise_wire.observations import Observation
from balise_wire.words import Design, Experiment, Portal

STRANGE = (DnsAnswer(rtt_ms=1.0, addresses=("198.18.66.6",)),)
"""An answer that was not assigned: its certificate is asked for."""


def without_portal(observations: tuple[Observation, ...]) -> list[Observation]:
    """Leave out of a line what its last step adds, after the last note."""
    return [
        msgspec.structs.replace(o, captive=None, portal=Portal.UNKNOWN) if isinstance(o, LineObservation) else o
        for o in observations
    ]


@pytest.mark.parametrize("design", [Design.SENTINEL, Design.PAIRED])
@pytest.mark.parametrize("word", sorted(REGISTRY))
def test_every_trial_is_noted(network: FakeNetwork, task: Task, word: Experiment, design: Design) -> None:
    """What is noted at a plan's end is what it returns: no trial is lost, none is noted twice."""
    network.dns[task.target.host, ""] = STRANGE
    experiment = REGISTRY[word]
    task = msgspec.structs.replace(task, full=True)
    plan = experiment.plan.sentinel(task) if design is Design.SENTINEL else experiment.plan.paired(task)
    returned = network.play(plan)
    assert returned
    assert without_portal(network.noted()) == without_portal(returned)


def test_an_answer_is_noted_before_its_check(network: FakeNetwork, task: Task) -> None:
    """The certificate check of an answer is the first thing that can break: the answer is safe by then."""
    network.dns[task.target.host, ""] = STRANGE
    network.play(REGISTRY[Experiment.DNS].plan.sentinel(task))
    first, second = network.notes
    assert isinstance(first.observation, DnsObservation)
    assert isinstance(second.observation, DnsObservation)
    assert (first.observation.tls_consistent, second.observation.tls_consistent) == (None, True)
    assert (first.instead, second.instead) == (False, True)
