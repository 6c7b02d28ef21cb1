"""What one line measurement shows: outages and shutdowns, for the pseudo-service ``internet``. Pure.

Must not live here: what follows from the facts (rules.py), the gate that the line puts before other layers
(judge/rules.py), or silence, which no measurement can tell (detect/).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from balise_collector.judge.context import Context
from balise_collector.judge.limits import fell_silent
from balise_collector.judge.rules import Facts, common
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, GatewayState, HopPlace, Portal, Scope

MOST_CONTROLS: Final = 2
"""Controls that must be dead before a line, or a port of it, is: one dead control is that control's own trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts(Facts):
    """What one line measurement shows."""

    seen: bool
    gateway: bool | None
    """The default gateway answered; ``None`` where there is none, or nobody asked it."""
    refused_at_home: bool
    """The home's own router says of every dead control that it cannot be reached."""
    dead_port: bool
    """One port is dead at every control that was asked on it, and another port, or an echo, is answered."""
    domestic: int
    domestic_ok: int
    international: int
    international_ok: int
    portal: bool


def facts(measurement: Measurement, context: Context) -> LineFacts:
    """Gather what the rules ask from one measurement."""
    line = next(iter(trials_of(measurement, LineObservation)), None)
    # A failure of which nothing else is known may be our own: such a control says nothing of the line.
    told = _settled(line.controls, line.others or ()) if line else ()
    sound = [c for c in told if c.failure is not Failure.UNKNOWN]
    controls = _carried(sound)
    home = [c.failure is None for c in controls if c.scope is Scope.DOMESTIC]
    away = [c.failure is None for c in controls if c.scope is Scope.INTERNATIONAL]
    alive = any(home) or any(away)
    dead_port = line is not None and _dead_port(sound, line.others or ())
    base = common(
        measurement,
        context,
        failed=not alive,
        passed=alive and not dead_port,
        failing=(line.at if line else measurement.started, None),
        silent=fell_silent(measurement) or _controls_silent(measurement),
    )
    base["own_failure"] |= bool(told) and not controls
    dead = [c for c in controls if c.failure is not None]
    return LineFacts(
        **base,
        seen=line is not None and bool(controls),
        gateway=_gateway(line),
        refused_at_home=bool(dead) and all(c.icmp_place is HopPlace.FIRST for c in dead),
        dead_port=dead_port,
        domestic=len(home),
        domestic_ok=sum(home),
        international=len(away),
        international_ok=sum(away),
        portal=line is not None and (line.captive is True or line.portal is Portal.CAPTIVE),
    )


def _gateway(line: LineObservation | None) -> bool | None:
    """Return whether the gateway answered; a machine that has none says nothing of its home."""
    if line is None or line.gateway in {GatewayState.NONE, GatewayState.NOT_ASKED}:
        return None
    return line.gateway_ok


def _carried(controls: list[ControlResult]) -> list[ControlResult]:
    """Return the controls of the IP versions that the line carries: a home without IPv6 has no dead line."""
    good = {c.family for c in controls if c.failure is None}
    return [c for c in controls if not good or c.family in good]


def _settled(controls: Sequence[ControlResult], others: Sequence[ControlResult]) -> tuple[ControlResult, ...]:
    """Return the controls as they stood in the end: who was silent is asked once more in the moment of the others.

    A home that has its Wi-Fi back between the two looks has neither a dead port nor a dead line.
    """
    again = {(one.name, one.family, one.port): one for one in others}
    return tuple(again.get((c.name, c.family, c.port), c) if c.failure is not None else c for c in controls)


def _dead_port(controls: Sequence[ControlResult], others: Sequence[ControlResult]) -> bool:
    """Tell whether a port is dead at two controls or more and alive at none, where something else is answered.

    On the same side of the border: that other ports live at home says nothing of a port that was asked abroad.
    """
    answered: defaultdict[int, list[ControlResult]] = defaultdict(list)
    for control in (*controls, *others):
        if control.port is not None and control.failure is not Failure.UNKNOWN:
            answered[control.port].append(control)
    alive = {c.scope for asked in answered.values() for c in asked if c.failure is None}
    return any(
        port and all(c.failure is not None for c in asked) and sum(c.scope in alive for c in asked) >= MOST_CONTROLS
        for port, asked in answered.items()
    )


def _controls_silent(measurement: Measurement) -> bool:
    """Tell whether any control of a line of the subject's own gave no answer."""
    return any(
        control.failure is Failure.GENERIC_TIMEOUT
        for trial in trials_of(measurement, LineObservation)
        if trial.arm is Arm.SUBJECT
        for control in trial.controls
    )
