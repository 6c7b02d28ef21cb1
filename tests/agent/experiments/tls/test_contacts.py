"""Whom tls contacts, as the host is told it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from balise_agent.experiments.experiment import SCRAMBLED
from balise_agent.experiments.task import Task
from balise_agent.experiments.tls.contacts import CONTACTS


def test_every_name_goes_to_the_targets_endpoint(task: Task, changed: Callable[..., Task]) -> None:
    """The control is the neighbour, or else the control name; never both, and none where there is none."""
    assert [one.name for one in CONTACTS.scheduled(task)] == ["twitter.example"]
    assert [one.name for one in CONTACTS.on_anomaly(task)] == ["neighbour.example", SCRAMBLED]
    alone = changed(task, neighbour="")
    assert [one.name for one in CONTACTS.on_anomaly(alone)] == ["control.example", SCRAMBLED]
    bare = msgspec.structs.replace(alone, controls=(), control_name="")
    assert [one.name for one in CONTACTS.on_anomaly(bare)] == [SCRAMBLED]
    assert {(one.addresses, one.port) for one in CONTACTS.on_anomaly(task)} == {(("198.18.1.1",), 443)}


def test_helpers_are_named_to_the_host(task: Task) -> None:
    """Both names at each of the operator's servers, in an anomaly alone; nothing where there are none."""
    found = CONTACTS.on_anomaly(msgspec.structs.replace(task, helpers=("203.0.113.9",)))
    assert [(one.name, one.addresses, one.port) for one in found[-2:]] == [
        ("neighbour.example", ("203.0.113.9",), 443),
        ("twitter.example", ("203.0.113.9",), 443),
    ]
    assert "203.0.113.9" not in str(CONTACTS.scheduled(msgspec.structs.replace(task, helpers=("203.0.113.9",))))
