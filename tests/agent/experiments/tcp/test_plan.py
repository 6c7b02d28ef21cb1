"""The tcp experiment: how many SYNs, in which order, and what their answers are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.steps import Answer, AnswerKind, Exchange, Exchanged
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.experiments.tcp.plan import ladder
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import Control
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tcp import TcpObservation, TcpParameters
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment, HopPlace

if TYPE_CHECKING:
    from collections.abc import Callable

TCP = REGISTRY[Experiment.TCP]


def test_sentinel_is_two_syns_a_second_apart(network: FakeNetwork, task: Task) -> None:
    """One lost SYN is ordinary: two, a second apart, are one measurement."""
    (only,) = network.play(TCP.plan.sentinel(task), TcpObservation)
    (step,) = network.asked(Exchange)
    assert (len(step.packets), step.spacing, step.enough) == (2, 1.0, True)
    assert (only.syns, only.synacks, only.failure, only.rtt_ms) == (2, 2, None, 20.0)


def test_paired_asks_the_controls_first(network: FakeNetwork, task: Task) -> None:
    """Other port, sibling and a control endpoint come before the six SYNs to the subject."""
    network.refuse("198.18.1.1", 443, Failure.GENERIC_TIMEOUT)
    observations = network.play(TCP.plan.paired(task), TcpObservation)
    assert [(o.arm, o.address, o.port, o.syns) for o in observations] == [
        (Arm.OTHER_PORT, "198.18.1.1", 80, 2),
        (Arm.NEAR_SIBLING, "198.18.1.9", 443, 2),
        (Arm.CONTROL, "198.18.9.1", 443, 2),
        (Arm.SUBJECT, "198.18.1.1", 443, 6),
        (Arm.OTHER_PORT, "198.18.1.1", 80, 2),
    ]
    controls, series, _ = network.asked(Exchange)
    assert [probe.address for probe in controls.packets] == ["198.18.1.1", "198.18.1.9", "198.18.9.1"] * 2
    assert len(series.packets) == 6
    subject = observations[-2]
    assert (subject.synacks, subject.failure, subject.rtt_ms) == (0, Failure.GENERIC_TIMEOUT, None)
    assert not series.enough  # every answer of the window is evidence
    assert TCP.reader.anomaly(observations) is subject


def test_the_other_port_stands_on_both_sides_of_a_series_that_got_nothing(network: FakeNetwork, task: Task) -> None:
    """Before it alone, the control would differ in its place as well as in its port; where it tells nothing, not."""
    arms = [o.arm for o in network.play(TCP.plan.paired(task), TcpObservation)]
    assert arms.count(Arm.OTHER_PORT) == 1  # the subject answered
    for port in (80, 443):
        network.refuse("198.18.1.1", port, Failure.GENERIC_TIMEOUT)
    arms = [o.arm for o in network.play(TCP.plan.paired(task), TcpObservation)]
    assert arms.count(Arm.OTHER_PORT) == 1  # it was dead before
    assert TCP.plan.load(msgspec.structs.replace(task, design=Design.PAIRED)).connections == 10


@pytest.mark.parametrize("failure", [Failure.CONNECTION_REFUSED, Failure.ICMP_ADMIN_PROHIBITED])
def test_refusals_have_their_word(network: FakeNetwork, task: Task, failure: Failure) -> None:
    """A RST and an ICMP prohibition are told apart from silence."""
    network.refuse("198.18.1.1", 443, failure)
    (only,) = network.play(TCP.plan.sentinel(task), TcpObservation)
    assert only.failure is failure


def test_arms_that_the_catalogue_lacks_are_left_out(
    network: FakeNetwork, task: Task, changed: Callable[..., Task]
) -> None:
    """No sibling, no second port: no such arm, and never an invented one."""
    observations = network.play(TCP.plan.paired(changed(task, sibling="", other_port=0)), TcpObservation)
    assert [o.arm for o in observations] == [Arm.CONTROL, Arm.SUBJECT]


def test_a_paired_run_depends_on_its_control_endpoints(task: Task) -> None:
    """The cool-down must see every endpoint whose answer stands for the subject's address."""
    assert set(TCP.plan.load(msgspec.structs.replace(task, design=Design.PAIRED)).endpoints) == {
        Endpoint("198.18.1.1", 443, Transport.TCP),
        Endpoint("198.18.1.1", 80, Transport.TCP),
        Endpoint("198.18.1.9", 443, Transport.TCP),
    }


def test_the_sibling_ladder_has_a_rung_in_the_prefix_and_one_beyond(
    network: FakeNetwork, task: Task, changed: Callable[..., Task]
) -> None:
    """An address, its prefix and its AS are three blocks; of each rung one host of the family is asked."""
    rungs = TcpParameters(other_port=80, siblings=("198.18.1.7", "198.18.66.1", "2a00::1", "198.18.1.1"))
    laddered = msgspec.structs.replace(task, target=task.target.saying(rungs))
    near, far = ladder(laddered)
    assert (near[0], near[1] in {"198.18.1.9", "198.18.1.7"}) == (Arm.NEAR_SIBLING, True)
    assert far == (Arm.SIBLING, "198.18.66.1")
    assert [o.arm for o in network.play(TCP.plan.paired(laddered), TcpObservation)] == [
        Arm.OTHER_PORT, Arm.NEAR_SIBLING, Arm.SIBLING, Arm.CONTROL, Arm.SUBJECT,
    ]  # fmt: skip
    assert ladder(changed(task, sibling="")) == ()


def test_who_sent_an_icmp_error_is_told(network: FakeNetwork, task: Task) -> None:
    """A home's own router that says "prohibited" is no censor."""
    packet = Packet(t_us=1, direction=Direction.IN, icmp="3/13", ttl=64, hop="192.168.7.1", place=HopPlace.FIRST)
    answer = Answer(probe=0, kind=AnswerKind.ICMP, rtt_ms=1.0, packet=packet)
    network.on(Exchange, lambda _step, _session: Exchanged(at=1.0, elapsed_ms=1.0, answers=(answer,)))
    (only,) = network.play(TCP.plan.sentinel(task), TcpObservation)
    assert (only.failure, only.icmp_place) == (Failure.ICMP_ADMIN_PROHIBITED, HopPlace.FIRST)


def test_the_control_has_the_subjects_port(network: FakeNetwork, task: Task) -> None:
    """A control on port 80 excuses no 443; where none is on it, another is better than none."""
    portals = tuple(Control(name=f"p{n}.example", addresses=(f"198.18.9.{n + 40}",), port=80) for n in range(9))
    mixed = msgspec.structs.replace(task, controls=(*portals, *task.controls))
    (control,) = (o for o in network.play(TCP.plan.paired(mixed), TcpObservation) if o.arm is Arm.CONTROL)
    assert (control.address, control.port) == ("198.18.9.1", 443)
    bare = msgspec.structs.replace(task, controls=portals)
    (control,) = (o for o in network.play(TCP.plan.paired(bare), TcpObservation) if o.arm is Arm.CONTROL)
    assert control.port == 80
