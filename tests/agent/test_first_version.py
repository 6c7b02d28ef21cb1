"""This probe with a collector of commit a430c09: its tasks, its halt and its receipts are read, and it can read us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from balise_agent.delivery.messages import open_sealed
from balise_agent.experiments import REGISTRY
from balise_agent.measure.assignments import Assignments
from balise_agent.policy.limits import Limits
from balise_wire.envelope import Kind
from balise_wire.skills import FIRST, skills
from balise_wire.status import Event, EventKind, Health, Meta, Receipt, State
from balise_wire.words import ClockState, Lifecycle
from tests.testbed import first_reader

NOW = 1_589_733_600.0
COLLECTOR = first_reader.COLLECTOR_KEY.public_key()


def plain(value: Any) -> Any:
    """Return a message as it crosses."""
    return json.loads(msgspec.json.encode(value))


def test_its_task_and_its_halt_are_obeyed(tmp_path: Path) -> None:
    """As they came over the broker: the task of one target, then the halt with the whole task beside it."""
    assignments = Assignments(
        tmp_path / "assignment.sealed",
        collector=COLLECTOR,
        probe=first_reader.PROBE,
        allowed=Limits(laboratory=("198.18.0.0/15",)),
    )
    task, halt = first_reader.recorded("assignment")
    assert [notice.detail for notice in assignments.offer(task, NOW)] == ["version 1: 1 of 1 targets"]
    assert assignments.current is not None
    assert (assignments.current.targets[0].host, len(assignments.current.controls)) == ("a.lab", 1)
    assert [notice.detail for notice in assignments.offer(halt, NOW)] == ["version 2: stop"]
    assert (assignments.current.halt, assignments.current.targets) == ("under review", ())


def test_its_receipts_are_believed() -> None:
    """They are what lets a probe forget."""
    through = [
        msgspec.json.decode(open_sealed(frame, COLLECTOR, Kind.RECEIPT, first_reader.PROBE).body, type=Receipt).through
        for frame in first_reader.recorded("receipt")
    ]
    assert through == [0, 3]


def test_what_we_say_it_can_read() -> None:
    """Every field that we add has a default there; what it does not have it passes over.

    A request is answered to a collector that sent one: it knows the word.
    """
    meta = Meta(public_key="0" * 64, software="0.1.0", skills=skills(REGISTRY))
    state = State(state=Lifecycle.READY, session=1, stream="a", oldest=2, at=1.0, proof=b"x" * 100)
    health = Health(at=1.0, clock_state=ClockState.SYNCED, assignment=7, halted=True)
    assert first_reader.faults("Meta", plain(meta)) == []
    assert first_reader.faults("State", plain(state)) == []
    assert first_reader.faults("Health", plain(health)) == []
    for kind in set(EventKind.known()) - {EventKind.REQUEST_ANSWERED}:
        assert first_reader.faults("Event", plain(Event(kind=kind, at=1.0, detail="x"))) == []


def test_we_can_do_what_the_first_version_could() -> None:
    """A collector that does not know our words asks us for its own."""
    assert set(skills(REGISTRY)) >= FIRST
