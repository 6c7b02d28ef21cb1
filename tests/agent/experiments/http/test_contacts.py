"""Whom http contacts, as the host is told it."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.experiment import SCRAMBLED
from balise_agent.experiments.http.contacts import CONTACTS
from balise_agent.experiments.task import Task
from balise_wire.experiments.http import HttpParameters


def test_the_port_is_the_parameters(task: Task) -> None:
    """A target's own port is that of its TLS; pages have another."""
    other = msgspec.structs.replace(task, target=task.target.saying(HttpParameters(port=8080)))
    assert [(one.name, one.port) for one in CONTACTS.scheduled(other)] == [("twitter.example", 8080)]
    assert [(one.name, one.port) for one in CONTACTS.on_anomaly(task)] == [
        ("neighbour.example", 80),
        (SCRAMBLED, 80),
    ]
