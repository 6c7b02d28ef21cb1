"""Whom dns contacts, as the host is told it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from balise_agent.experiments.dns.contacts import CONTACTS, STRANGER
from balise_agent.experiments.experiment import PROVIDER, RESOLVED
from balise_agent.experiments.task import Task


def test_the_resolver_and_what_nobody_assigned(task: Task, changed: Callable[..., Task]) -> None:
    """With assigned addresses a handshake is an exception; without any, each answer is looked at."""
    assert [(one.addresses, one.port) for one in CONTACTS.scheduled(task)] == [((PROVIDER,), 53)]
    bare = CONTACTS.scheduled(changed(task, addresses=()))
    assert [(one.addresses, one.port, one.protocol) for one in bare] == [
        ((PROVIDER,), 53, "udp"),
        ((RESOLVED,), 443, "tcp"),
    ]
    assert (STRANGER,) in [one.addresses for one in CONTACTS.on_anomaly(task)]


def test_no_control_no_contact(task: Task) -> None:
    """Without a control name nobody is asked for one."""
    bare = msgspec.structs.replace(task, controls=(), control_name="")
    assert {one.name for one in CONTACTS.on_anomaly(bare)} == {task.target.host}
