"""What runs share: hot endpoints rest, one name at a time, hosts have their tokens."""

from __future__ import annotations

import math

import msgspec

from balise_agent.measure.cooldown import COOL_DOWN, FLOOD_REST, STAGGER, Shared
from balise_agent.measure.run import Run
from balise_agent.measure.task_choice import Device, task_for
from balise_wire.assignment import Assignment, Target
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Experiment, TargetRole

ADDRESS = "198.18.1.1"


def run(number: int, word: Experiment) -> Run:
    """Return a sentinel of the n-th target at the one address."""
    target = Target(
        id=f"s/web/{number}.example/4", service="s", role=TargetRole.WEB, host=f"{number}.example",
        addresses=(ADDRESS,),
    )  # fmt: skip
    assignment = Assignment(version=1, catalogue="c", expires=9e9, targets=(target,))
    task = task_for(assignment, target, 4, device=Device(secret=b"s"), now=0.0)
    return Run(target=target, family=4, experiment=word, slot=0, due=0.0, task=task)


def hello(**changes: object) -> Observation:
    """Return a hello that was cut."""
    made = TlsObservation(
        arm=Arm.SUBJECT, at=1.0, failure=Failure.CONNECTION_RESET, address=ADDRESS, port=443, sni="1.example",
        connect_ms=40.0,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_one_name_at_a_time_and_syns_together() -> None:
    """Two names on one address could spoil each other's result; SYNs show none."""
    shared = Shared(600)
    tls, other, tcp, syn = (run(n, w) for n, w in enumerate((Experiment.TLS,) * 2 + (Experiment.TCP,) * 2))
    assert shared.begin(tcp, 0.0)
    assert shared.are_free(syn)
    assert not shared.are_free(tls)
    assert shared.ready_at(tls, 0.0) == math.inf
    shared.end(tcp, (), 1.0)
    assert shared.begin(tls, 1.0)
    assert not shared.are_free(other)
    assert not shared.are_free(syn)


def test_what_heats_rests() -> None:
    """180 s after a name failed there, for every target; longer after a flood."""
    shared, tls, other = Shared(600), run(1, Experiment.TLS), run(2, Experiment.TLS)
    assert shared.begin(tls, 0.0)
    shared.end(tls, (hello(),), 10.0)
    assert not shared.are_free(other)
    assert shared.ready_at(other, 10.0) == 10.0 + COOL_DOWN
    shared.cool(10.0 + COOL_DOWN)
    assert shared.are_free(other)
    shared.end(tls, (hello(failure=None, flood_bytes=9),), 500.0)
    assert shared.ready_at(other, 500.0) == 500.0 + FLOOD_REST
    shared.clock_went_back(100.0)
    assert shared.ready_at(other, 100.0) == 100.0 + COOL_DOWN


def test_a_dead_address_heats_nothing() -> None:
    """A censor cannot remember a name that it did not see."""
    shared, tcp = Shared(600), run(1, Experiment.TCP)
    dead = TcpObservation(arm=Arm.SUBJECT, at=1.0, failure=Failure.GENERIC_TIMEOUT, address=ADDRESS, port=443, syns=2)
    shared.end(tcp, (dead,), 10.0)
    assert shared.are_free(tcp)


def test_targets_are_staggered_and_hosts_have_a_share() -> None:
    """Never two runs of one target at one instant, nor more connections to a host than it is to have."""
    shared = Shared(2)
    first, second, third = (run(n, Experiment.TCP) for n in (1, 2, 3))
    assert shared.begin(first, 0.0)
    assert not shared.begin(first, STAGGER / 2)
    assert not shared.begin(second, 0.0)  # both tokens went to the first
    ready = shared.ready_at(second, 0.0)
    assert ready == 60.0
    assert shared.begin(second, ready)
    assert not shared.begin(third, ready)
