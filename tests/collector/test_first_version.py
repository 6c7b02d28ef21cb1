"""A probe of commit a430c09 with this collector: what it sent is taken whole, and what it is given it can read."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from balise_collector.fleet.assignment import Issued, assignment_for, dated, due, stopped
from balise_collector.fleet.catalogue import default_folder, load
from balise_collector.fleet.members import Fleet, Member
from balise_collector.fleet.orders import Able, within
from balise_collector.fleet.profiles import fitted
from balise_collector.intake.announce import Announcement, read_announcement
from balise_collector.intake.validate import Accepted, Spoken, read_state, validate
from balise_wire.assignment import Budget, Target, Timetable
from balise_wire.measurement import Network
from balise_wire.skills import FIRST
from balise_wire.status import CollectorState, Receipt, acceptance
from balise_wire.topics import Leaf, ProbeTopic
from balise_wire.words import Experiment, Profile, TargetRole
from tests.testbed import first_reader

MEMBER = Member(
    id=first_reader.PROBE,
    public_key=first_reader.PROBE_KEY.public_key().public_bytes_raw().hex(),
    network=Network(country="PK", asn=64501),
)
FLEET = Fleet.of([MEMBER])
AT = 1_589_733_600.0


def plain(value: Any) -> Any:
    """Return a message as it crosses."""
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("leaf", [Leaf.MEASUREMENT, Leaf.EVENT, Leaf.HEALTH])
def test_its_batches_are_taken_whole(leaf: Leaf) -> None:
    """Nothing is rejected, and nothing is newer than we are."""
    for frame in first_reader.recorded(leaf):
        outcome = validate(ProbeTopic(MEMBER.id, leaf), frame, FLEET, AT)
        assert isinstance(outcome, Accepted), outcome
        assert (outcome.rejected, outcome.newer) == ((), frozenset())
        items = msgspec.json.decode(outcome.envelope.body)
        assert len(outcome.measurements) + len(outcome.events) == (0 if leaf is Leaf.HEALTH else len(items))


def test_its_events_confirm_a_halt_and_its_end() -> None:
    """It sends no field for that: the sentence is read."""
    found = []
    for frame in first_reader.recorded("event"):
        outcome = validate(ProbeTopic(MEMBER.id, Leaf.EVENT), frame, FLEET, AT)
        assert isinstance(outcome, Accepted)
        found += [taken for event in outcome.events if (taken := acceptance(event))]
    assert [(taken.version, taken.halted) for taken in found] == [(1, False), (2, True), (3, False)]


def test_its_presence_and_introduction_are_taken() -> None:
    """Plain, as it sends them: it has the skills of the first version."""
    for payload in first_reader.recorded("state"):
        assert isinstance(read_state(ProbeTopic(MEMBER.id, Leaf.STATE), payload, FLEET), Spoken)
    heard = read_announcement(ProbeTopic(MEMBER.id, Leaf.META), first_reader.recorded("meta")[0], AT)
    assert isinstance(heard, Announcement)
    assert heard.stranger.public_key == MEMBER.public_key
    assert heard.able == Able(software="0.1.0", skills=FIRST)


@pytest.mark.parametrize("profile", Profile.known())
@pytest.mark.parametrize("able", [None, Able()])
def test_what_it_is_given_it_can_read(profile: Profile, able: Able | None) -> None:
    """The shipped catalogue, and one with every word that we know: it reads a message whole or not at all."""
    whole = assignment_for(MEMBER, load(default_folder()), Timetable(), Budget(), {})
    strange = tuple(
        Target(id=f"s/{role}/{n}", service="s", role=role, host="a.example", experiments=(experiment,))
        for n, (role, experiment) in enumerate(
            (role, experiment) for role in TargetRole for experiment in Experiment if experiment is not Experiment.LINE
        )
    )
    for asked in (whole, msgspec.structs.replace(whole, targets=(*whole.targets, *strange))):
        task, _ = within(asked, able)
        issued = due(fitted(task, profile), Issued(), AT)
        assert issued is not None
        sent = msgspec.structs.replace(dated(fitted(task, profile), issued), sealed_to="ab" * 32)
        assert first_reader.faults("Assignment", plain(sent)) == []
        assert sent.targets


def test_a_halt_holds_nothing_that_could_void_it() -> None:
    """Neither target nor control: what is not there cannot be a word that it lacks."""
    halt = plain(stopped("2026-11-01+0", "under review", 300))
    assert first_reader.faults("Assignment", halt) == []
    assert set(halt) <= {"version", "catalogue", "expires", "targets", "halt", "timetable", "budget"}
    assert halt["targets"] == []


def test_what_it_is_told_else_it_can_read() -> None:
    """Receipts, with gaps too, and our own state."""
    assert first_reader.faults("Receipt", plain(Receipt(stream="a", through=3, beyond=(5, 7), at=1.0))) == []
    assert first_reader.faults("CollectorState", plain(CollectorState(online=True, at=1.0))) == []
