"""The plan of ``line``: over gateway, controls on both sides of the border and the resolver; and its summary.

The summary rides in the measurements of that minute. Must not live here: targets, or what to conclude from an unwell
line (the judge's).
"""

from collections.abc import Generator, Sequence
from typing import Final

import msgspec

from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.http.outcome import redirect_host
from balise_agent.experiments.http.plan import get
from balise_agent.experiments.steps import (
    Answer,
    AnswerKind,
    AskGateway,
    Exchange,
    Exchanged,
    Failed,
    GatewayAsked,
    Note,
    Plan,
    Queried,
    Query,
    Reply,
    Step,
    SynProbe,
)
from balise_agent.experiments.task import Endpoint, Task, expect
from balise_wire.assignment import Control, Target
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth
from balise_wire.words import Arm, ClockState, Experiment, Resolver, Scope, TargetRole

ROUND: Final = 0.3
"""Seconds between the two SYNs to one control: a queue drop takes neighbours in time along."""
LINGER: Final = 0.05
"""The resolver only has to live; a race for its answer is the dns experiment's matter."""
GATEWAY_TIMEOUT: Final = 1.0
PORTAL_PORT: Final = 80
"""A control on this port is the assignment's permission for the captive-portal check."""
NETWORK_AUTHENTICATION_REQUIRED: Final = 511
"""RFC 6585 6."""

LINE_TARGET: Final = Target(
    id="internet/line/line/4",
    service="internet",
    role=TargetRole.LINE,
    host="line",
    experiments=(Experiment.LINE,),
    fetch_bytes=0,
)
"""What a measurement of the line names as its target."""


class LinePlan(ExperimentPlan):
    """The way from the probe to its provider and over the border."""

    def sentinel(self, task: Task) -> Plan:
        """Return gateway, two SYNs to every control, and one question to the provider's resolver."""
        gateway = yield AskGateway(timeout=GATEWAY_TIMEOUT)
        asked = gateway if isinstance(gateway, GatewayAsked) else None
        seen = LineObservation(
            arm=Arm.SUBJECT,
            at=gateway.at,
            elapsed_ms=gateway.elapsed_ms,
            gateway_ok=asked.ok if asked else False,
            gateway_rtt_ms=asked.rtt_ms if asked else None,
        )
        yield Note(observation=seen)
        results, loss, duration = yield from _ask_controls(task)
        seen = msgspec.structs.replace(seen, controls=results, loss=loss, elapsed_ms=seen.elapsed_ms + duration)
        yield Note(observation=seen, instead=True)
        resolver_ok = yield from _ask_resolver(task)
        seen = msgspec.structs.replace(seen, resolver_ok=resolver_ok, failure=_failure(results, resolver_ok))
        yield Note(observation=seen, instead=True)
        captive = yield from _ask_portal(task)
        return (msgspec.structs.replace(seen, captive=captive),)

    def paired(self, task: Task) -> Plan:
        """Return the same: a line is its own control."""
        return self.sentinel(task)

    def on_demand(self, task: Task) -> Plan:
        """Return the same, once."""
        return self.sentinel(task)

    def load(self, task: Task) -> Load:
        """Return no endpoints: controls are never under test, and a line check is never held back."""
        return Load(
            endpoints=(),
            connections=2,
            controls=sum(bool(control.addresses) for control in task.controls),
            portal=portal(task) is not None,
        )


PLAN: Final = LinePlan()


def with_clock(observation: LineObservation, state: ClockState, offset_ms: float | None) -> LineObservation:
    """Return the observation with what the caller knows of the clock; a plan knows no clock."""
    return msgspec.structs.replace(observation, clock_state=state, clock_offset_ms=offset_ms)


def health(observation: LineObservation) -> LineHealth:
    """Return the summary that rides inside every measurement of the same minute."""

    def count(scope: Scope) -> tuple[int, int]:
        results = [result for result in observation.controls if result.scope is scope]
        return sum(result.failure is None for result in results), len(results)

    domestic_ok, domestic = count(Scope.DOMESTIC)
    international_ok, international = count(Scope.INTERNATIONAL)
    return LineHealth(
        at=observation.at,
        gateway_ok=observation.gateway_ok,
        domestic_ok=domestic_ok,
        domestic=domestic,
        international_ok=international_ok,
        international=international,
        resolver_ok=observation.resolver_ok,
        captive=observation.captive is True,
    )


def endpoint_of(control: Control) -> Endpoint:
    """Return the address of a control that the line is asked at: IPv4 first, the family that every home has."""
    address = next((a for a in control.addresses if ":" not in a), control.addresses[0])
    return Endpoint(address, control.port)


def _ask_controls(
    task: Task,
) -> Generator[Step, Reply, tuple[tuple[ControlResult, ...], float | None, float]]:
    """Send two SYNs to each control, round by round; return results, share lost and milliseconds."""
    controls = [control for control in task.controls if control.addresses]
    if not controls:
        return (), None, 0.0
    once = tuple(SynProbe(address=host, port=port) for host, port, _ in map(endpoint_of, controls))
    reply = yield Exchange(packets=once + once, window=task.timeouts.syn, spacing=ROUND / len(controls), enough=True)
    if isinstance(reply, Failed):
        results = tuple(ControlResult(name=c.name, scope=c.scope, failure=reply.failure) for c in controls)
        return results, 1.0, reply.elapsed_ms
    answers = expect(Exchanged, reply).answers
    results = tuple(_result(control, number, len(controls), answers) for number, control in enumerate(controls))
    answered = len({answer.probe for answer in answers if answer.kind is not AnswerKind.ICMP})
    return results, 1.0 - answered / (2 * len(controls)), reply.elapsed_ms


def _result(control: Control, number: int, count: int, answers: Sequence[Answer]) -> ControlResult:
    """Return what became of one control: a SYN-ACK, or a RST from a living host, means that the line carries."""
    mine = [answer for answer in answers if answer.probe % count == number]
    alive = [answer.rtt_ms for answer in mine if answer.kind in {AnswerKind.SYNACK, AnswerKind.RST}]
    if alive:
        return ControlResult(name=control.name, scope=control.scope, rtt_ms=min(alive))
    unreachable = any(answer.kind is AnswerKind.ICMP for answer in mine)
    failure = Failure.HOST_UNREACHABLE if unreachable else Failure.GENERIC_TIMEOUT
    return ControlResult(name=control.name, scope=control.scope, failure=failure)


def _ask_resolver(task: Task) -> Generator[Step, Reply, bool | None]:
    """Ask the provider's resolver for the control name; whatever it answers is a sign of life.

    ``None`` where it was not asked: no name to ask for, no resolver known, no way to it.
    """
    name = task.name_control()
    if not name:
        return None
    reply = yield Query(name=name, resolver=Resolver.PROVIDER, timeout=task.timeouts.dns, linger=LINGER)
    if not isinstance(reply, Queried):
        return False
    return bool(reply.answers or reply.set_aside) if reply.questions else None


def portal(task: Task) -> Control | None:
    """Return the control that the assignment offers for the captive-portal check."""
    return next((c for c in task.controls if c.port == PORTAL_PORT and c.addresses), None)


def _ask_portal(task: Task) -> Generator[Step, Reply, bool | None]:
    """Ask a control over HTTP whether it is itself; ``None`` where the assignment offers none or it is silent."""
    control = portal(task)
    if control is None:
        return None
    asked = HttpParameters(port=PORTAL_PORT, fetch_bytes=0)
    target = msgspec.structs.replace(LINE_TARGET, host=control.name).saying(asked)
    question = msgspec.structs.replace(task, target=target, address=endpoint_of(control).host)
    trial = yield from get(question, Arm.CONTROL, control.name)
    if trial.status is None:
        return None
    host = redirect_host(trial)
    elsewhere = bool(host) and not (host == control.name or host.endswith(f".{control.name}"))
    return trial.status == NETWORK_AUTHENTICATION_REQUIRED or elsewhere


def _failure(results: Sequence[ControlResult], resolver_ok: bool | None) -> Failure | None:
    """Return a failure where nothing at all answered: no control, and no resolver."""
    silent = bool(results) and all(result.failure is not None for result in results)
    return Failure.GENERIC_TIMEOUT if silent and not resolver_ok else None
