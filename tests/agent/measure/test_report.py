"""From run to measurement: self-contained, scrubbed, within what a batch can hold."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.task import Task
from balise_agent.measure.report import Circumstances, allowed_by, measurement
from balise_agent.measure.run import Run
from balise_agent.measure.task_choice import Device, task_for
from balise_wire.assignment import Assignment, Target
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Experiment, TargetRole

TARGET = Target(
    id="s/web/a.example/4", service="s", role=TargetRole.WEB, host="a.example", addresses=("8.8.8.8", "8.8.4.4")
)
ASSIGNMENT = Assignment(version=1, catalogue="2026-11-01", expires=9e9, targets=(TARGET,))


def tls(at: float, *, address: str = "8.8.8.8", carried: bool = False) -> TlsObservation:
    """Return a failed trial."""
    return TlsObservation(
        arm=Arm.SUBJECT, at=at, failure=Failure.CONNECTION_RESET, address=address, port=443, sni="a.example",
        carried=carried, packets=tuple(Packet(t_us=n, direction=Direction.IN) for n in range(40)),
    )  # fmt: skip


@pytest.fixture
def report() -> Callable[..., Measurement]:
    """Return a function that reports observations of one run."""
    task = msgspec.structs.replace(
        task_for(ASSIGNMENT, TARGET, 4, device=Device(secret=b"s"), now=0.0), design=Design.PAIRED
    )
    run = Run(
        target=TARGET, family=4, experiment=Experiment.TLS, slot=3, due=900.0, task=task,
        limited_by=("budget",),
    )  # fmt: skip

    def make(*observations: Observation, **changes: object) -> Measurement:
        made = measurement(
            run,
            observations,
            Circumstances(
                id="0" * 32,
                started=1000.0,
                ended=1020.0,
                network=Network(country="PK", asn=64501),
                catalogue="2026-11-01",
                software="0.1.0",
                line=LineHealth(at=990.0),
                limited_by=("cpu", "budget"),
            ),
        )
        return msgspec.structs.replace(made, **changes)

    return make


def test_it_is_self_contained(report: Callable[..., Measurement]) -> None:
    """Design, target, network, line, versions and limits are inside: a re-judgement needs no join."""
    made = report(tls(1001.0))
    assert (made.experiment, made.design, made.target, made.family) == (Experiment.TLS, Design.PAIRED, TARGET.id, 4)
    assert (made.catalogue, made.network.asn, made.line) == ("2026-11-01", 64501, LineHealth(at=990.0))
    assert made.limited_by == ("budget", "cpu")
    assert msgspec.json.decode(msgspec.json.encode(made), type=Measurement) == made


def test_it_starts_with_its_first_own_trial(report: Callable[..., Measurement]) -> None:
    """A carried trial has its own time and does not move the measurement's."""
    made = report(tls(700.0, carried=True), tls(1003.0), tls(1005.0))
    assert (made.started, made.ended) == (1003.0, 1020.0)
    assert made.observations[0].at == 700.0
    assert report().started == 1000.0


def test_nothing_leaves_unscrubbed(report: Callable[..., Measurement]) -> None:
    """An address that was never assigned is not told, and captures are cut to ten a direction."""
    (observation,) = report(tls(1.0, address="8.8.9.9")).observations
    assert isinstance(observation, TlsObservation)
    assert observation.address == ""
    assert len(observation.packets) == 10


def test_both_assigned_addresses_may_be_told(report: Callable[..., Measurement]) -> None:
    """A carried trial of yesterday's address is still one of the target's."""
    addresses = [o.address for o in report(tls(1.0), tls(2.0, address="8.8.4.4")).observations if hasattr(o, "address")]
    assert addresses == ["8.8.8.8", "8.8.4.4"]


def test_a_helpers_address_never_leaves() -> None:
    """Whoever knows it can block it; the arm says all that the judge needs."""
    target = Target(id="a/web/h.example/4", service="a", role=TargetRole.WEB, host="h.example", addresses=("8.8.8.8",))
    task = Task(target=target, address="8.8.8.8", helpers=("9.9.9.9",), helper="9.9.9.9")
    shown = TlsObservation(arm=Arm.NEUTRAL, at=1.0, address="9.9.9.9", port=443, sni="h.example")
    assert REGISTRY[Experiment.TLS].reader.scrub(shown, allowed_by(task))["address"] == ""
