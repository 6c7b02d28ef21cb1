"""Whom tcp contacts, as the host is told it."""

from __future__ import annotations

from collections.abc import Callable

from balise_agent.experiments.task import Task
from balise_agent.experiments.tcp.contacts import CONTACTS


def test_what_stands_for_the_subject(task: Task, changed: Callable[..., Task]) -> None:
    """Other port, sibling and controls abroad on an anomaly; none that the catalogue lacks."""
    told = [(one.name, one.addresses[0], one.port) for one in CONTACTS.on_anomaly(task)]
    assert told == [
        ("twitter.example", "198.18.1.1", 80),
        ("twitter.example", "198.18.1.9", 443),
        ("far.example", "198.18.9.1", 443),
    ]
    assert len(CONTACTS.on_anomaly(changed(task, other_port=0, sibling="2a00::1"))) == 1
