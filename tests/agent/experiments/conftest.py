"""A network of data and a task for a target with every kind of control, on which plans are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import Control, Target
from balise_wire.words import Scope, TargetRole


@pytest.fixture
def network() -> FakeNetwork:
    """Return a network in which everything works."""
    return FakeNetwork()


TARGET = Target(
    id="twitter/web/twitter.example/4",
    service="twitter",
    role=TargetRole.WEB,
    host="twitter.example",
    addresses=("198.18.1.1",),
    neighbour="neighbour.example",
    sibling="198.18.1.9",
    other_port=80,
)


@pytest.fixture
def task() -> Task:
    """Return a task for a target with every kind of control."""
    return Task(
        target=TARGET,
        address="198.18.1.1",
        addresses=("198.18.1.1",),
        controls=(
            Control(name="far.example", addresses=("198.18.9.1",)),
            Control(name="near.example", addresses=("198.18.9.2",), scope=Scope.DOMESTIC),
        ),
        control_name="control.example",
        public_resolvers=("198.18.8.8",),
        silent_addresses=("198.18.7.7",),
        laboratory=("198.18.0.0/15",),
        seed=7,
    )


@pytest.fixture
def changed() -> Callable[..., Task]:
    """Return a function that changes a task's target."""

    def change(task: Task, **target: Any) -> Task:
        return msgspec.structs.replace(task, target=msgspec.structs.replace(task.target, **target))

    return change
