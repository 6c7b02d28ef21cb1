"""One place in the agenda: into, through and out of an anomaly."""

from __future__ import annotations

import msgspec

from balise_agent.measure.entry import FRESH, WATCHED, Entry
from balise_agent.measure.run import Run
from balise_agent.measure.task_choice import Device, task_for
from balise_wire.assignment import Assignment, Budget, Target, Timetable
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment, TargetRole

TARGET = Target(id="s/web/a.example/4", service="s", role=TargetRole.WEB, host="a.example", addresses=("198.18.1.1",))
FINE = HttpObservation(
    arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=80, host="a.example", status=200, connect_ms=4.0, title="A"
)
CUT = msgspec.structs.replace(FINE, failure=Failure.CONNECTION_RESET, status=None)
NEW = msgspec.structs.replace(FINE, title="B")


BUDGET = Budget(bytes_per_incident=2_000_000)


def run(design: Design = Design.SENTINEL, *limited: str) -> Run:
    """Return a run of http."""
    assignment = Assignment(version=1, catalogue="c", expires=9e9, targets=(TARGET,))
    task = task_for(assignment, TARGET, 4, device=Device(secret=b"s"), now=0.0)
    task = msgspec.structs.replace(task, design=design)
    return Run(target=TARGET, family=4, experiment=Experiment.HTTP, slot=0, due=0.0, task=task, limited_by=limited)


def test_an_anomaly_begins_once_and_ends_with_the_first_success() -> None:
    """Paired runs cost the incident's bytes; an anomaly has every slot meanwhile."""
    entry, rare = Entry(TARGET, 4, Experiment.HTTP), Timetable(http_every=12)
    assert entry.every(rare, BUDGET, 10.0) == 12
    assert entry.learn(run(), (CUT,), 10.0)
    assert not entry.learn(run(Design.PAIRED), (CUT,), 10.0)
    assert (entry.every(rare, BUDGET, 10.0), entry.cause) == (1, CUT)
    assert entry.spent > 0
    assert not entry.affords_pair(Budget(bytes_per_incident=entry.spent), 1e6)
    assert entry.affords_pair(Budget(bytes_per_incident=40 * entry.spent + 40), 11.0)
    assert not entry.learn(run(Design.PAIRED), (FINE,), 10.0)
    assert (entry.cause, entry.spent, entry.usual) == (None, 0, FINE)
    assert entry.affords_pair(Budget(bytes_per_incident=0), 10.0)


def test_a_lasting_change_is_the_new_usual_once_the_bytes_are_used_up() -> None:
    """A redesign is no incident for ever; a failure never becomes usual."""
    entry = Entry(TARGET, 4, Experiment.HTTP, usual=FINE)
    assert entry.learn(run(), (NEW,), 10.0)
    entry.learn(run(Design.SENTINEL, "budget"), (CUT,), 10.0)
    assert entry.cause is CUT
    entry.learn(run(Design.SENTINEL, "budget"), (NEW,), 10.0)
    assert entry.reading is None
    assert entry.usual == NEW


def test_a_false_chain_is_over_when_a_chain_is_in_order() -> None:
    """Neither an answered hello ends it, nor a try that did not connect, as at a server that takes few connections."""
    entry = Entry(TARGET, 4, Experiment.TLS)
    hello = TlsObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=443, sni="a.example", connect_ms=4.0)
    false = msgspec.structs.replace(hello, full=True, failure=Failure.SSL_UNKNOWN_AUTHORITY, bytes_received=900)
    refused = msgspec.structs.replace(hello, full=True, failure=Failure.GENERIC_TIMEOUT, connect_ms=None)
    assert entry.learn(run(), (false,), 10.0)
    entry.learn(run(), (hello, refused), 20.0)
    entry.learn(run(), (hello,), 30.0)
    assert (entry.more, entry.reading is None) == (True, False)
    entry.learn(run(), (hello, msgspec.structs.replace(hello, full=True)), 40.0)
    assert (entry.more, entry.reading is None) == (False, True)


def test_whether_it_connected_is_what_its_cause_says() -> None:
    """Where it did not, the layer below is the one to ask."""
    entry = Entry(TARGET, 4, Experiment.HTTP)
    assert entry.connected
    entry.learn(run(), (msgspec.structs.replace(CUT, connect_ms=None),), 10.0)
    assert not entry.connected


def test_series_come_at_once_and_then_ever_more_rarely() -> None:
    """A fortieth of an incident's bytes in every slot, a quarter each 15 minutes; an old anomaly is still watched."""
    entry, rare = Entry(TARGET, 4, Experiment.HTTP), Timetable(http_every=12)
    entry.learn(run(), (CUT,), 0.0)
    entry.series_at, entry.spent = 0.0, 49_000
    assert entry.affords_pair(BUDGET, 1.0)
    entry.spent = 60_000
    assert not entry.affords_pair(BUDGET, WATCHED - 1.0)
    assert entry.affords_pair(BUDGET, WATCHED)
    assert entry.every(rare, BUDGET, FRESH - 1.0) == 1
    assert entry.every(rare, BUDGET, FRESH) == WATCHED // 300
    entry.spent = 500_000
    assert not entry.affords_pair(BUDGET, 1e9)


def test_a_living_anomaly_keeps_its_address() -> None:
    """A series on another address than its cause would compare two things at once."""
    entry = Entry(TARGET, 4, Experiment.HTTP)
    assert entry.failing_at() == ""
    entry.learn(run(), (CUT,), 0.0)
    assert entry.failing_at() == CUT.address
    assert Entry(TARGET, 4, Experiment.HTTP, "198.18.1.2").failing_at() == "198.18.1.2"


def test_what_is_only_compared_begins_with_a_series() -> None:
    """A block page from the first day would be the usual page; a hello that is answered is not compared."""
    assert Entry(TARGET, 4, Experiment.HTTP).is_untried()
    assert not Entry(TARGET, 4, Experiment.HTTP, usual=FINE).is_untried()
    assert not Entry(TARGET, 4, Experiment.TLS).is_untried()
