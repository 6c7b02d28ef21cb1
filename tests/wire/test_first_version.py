"""Two versions: what programs of commit a430c09 sent is read for ever, and what we send they can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_wire import skills
from balise_wire.assignment import Assignment
from balise_wire.enrolment import Enrolment, EnrolmentRequest, Refusal, Refused, RenewalRequest
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.evidence import Direction
from balise_wire.failures import Failure
from balise_wire.measurement import read_measurement
from balise_wire.seal import HEADER, Sealer
from balise_wire.status import (
    Acceptance,
    CollectorState,
    EventKind,
    Health,
    Meta,
    Receipt,
    State,
    acceptance,
    read_event,
)
from balise_wire.word import Word
from balise_wire.words import Access, Arm, ClockState, Design, Lifecycle, Resolver, Scope, TargetRole
from tests.testbed import first_reader

SCHEMAS = {
    "measurements": "Measurement", "assignment": "Assignment", "receipt": "Receipt", "state": "State", "meta": "Meta",
    "health": "Health", "event": "Event", "collector-state": "CollectorState",
    "enrolment-request": "EnrolmentRequest", "renewal-request": "RenewalRequest", "enrolment": "Enrolment",
    "refused": "Refused",
}  # fmt: skip
GOLDEN = Path(__file__).parent / "golden"


# ---------------------------------------------------------------- tomorrow's reader, today's word


def test_its_batches_are_read() -> None:
    """Measurements and events, whole, with nothing that we would have to call unknown."""
    for frame in first_reader.recorded("measurement"):
        envelope = first_reader.opened(frame)
        assert (envelope.kind, envelope.clock_state) == (Kind.MEASUREMENT, ClockState.LABORATORY)
        for raw in msgspec.json.decode(envelope.body, type=list[msgspec.Raw]):
            measurement, newer = read_measurement(raw)
            assert newer == ()
            assert b"unknown" not in msgspec.json.encode(measurement).replace(b"unknown_error", b"")
    events = [
        read_event(raw)
        for frame in first_reader.recorded("event")
        for raw in msgspec.json.decode(first_reader.opened(frame).body, type=list[msgspec.Raw])
    ]
    taken = [found for event in events if (found := acceptance(event))]
    assert taken == [Acceptance(1, halted=False), Acceptance(2, halted=True), Acceptance(3, halted=False)]


@pytest.mark.parametrize(("leaf", "kind"), [("health", Health), ("receipt", Receipt), ("assignment", Assignment)])
def test_its_sealed_messages_are_read(leaf: str, kind: type[msgspec.Struct]) -> None:
    """Each decodes, and what it leaves out has its default."""
    for frame in first_reader.recorded(leaf):
        body = first_reader.opened(frame).body
        read = msgspec.json.decode(body, type=kind)
        assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(body)


@pytest.mark.parametrize(("leaf", "kind"), [("meta", Meta), ("state", State), ("collector-state", CollectorState)])
def test_its_plain_messages_are_read(leaf: str, kind: type[msgspec.Struct]) -> None:
    """Presence, key and good-bye."""
    for payload in first_reader.recorded(leaf):
        read = msgspec.json.decode(payload, type=kind)
        assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(payload)


# ---------------------------------------------------------------- today's reader, tomorrow's field


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [one for item in value for one in _objects(item)]
    if isinstance(value, dict):
        return [value, *(one for item in value.values() for one in _objects(item))]
    return []


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.name)
def test_a_field_of_tomorrow_costs_nothing(path: Path, golden_types: dict[str, Any]) -> None:
    """In every object of every kind of message: it is passed over, and the rest is read as it was.

    But for the enrolment's requests, where a stranger speaks: what is not known there is refused, by the first version
    and by this one, and so those two never grow.
    """
    kind = golden_types[path.stem.rpartition("-")[0]]
    strict = kind in {EnrolmentRequest, RenewalRequest}
    message = json.loads(path.read_bytes())
    for place in _objects(message):
        place["a_field_of_tomorrow"] = {"x": [1, None, {"y": True}]}
    if strict:
        with pytest.raises(msgspec.ValidationError, match="unknown field `a_field_of_tomorrow`"):
            msgspec.json.decode(json.dumps(message), type=kind)
        return
    assert msgspec.json.decode(json.dumps(message), type=kind) == msgspec.json.decode(path.read_bytes(), type=kind)


def test_a_frame_that_nobody_can_open_is_never_made_for_a_probe() -> None:
    """Header and dictionary are those of the first version (seal.py)."""
    frame = Sealer(first_reader.COLLECTOR_KEY).seal(b"{}")
    assert frame[:5] == first_reader.recorded("assignment")[0][:5]
    assert len(frame) > HEADER


# ---------------------------------------------------------------- yesterday's reader, today's words


def test_the_first_reader_reads_itself() -> None:
    """The stand-in takes what was recorded, and finds what is wrong."""
    for leaf, kind in (("meta", "Meta"), ("state", "State"), ("collector-state", "CollectorState")):
        for payload in first_reader.recorded(leaf):
            assert first_reader.faults(kind, json.loads(payload)) == []
    for leaf, kind in (("health", "Health"), ("receipt", "Receipt"), ("assignment", "Assignment")):
        for frame in first_reader.recorded(leaf):
            assert first_reader.faults(kind, json.loads(bytes(first_reader.opened(frame).body))) == []
    good = json.loads(bytes(first_reader.opened(first_reader.recorded("assignment")[0]).body))
    good["targets"][0]["role"] = "holodeck"
    assert first_reader.faults("Assignment", good) == ["Assignment.targets[0].role: 'holodeck' is no word that it has"]
    assert first_reader.faults("Receipt", {"stream": 7}) == [
        "Receipt: no through",
        "Receipt.stream: int where it takes string",
    ]
    assert first_reader.faults("RenewalRequest", {"request": "", "x": 1}) == [
        "RenewalRequest: x is no field that it has"
    ]


def test_words_in_the_envelope_have_not_grown() -> None:
    """One that the first version lacks would void a whole batch or state there: such a list does not grow by itself.

    ``state`` and ``carried`` are kinds that only the envelope inside a state, or in a box, has: there none looks who
    does not know them. ``request_answered`` is only told to a collector that made a request, and so knows it.
    """
    plain = {"probe": "k7m2q9xd", "id": "0" * 32, "sent_at": 1.0, "body": []}
    for clock in ClockState.known():
        assert first_reader.faults("Envelope", {**plain, "kind": "event", "clock_state": clock}) == []
    for kind in (Kind.MEASUREMENT, Kind.EVENT, Kind.HEALTH, Kind.META, Kind.RECEIPT, Kind.ASSIGNMENT):
        message = encode_envelope(
            Envelope(kind=kind, id="0" * 32, probe="k7m2q9xd", sent_at=1.0, body=msgspec.Raw(b"[]"))
        )
        assert first_reader.faults("Envelope", json.loads(message)) == []
    for state in Lifecycle.known():
        assert first_reader.faults("State", {"state": state, "session": 1}) == []
    for event in set(EventKind.known()) - {EventKind.REQUEST_ANSWERED}:
        assert first_reader.faults("Event", {"kind": event, "at": 1.0}) == []


COST_A_MEASUREMENT: dict[type[Word], set[str]] = {
    Design: {Design.ON_DEMAND},
    Arm: {Arm.NEAR_SIBLING, Arm.RANDOM_LABEL, Arm.LONG_HELLO, Arm.LONG_CONTROL, Arm.AFTER}
    | {Arm.NEUTRAL, Arm.NEUTRAL_CONTROL}
    | {Arm.THROUGH, Arm.THROUGH_CONTROL}
    | {Arm.NOISE, Arm.OTHER_TRANSPORT, Arm.ELSEWHERE, Arm.SHAPE},
    Failure: {Failure.QUIC_MALFORMED, Failure.STUN_MALFORMED, Failure.VPN_MALFORMED},
    Resolver: {Resolver.UPSTREAM},
    TargetRole: {TargetRole.MEETING},
}
"""Words added since: a collector of the first version quarantines each measurement that has one, and no other. What is
on demand, near siblings, the provider's resolvers and helpers were asked for by a collector that knows them; a random
label rides in paired series, the look for residual blocking in those that failed, and a long hello goes once a day. The
last four arms, and the failures, are of experiments that only a collector asks for which knows them; a role is the word
of whoever gave the target out. What goes by way of a proxy rides in paired series that failed, where the operator has
written a proxy down: docs/operator.md has the centre brought up before."""


@pytest.mark.parametrize("words", [Failure, Arm, Resolver, Design, Scope, TargetRole, Access, Direction])
def test_words_in_a_measurement_grow_with_their_cost_in_mind(words: type[Word]) -> None:
    """Whoever adds one names it here, and says in the changelog from which version on collectors take it.

    An experiment costs nothing: only a collector that knows it can have asked for it.
    """
    assert {*words.known(), *({Failure.UNKNOWN} if words is Failure else ())} - first_reader.words(words.__name__) == (
        COST_A_MEASUREMENT.get(words, set())
    )


def test_what_a_probe_that_tells_nothing_is_given_is_what_it_can_read() -> None:
    """The words of skills.FIRST are words of its schema."""
    for word in skills.FIRST:
        kind, _, text = word.partition(":")
        name = {"experiment": "Experiment", "role": "TargetRole", "scope": "Scope"}[kind]
        assert first_reader.faults(name, text) == []


def test_enrolment_says_nothing_that_the_first_version_lacks() -> None:
    """A new board meets a collector that refuses what it does not know, of any age; its answers meet an old board."""
    assert set(EnrolmentRequest.__struct_fields__) == {
        "token", "request", "country", "provider", "access", "role", "profile", "consent", "board", "software",
    }  # fmt: skip
    assert RenewalRequest.__struct_fields__ == ("request",)
    for refusal in Refusal.known():
        answer = json.loads(msgspec.json.encode(Refused(refused=refusal)))
        assert first_reader.faults("Refused", answer) == []
    for path in GOLDEN.glob("enrolment-[0-9]*.json"):
        answer = json.loads(msgspec.json.encode(msgspec.json.decode(path.read_bytes(), type=Enrolment)))
        assert first_reader.faults("Enrolment", answer) == []


OF_REQUESTS = {
    "event-3.json": ["Event.kind: 'request_answered' is no word that it has"],
    "event-4.json": ["Event.kind: 'request_answered' is no word that it has"],
    "measurements-7.json": ["Measurement.design: 'on_demand' is no word that it has"],
    "measurements-9.json": [
        "Measurement.observations[0].arm: 'random_label' is no word that it has",
        "Measurement.observations[1].resolver: 'upstream' is no word that it has",
        "Measurement.observations[2].arm: 'long_hello' is no word that it has",
        "Measurement.observations[3].arm: 'long_control' is no word that it has",
        "Measurement.observations[4].arm: 'near_sibling' is no word that it has",
    ],
    "assignment-5.json": ["Assignment.targets[0].experiments[1]: 'quic' is no word that it has"],
    "measurements-10.json": [
        "Measurement.experiment: 'quic' is no word that it has",
        "Measurement.observations[0].is: 'quic' is no word that it has",
        "Measurement.observations[1].is: 'quic' is no word that it has",
        "Measurement.observations[1].arm: 'other_transport' is no word that it has",
        "Measurement.observations[2].is: 'quic' is no word that it has",
        "Measurement.observations[2].arm: 'noise' is no word that it has",
        "Measurement.observations[3].is: 'quic' is no word that it has",
        "Measurement.observations[4].is: 'quic' is no word that it has",
        "Measurement.observations[4].failure: 'quic_malformed_response' is no word that it has",
        "Measurement.observations[5].is: 'quic' is no word that it has",
        "Measurement.observations[5].arm: 'elsewhere' is no word that it has",
    ],
    "assignment-6.json": ["Assignment.targets[0].experiments[1]: 'stun' is no word that it has"],
    "assignment-7.json": ["Assignment.targets[0].experiments[1]: 'call' is no word that it has"],
    "assignment-8.json": ["Assignment.targets[0].experiments[0]: 'vpn' is no word that it has"],
    "assignment-9.json": ["Assignment.targets[0].experiments[2]: 'clienthello' is no word that it has"],
    "measurements-16.json": [
        "Measurement.experiment: 'clienthello' is no word that it has",
        "Measurement.observations[0].is: 'clienthello' is no word that it has",
        "Measurement.observations[0].arm: 'shape' is no word that it has",
        "Measurement.observations[1].is: 'clienthello' is no word that it has",
        "Measurement.observations[1].arm: 'shape' is no word that it has",
        "Measurement.observations[2].is: 'clienthello' is no word that it has",
        "Measurement.observations[3].is: 'clienthello' is no word that it has",
        "Measurement.observations[3].arm: 'shape' is no word that it has",
        "Measurement.observations[4].is: 'clienthello' is no word that it has",
        "Measurement.observations[4].arm: 'shape' is no word that it has",
        "Measurement.observations[5].is: 'clienthello' is no word that it has",
        "Measurement.observations[5].arm: 'shape' is no word that it has",
    ],
    "measurements-17.json": [
        "Measurement.experiment: 'clienthello' is no word that it has",
        "Measurement.observations[0].is: 'clienthello' is no word that it has",
        "Measurement.observations[1].is: 'clienthello' is no word that it has",
        "Measurement.observations[1].arm: 'shape' is no word that it has",
        "Measurement.observations[2].is: 'clienthello' is no word that it has",
        "Measurement.observations[2].arm: 'shape' is no word that it has",
        "Measurement.observations[3].is: 'clienthello' is no word that it has",
        "Measurement.observations[4].is: 'clienthello' is no word that it has",
        "Measurement.observations[5].is: 'clienthello' is no word that it has",
        "Measurement.observations[5].arm: 'after' is no word that it has",
        "Measurement.observations[6].is: 'clienthello' is no word that it has",
    ],
    "measurements-13.json": [
        "Measurement.experiment: 'vpn' is no word that it has",
        "Measurement.observations[0].is: 'vpn' is no word that it has",
        "Measurement.observations[1].is: 'vpn' is no word that it has",
        "Measurement.observations[1].arm: 'noise' is no word that it has",
        "Measurement.observations[2].is: 'vpn' is no word that it has",
        "Measurement.observations[3].is: 'vpn' is no word that it has",
        "Measurement.observations[3].arm: 'noise' is no word that it has",
    ],
    "measurements-12.json": [
        "Measurement.experiment: 'call' is no word that it has",
        "Measurement.observations[0].is: 'call' is no word that it has",
        "Measurement.observations[1].is: 'call' is no word that it has",
        "Measurement.observations[1].arm: 'noise' is no word that it has",
        "Measurement.observations[2].is: 'call' is no word that it has",
        "Measurement.observations[2].arm: 'shape' is no word that it has",
        "Measurement.observations[3].is: 'call' is no word that it has",
        "Measurement.observations[4].is: 'call' is no word that it has",
    ],
    "measurements-15.json": [
        "Measurement.observations[1].arm: 'through_control' is no word that it has",
        "Measurement.observations[2].arm: 'through' is no word that it has",
        "Measurement.observations[3].arm: 'through' is no word that it has",
    ],
    "measurements-14.json": ["Measurement.observations[1].arm: 'through_control' is no word that it has"],
    "measurements-11.json": [
        "Measurement.experiment: 'stun' is no word that it has",
        "Measurement.observations[0].is: 'stun' is no word that it has",
        "Measurement.observations[1].is: 'stun' is no word that it has",
        "Measurement.observations[1].arm: 'other_transport' is no word that it has",
        "Measurement.observations[2].is: 'stun' is no word that it has",
        "Measurement.observations[2].arm: 'shape' is no word that it has",
        "Measurement.observations[3].is: 'stun' is no word that it has",
        "Measurement.observations[3].failure: 'stun_malformed_response' is no word that it has",
        "Measurement.observations[4].is: 'stun' is no word that it has",
        "Measurement.observations[5].is: 'stun' is no word that it has",
        "Measurement.observations[5].arm: 'elsewhere' is no word that it has",
    ],
}
"""What it cannot read is about requests, of which it makes none; of an experiment that it does not ask for, and is not
given the targets of (skills); and arms that have come since: a measurement each."""


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.name)
def test_the_first_version_reads_our_golden_files(path: Path) -> None:
    """What was added since are fields with defaults; a golden file with a word of today's says so here."""
    name = path.stem.rpartition("-")[0]
    if name == "requests":
        return  # it does not listen to the topic that they are on
    message = json.loads(path.read_bytes())
    for one in message if isinstance(message, list) else [message]:
        assert first_reader.faults(SCHEMAS[name], one) == OF_REQUESTS.get(path.name, [])
