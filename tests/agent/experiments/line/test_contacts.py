"""Whom line contacts, as the host is told it."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.experiment import GATEWAY, PROVIDER
from balise_agent.experiments.line.contacts import CONTACTS
from balise_agent.experiments.task import Task
from balise_wire.assignment import Control


def test_the_address_that_is_asked_is_the_one_that_is_told(task: Task) -> None:
    """Of a control with both families IPv4 is asked first, which every home has, whatever stands first; then IPv6."""
    dual = Control(name="dual.example", addresses=("2a00::9", "198.18.9.7"))
    told = CONTACTS.scheduled(msgspec.structs.replace(task, controls=(dual,)))
    assert [one.addresses for one in told] == [(GATEWAY,), ("198.18.9.7",), ("2a00::9",), (PROVIDER,)]


def test_without_controls_only_the_gateway(task: Task) -> None:
    """Nobody is told who is not asked."""
    bare = msgspec.structs.replace(task, controls=(), control_name="")
    assert [one.protocol for one in CONTACTS.scheduled(bare)] == ["icmp"]
    assert CONTACTS.on_anomaly(bare) == ()
