"""What a probe may say of itself and of what it measured: nothing but what it was asked to measure, and what it saw."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.fleet.assignment import LASTS, widened
from balise_collector.fleet.claims import (
    LINE_ID,
    Asked,
    Tasks,
    asked_of,
    disagrees,
    given,
    tasks_of,
    together,
    unasked,
)
from balise_collector.fleet.members import Fleet, Record
from balise_collector.intake.validate import Accepted, Quarantined, validate
from balise_wire.assignment import Assignment, Target
from balise_wire.experiments.dns import DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import LineObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.measurement import Measurement, Network
from balise_wire.topics import Leaf, ProbeTopic
from balise_wire.words import Access, Arm, Experiment, ProbeRole, TargetRole
from tests.collector.field_probe import FieldProbe

WEB = Asked(
    id="twitter/web/twitter.com/4", service="twitter", role=TargetRole.WEB, host="twitter.com", family=4,
    ports=(("stun", 3_478), ("call", 3_478), ("vpn", 1_194)),
)  # fmt: skip
FIXED = msgspec.structs.replace(
    WEB, id="zoom/web/zoom.us/4", service="zoom", host="zoom.us", addresses=("198.18.0.20",)
)
TASKS = tasks_of([(WEB, FIXED)])


def _said(probe: FieldProbe, **changes: Any) -> Measurement:
    made: Measurement = probe.measurement(**changes)
    return made


def test_the_target_of_the_task_is_measured_and_nothing_else(probe: FieldProbe, epoch: float) -> None:
    """Service, role, host and family are those of the target, which must be one that this probe was given."""
    assert unasked(_said(probe), TASKS, epoch, LASTS) == ""
    for lie in (
        {"service": "zoom"},
        {"role": TargetRole.API},
        {"host": "example.org"},
        {"family": 6},
        {"target": "twitter/api/api.twitter.com/4"},
        {"target": "twitter/api/api.twitter.com/4", "role": TargetRole.API, "host": "api.twitter.com"},
        {"target": "", "service": "<b>gov</b>"},
        {"role": TargetRole.LINE},
    ):
        assert unasked(_said(probe, **lie), TASKS, epoch, LASTS), lie
    assert unasked(_said(probe), Tasks(), epoch, LASTS)


@pytest.mark.parametrize(
    ("trial", "fine"),
    [
        (TcpObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.0.10", port=443), True),
        (TcpObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.0.10", port=25), False),
        (TcpObservation(arm=Arm.OTHER_PORT, at=1.0, address="198.18.0.10", port=80), True),
        (TlsObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.0.10", port=443, sni="twitter.com"), True),
        (TlsObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.0.10", port=443, sni="zoom.us"), False),
        (TlsObservation(arm=Arm.NEIGHBOUR, at=1.0, address="198.18.0.10", port=443, sni="zoom.us"), True),
        (HttpObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.0.10", port=80, host="twitter.com"), True),
        (HttpObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.0.10", port=80, host="example.org"), False),
        (DnsObservation(arm=Arm.SUBJECT, at=1.0, name="twitter.com"), True),
        (DnsObservation(arm=Arm.SUBJECT, at=1.0, name="captive.apple.com"), False),
    ],
)
def test_the_subject_of_every_trial_is_the_target(probe: FieldProbe, epoch: float, trial: Any, fine: bool) -> None:
    """A trial of another name or port under a target's id would teach or accuse in its name."""
    assert (unasked(_said(probe, observations=(trial,)), TASKS, epoch, LASTS) == "") is fine


def test_an_address_that_the_catalogue_names_leaves_no_choice(probe: FieldProbe, epoch: float) -> None:
    """Where it names none each probe tests what it is answered; what the probe itself struck out says nothing."""

    def at(address: str) -> str:
        trial = TcpObservation(arm=Arm.SUBJECT, at=1.0, address=address, port=443)
        said = _said(probe, target=FIXED.id, service="zoom", host="zoom.us", observations=(trial,))
        return unasked(said, TASKS, epoch, LASTS)

    assert at("198.18.0.20") == at("") == ""
    assert "198.18.0.66" in at("198.18.0.66")


def test_a_line_check_is_of_the_line_and_of_nothing_else(probe: FieldProbe, epoch: float) -> None:
    """Every probe checks its line, whatever it was assigned; the line's words open no other cell."""
    line = {
        "experiment": Experiment.LINE, "target": LINE_ID, "service": "internet", "role": TargetRole.LINE,
        "host": "line", "observations": (LineObservation(arm=Arm.SUBJECT, at=epoch),),
    }  # fmt: skip
    assert unasked(_said(probe, **line), Tasks(), epoch, LASTS) == ""
    for lie in ({"experiment": Experiment.TCP}, {"target": WEB.id}, {"service": "twitter"}, {"host": "x"}):
        assert unasked(_said(probe, **{**line, **lie}), TASKS, epoch, LASTS), lie


def test_every_form_that_a_target_had_is_remembered(probe: FieldProbe, epoch: float) -> None:
    """A result that waited while the catalogue changed is of the target as it was then."""
    moved = msgspec.structs.replace(FIXED, addresses=("198.18.0.21",))
    tasks = tasks_of([(WEB, FIXED), (moved,)])
    for address in ("198.18.0.20", "198.18.0.21"):
        trial = TcpObservation(arm=Arm.SUBJECT, at=1.0, address=address, port=443)
        said = _said(probe, target=FIXED.id, service="zoom", host="zoom.us", observations=(trial,))
        assert unasked(said, tasks, epoch, LASTS) == ""
    assert unasked(_said(probe), tasks, epoch, LASTS) == ""


def test_what_was_asked_before_tasks_were_kept_needs_only_to_fit_together(probe: FieldProbe, epoch: float) -> None:
    """A spool filled under an earlier version is not lost; what is newer than that is held against the task."""
    old = {"target": "skype/web/skype.com/4", "service": "skype", "host": "skype.com"}
    tasks = tasks_of([(WEB,)], unrecorded_until=epoch)
    assert unasked(_said(probe, **old), tasks, epoch + LASTS - 1, LASTS) == ""
    assert unasked(_said(probe, **{**old, "service": "zoom"}), tasks, epoch, LASTS)
    assert unasked(_said(probe, **old), tasks, epoch + LASTS + 1, LASTS)


def test_what_references_taught_is_no_address_of_the_catalogue() -> None:
    """Learned addresses turn over: a result of the last ones must not be refused for it."""
    target = Target(id=WEB.id, service="twitter", role=TargetRole.WEB, host="twitter.com", addresses=("198.18.0.9",))
    task = Assignment(version=1, catalogue="x", expires=0.0, targets=(target,))
    assert asked_of(task, {("twitter.com", 4): ("198.18.0.9",)}) == (WEB,)
    assert asked_of(task, {}) == (msgspec.structs.replace(WEB, addresses=("198.18.0.9",)),)


def test_a_quarantined_claim_takes_no_neighbour_along(probe: FieldProbe, epoch: float) -> None:
    """One lie of a batch is refused with its reason; the others go in."""
    fleet = Fleet.of([probe.member], tasks={probe.id: TASKS})
    lies = (_said(probe, service="zoom"), _said(probe, target="x/web/x/4", service="x", host="x"))
    outcome = validate(ProbeTopic(probe.id, Leaf.MEASUREMENT), probe.batch(_said(probe), *lies), fleet, epoch)
    assert isinstance(outcome, Accepted)
    assert [place for place, _ in outcome.measurements] == [0]
    assert ["never assigned" in bad.reason for bad in outcome.rejected] == [False, True]


def test_a_wrong_provider_on_the_card_loses_nothing_and_is_shown(probe: FieldProbe, epoch: float) -> None:
    """The record stands; an honest host with a wrong setting goes on being heard."""
    claim = Network(country="PK", asn=64999, access=Access.MOBILE)
    outcome = validate(
        ProbeTopic(probe.id, Leaf.MEASUREMENT),
        probe.batch(_said(probe, network=claim)),
        Fleet.of([probe.member]),
        epoch,
    )
    assert isinstance(outcome, Accepted)
    assert (len(outcome.measurements), outcome.claimed) == (1, claim)
    right = validate(ProbeTopic(probe.id, Leaf.MEASUREMENT), probe.batch(_said(probe)), Fleet.of([probe.member]), epoch)
    assert isinstance(right, Accepted)
    assert right.claimed is None


def test_where_a_probe_stood_is_the_record_of_that_time(probe: FieldProbe, epoch: float) -> None:
    """A spool that waited through a move belongs to the old line; a move written down late belongs to the new one."""
    home = Record(since=0.0, network=probe.network)
    abroad = Record(since=epoch, network=Network(country="KZ", asn=9198), role=ProbeRole.REFERENCE)
    fleet = Fleet.of([probe.member], records={probe.id: (home, abroad)})
    assert fleet.record_at(probe.id, epoch - 1.0) == home
    assert fleet.record_at(probe.id, epoch, "KZ") == abroad
    assert fleet.record_at(probe.id, epoch - 1.0, "KZ") == abroad
    assert fleet.record_at(probe.id, epoch, "TM") == abroad
    assert fleet.record_at("nobody000", epoch) is None
    late = probe.batch(_said(probe, started=epoch - 100.0))
    assert isinstance(validate(ProbeTopic(probe.id, Leaf.MEASUREMENT), late, fleet, epoch + 100.0), Accepted)
    lie = probe.batch(_said(probe, started=epoch - 100.0, network=Network(country="TM", asn=1)))
    outcome = validate(ProbeTopic(probe.id, Leaf.MEASUREMENT), lie, fleet, epoch + 100.0)
    assert isinstance(outcome, Quarantined) or outcome.rejected


def test_an_id_must_say_what_the_measurement_says(probe: FieldProbe) -> None:
    """All that can be asked of a journal of an earlier version."""
    assert disagrees(_said(probe)) == ""
    assert disagrees(_said(probe, target="twitter/web/twitter.com/6"))


def test_what_references_are_sent_to_turns_over() -> None:
    """Their own findings and what probes were given, each once: neither is held against a measurement."""
    learned = {("a.example", 4): ("198.18.0.1",), (given("a.example"), 4): ("198.18.0.1", "198.18.0.2")}
    assert together("a.example", 4, learned) == ("198.18.0.1", "198.18.0.2")
    assert together("a.example", 6, learned) == ()
    wide = widened(learned)
    assert wide == {("a.example", 4): ("198.18.0.1", "198.18.0.2")}
    target = Target(
        id="s/web/a.example/4", service="s", role=TargetRole.WEB, host="a.example", addresses=wide["a.example", 4]
    )
    assignment = Assignment(version=1, catalogue="c", expires=9e9, targets=(target,))
    assert asked_of(assignment, learned)[0].addresses == ()
    assert asked_of(assignment, {})[0].addresses == target.addresses
