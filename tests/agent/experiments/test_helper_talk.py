"""Short questions to the operator's helper."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.helper_talk import AGAIN, ask, helper_of
from balise_agent.experiments.steps import Datagram
from balise_agent.experiments.task import Task


def test_the_one_that_is_idle_goes_before_all_others(task: Task) -> None:
    """Else one of them by the seed; without any, nobody."""
    many = msgspec.structs.replace(task, helpers=("198.18.7.7", "198.18.7.8"))
    assert helper_of(msgspec.structs.replace(many, helper="198.18.7.9")) == "198.18.7.9"
    assert helper_of(many) in many.helpers
    assert helper_of(task) == ""


def test_it_is_asked_again_while_nothing_comes(task: Task) -> None:
    """From one socket, within the time that a SYN has."""
    step = next(ask(msgspec.structs.replace(task, helper="198.18.7.7"), 3_478, b"x", copies=2))
    assert isinstance(step, Datagram)
    assert [(one.after, one.unless_heard) for one in step.datagrams] == [(0.0, None), (AGAIN[1], 0.0)]
    assert (step.address, step.port, step.enough) == ("198.18.7.7", 3_478, True)
