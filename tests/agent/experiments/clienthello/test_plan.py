"""The plan of clienthello over a network of data: which hellos leave, in which order, and where it ends."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from balise_agent.experiments.clienthello.plan import PLAN, in_one, middle
from balise_agent.experiments.steps import Connect, Send
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork, hello_message
from balise_wire.assignment import Target
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.clienthello import (
    FORMS,
    ClienthelloObservation,
    ClienthelloParameters,
    HelloExtension,
    HelloForm,
)
from balise_wire.failures import Failure
from balise_wire.words import Arm

HOST = "twitter.example"
TYPES = {HelloForm.ECH: 0xFE0D, HelloForm.ESNI: 0xFFCE}


def with_extension(task: Task, extension: HelloExtension) -> Task:
    """Return a task whose target asks about an extension."""
    target: Target = task.target.saying(ClienthelloParameters(extension=extension))
    return msgspec.structs.replace(task, target=target)


def kinds(segments: tuple[bytes, ...]) -> list[int]:
    """Return the extensions of a hello, in order (RFC 8446 4.1.2)."""
    message = hello_message(b"".join(segments)) or b""
    body = message[4 + 2 + 32 :]
    body = body[1 + body[0] :]
    body = body[2 + int.from_bytes(body[:2]) :][2:][2:]
    found = []
    while body:
        found.append(int.from_bytes(body[:2]))
        body = body[4 + int.from_bytes(body[2:4]) :]
    return found


def dies(*types: int) -> Callable[[tuple[bytes, ...]], Failure | None]:
    """Return a box that drops hellos with any of these extensions."""
    return lambda segments: Failure.GENERIC_TIMEOUT if set(types) & set(kinds(segments)) else None


def forms(observations: tuple[ClienthelloObservation, ...]) -> list[tuple[Arm, HelloForm]]:
    """Return arm and form of each trial."""
    return [(one.arm, one.form) for one in observations]


@pytest.mark.parametrize("extension", HelloExtension.known())
def test_a_sentinel_says_the_name_in_every_form(network: FakeNetwork, task: Task, extension: HelloExtension) -> None:
    """The plain one first, the extension behind one as long that nobody knows; cuts are inside the name."""
    seen = network.play(PLAN.sentinel(with_extension(task, extension)), ClienthelloObservation)
    asked = HelloForm(extension.value)
    assert forms(seen) == [
        (Arm.SHAPE, HelloForm.PLAIN),
        (Arm.SHAPE, HelloForm.EXTENSION),
        (Arm.SUBJECT, asked),
        (Arm.SHAPE, HelloForm.NAMELESS),
        (Arm.SHAPE, HelloForm.SEGMENTS),
        (Arm.SHAPE, HelloForm.RECORDS),
    ]
    assert len(seen) == FORMS
    assert [one.sni for one in seen] == [HOST, HOST, HOST, None, HOST, HOST]
    assert {(one.failure, one.record) for one in seen} == {(None, "server_hello")}
    assert seen[1].hello_bytes == seen[2].hello_bytes
    assert seen[0].hello_bytes == seen[4].hello_bytes == seen[5].hello_bytes - 5
    sent = [step.data for step in network.asked(Send)]
    assert [TYPES[asked] in kinds((each,)) for each in sent[:4]] == [False, False, True, False]
    assert len(sent) == FORMS + 1
    assert not any(HOST.encode() in each for each in sent[3:])
    assert {step.address for step in network.asked(Connect)} == {task.address}


@pytest.mark.parametrize(("failing", "left"), [(HelloForm.PLAIN, 1), (HelloForm.ECH, 3), (HelloForm.SEGMENTS, 5)])
def test_the_first_that_dies_ends_it(network: FakeNetwork, task: Task, failing: HelloForm, left: int) -> None:
    """What comes behind a hello that died may die of it: then nothing is known of it."""
    boxes = {
        HelloForm.PLAIN: lambda _segments: Failure.CONNECTION_RESET,
        HelloForm.ECH: dies(TYPES[HelloForm.ECH]),
        HelloForm.SEGMENTS: lambda segments: Failure.GENERIC_TIMEOUT if len(segments) > 1 else None,
    }
    network.box = boxes[failing]
    seen = network.play(PLAN.sentinel(task), ClienthelloObservation)
    assert [one.failure is None for one in seen] == [True] * (left - 1) + [False]
    assert seen[-1].form is failing


def test_a_series_has_its_controls_first(network: FakeNetwork, task: Task) -> None:
    """The same name without the extension and with another, the extension twice, then what is told of it."""
    network.box = dies(TYPES[HelloForm.ECH])
    cause = ClienthelloObservation(
        arm=Arm.SUBJECT, at=1.0, address=task.address, port=443, sni=HOST, form=HelloForm.ECH, connect_ms=9.0,
        failure=Failure.GENERIC_TIMEOUT,
    )  # fmt: skip
    seen = network.play(PLAN.paired(msgspec.structs.replace(task, cause=cause)), ClienthelloObservation)
    assert forms(seen) == [
        (Arm.SUBJECT, HelloForm.ECH),
        (Arm.SHAPE, HelloForm.PLAIN),
        (Arm.SHAPE, HelloForm.EXTENSION),
        (Arm.SUBJECT, HelloForm.ECH),
        (Arm.SUBJECT, HelloForm.ECH),
        (Arm.AFTER, HelloForm.PLAIN),
        (Arm.NEIGHBOUR, HelloForm.ECH),
    ]
    assert seen[0].carried
    assert seen[-1].sni == "neighbour.example"
    assert len(network.asked(Connect)) == PLAN.load(task).connections


def test_a_series_in_which_all_passes_is_short(network: FakeNetwork, task: Task) -> None:
    """Two controls and the extension twice."""
    assert len(network.play(PLAN.paired(task))) == 4


def test_a_name_that_dies_without_the_extension_is_not_shown_with_it(network: FakeNetwork, task: Task) -> None:
    """It is the layer tls that tells of names."""
    network.cut[HOST] = Failure.CONNECTION_RESET
    assert forms(network.play(PLAN.paired(task), ClienthelloObservation)) == [(Arm.SHAPE, HelloForm.PLAIN)]


def test_where_any_extension_dies_one_look_is_enough(network: FakeNetwork, task: Task) -> None:
    """A server that stumbles over what it does not know says nothing of this one."""
    network.box = lambda segments: Failure.EOF if len(segments[0]) > 517 else None
    seen = network.play(PLAN.paired(with_extension(task, HelloExtension.ESNI)), ClienthelloObservation)
    assert forms(seen)[:3] == [
        (Arm.SHAPE, HelloForm.PLAIN),
        (Arm.SHAPE, HelloForm.EXTENSION),
        (Arm.SUBJECT, HelloForm.ESNI),
    ]
    assert [one.arm for one in seen].count(Arm.SUBJECT) == 1


def test_an_extension_of_a_newer_program_is_not_made_up(network: FakeNetwork, task: Task) -> None:
    """The plain hello alone goes: there is no subject, and so no word."""
    strange = with_extension(task, HelloExtension.UNKNOWN)
    for plan in (PLAN.sentinel, PLAN.paired):
        assert forms(network.play(plan(strange), ClienthelloObservation))[:1] == [(Arm.SHAPE, HelloForm.PLAIN)]
        assert Arm.SUBJECT not in [one.arm for one in network.play(plan(strange), ClienthelloObservation)]


@pytest.mark.parametrize(
    ("name", "first"), [("twitter.com", "twit"), ("a.twitter.com", "a.twit"), ("x.co.uk", "x"), ("t.co", "t")]
)
def test_the_cut_goes_through_the_registered_label(name: str, first: str) -> None:
    """What block lists hold is left whole in neither part."""
    assert name[: middle(name)] == first


def test_a_kernel_that_joins_what_it_sends_again_is_seen() -> None:
    """Then the whole name was in one segment after all."""
    first = Packet(t_us=1, direction=Direction.OUT, seq=1, length=200)
    rest = Packet(t_us=2, direction=Direction.OUT, seq=201, length=317)
    joined = Packet(t_us=3, direction=Direction.OUT, seq=1, length=517)
    assert in_one((first, rest), 200) is False
    assert in_one((first, rest, joined), 200) is True
    assert in_one((), 200) is None
