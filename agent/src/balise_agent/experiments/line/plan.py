"""The plan of ``line``: over gateway, controls on both sides of the border and the resolver; and its summary.

The summary rides in the measurements of that minute. Must not live here: which endpoints the controls have and how they
are asked (controls.py), their names (lookup.py), the portal (portal.py), or what to conclude from an unwell line (the
judge's).
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Final

import msgspec

from balise_agent.experiments.dns.place import place_of
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.line import portal
from balise_agent.experiments.line.controls import ask, ask_otherwise, is_silent, places
from balise_agent.experiments.line.lookup import Found, look_up
from balise_agent.experiments.steps import AskGateway, GatewayAsked, Note, Plan, Queried, Query, Reply, Step
from balise_agent.experiments.task import Task
from balise_wire.assignment import Target
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth
from balise_wire.words import (
    AddressSource,
    Arm,
    ClockState,
    Experiment,
    GatewayState,
    Portal,
    Resolver,
    ResolverPlace,
    Scope,
    TargetRole,
)

LINGER: Final = 0.05
"""The resolver only has to live; a race for its answer is the dns experiment's matter."""
GATEWAY_TIMEOUT: Final = 1.0
_CAPTIVE: Final = {Portal.CAPTIVE: True, Portal.CLEAN: False}
_GATEWAY: Final = {True: GatewayState.ANSWERED, False: GatewayState.MUTE, None: GatewayState.NONE}

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
        """Return gateway, controls (looked up where they must be), one question to the resolver, and the portal."""
        gateway = yield AskGateway(timeout=GATEWAY_TIMEOUT)
        asked = gateway if isinstance(gateway, GatewayAsked) else None
        seen = LineObservation(
            arm=Arm.SUBJECT,
            at=gateway.at,
            elapsed_ms=gateway.elapsed_ms,
            gateway_ok=asked.ok if asked else None,
            gateway_rtt_ms=asked.rtt_ms if asked else None,
            gateway=_GATEWAY[asked.ok] if asked else GatewayState.NOT_ASKED,
        )
        yield Note(observation=seen)
        task = with_addresses(task, (yield from look_up(task)))
        where = places(task)
        results, loss, duration = yield from ask(task, where)
        others = (yield from ask_otherwise(task, where)) if is_silent(results) else None
        seen = msgspec.structs.replace(
            seen,
            controls=results,
            loss=loss,
            elapsed_ms=seen.elapsed_ms + duration,
            others=others,
            unresolved=sum(not control.addresses for control in task.controls),
        )
        yield Note(observation=seen, instead=True)
        resolver_ok, resolver_place = yield from _ask_resolver(task)
        seen = msgspec.structs.replace(
            seen,
            resolver_ok=resolver_ok,
            resolver_place=resolver_place,
            failure=_failure((*results, *(others or ())), resolver_ok),
        )
        yield Note(observation=seen, instead=True)
        found = yield from portal.look(task, LINE_TARGET)
        return (msgspec.structs.replace(seen, captive=_CAPTIVE.get(found), portal=found),)

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
            controls=len(places(task)) + len(task.lookups),
            portal=portal.chosen(task) is not None,
        )


PLAN: Final = LinePlan()


def with_addresses(task: Task, found: Iterable[Found]) -> Task:
    """Return the task with what its controls' names were found to resolve to.

    What could not be proven does not take the place of an address that once was.
    """
    sources = dict(task.sources)
    proven = {name for name, source in sources.items() if source is not AddressSource.UNPROVEN}
    new = {one.name: one for one in found if one.source is AddressSource.PROVEN or one.name not in proven}
    if not new:
        return task
    controls = tuple(
        msgspec.structs.replace(control, addresses=new[control.name].addresses) if control.name in new else control
        for control in task.controls
    )
    sources |= {name: one.source for name, one in new.items()}
    return msgspec.structs.replace(task, controls=controls, sources=tuple(sources.items()))


def with_clock(observation: LineObservation, state: ClockState, offset_ms: float | None) -> LineObservation:
    """Return the observation with what the caller knows of the clock; a plan knows no clock."""
    return msgspec.structs.replace(observation, clock_state=state, clock_offset_ms=offset_ms)


def health(observation: LineObservation) -> LineHealth:
    """Return the summary that rides inside every measurement of the same minute."""
    controls = observation.controls
    domestic_ok, domestic = _count(controls, Scope.DOMESTIC)
    international_ok, international = _count(controls, Scope.INTERNATIONAL)
    four, six = ([one.failure is None for one in controls if one.family == family] for family in (4, 6))
    others = [one.failure is None for one in observation.others or ()]
    return LineHealth(
        at=observation.at,
        gateway_ok=observation.gateway_ok,
        domestic_ok=domestic_ok,
        domestic=domestic,
        international_ok=international_ok,
        international=international,
        resolver_ok=observation.resolver_ok,
        captive=observation.captive is True,
        gateway=observation.gateway,
        portal=observation.portal,
        resolver_place=observation.resolver_place,
        clock=observation.clock_state,
        ipv4_ok=sum(four),
        ipv4=len(four),
        ipv6_ok=sum(six),
        ipv6=len(six),
        others_ok=sum(others),
        others=len(others),
    )


def _count(controls: Sequence[ControlResult], scope: Scope) -> tuple[int, int]:
    """Return how many controls of a scope answered, over whichever family and port, and how many were asked."""
    answered: dict[str, bool] = {}
    for one in controls:
        if one.scope is scope:
            answered[one.name] = answered.get(one.name, False) or one.failure is None
    return sum(answered.values()), len(answered)


def _ask_resolver(task: Task) -> Generator[Step, Reply, tuple[bool | None, ResolverPlace]]:
    """Ask the provider's resolver for the control name; whatever it answers is a sign of life.

    ``None`` where it was not asked: no name to ask for, no resolver known, no way to it.
    """
    name = task.name_control()
    if not name:
        return None, ResolverPlace.UNKNOWN
    reply = yield Query(name=name, resolver=Resolver.PROVIDER, timeout=task.timeouts.dns, linger=LINGER)
    if not isinstance(reply, Queried):
        return False, ResolverPlace.UNKNOWN
    alive = bool(reply.answers or reply.set_aside) if reply.questions else None
    return alive, place_of(reply.server, task.lan)


def _failure(results: Sequence[ControlResult], resolver_ok: bool | None) -> Failure | None:
    """Return a failure where nothing at all answered: no control in any way, and no resolver."""
    return Failure.GENERIC_TIMEOUT if is_silent(results) and not resolver_ok else None
