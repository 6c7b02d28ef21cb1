"""What one line measurement shows: outages and shutdowns, for the pseudo-service ``internet``. Pure.

Must not live here: what follows from the facts (rules.py), the gate that the line puts before other layers
(judge/rules.py), or silence, which no measurement can tell (detect/).
"""

from dataclasses import dataclass

from balise_collector.judge.context import Context
from balise_collector.judge.limits import fell_silent
from balise_collector.judge.rules import Facts, common
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.line import LineObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts(Facts):
    """What one line measurement shows."""

    seen: bool
    gateway: bool
    domestic: int
    domestic_ok: int
    international: int
    international_ok: int
    portal: bool


def facts(measurement: Measurement, context: Context) -> LineFacts:
    """Gather what the rules ask from one measurement."""
    line = next(iter(trials_of(measurement, LineObservation)), None)
    # A failure of which nothing else is known may be our own: such a control says nothing of the line.
    told = line.controls if line else ()
    controls = [c for c in told if c.failure is not Failure.UNKNOWN]
    home = [c.failure is None for c in controls if c.scope is Scope.DOMESTIC]
    away = [c.failure is None for c in controls if c.scope is Scope.INTERNATIONAL]
    alive = any(home) or any(away)
    base = common(
        measurement,
        context,
        failed=not alive,
        passed=alive,
        since=line.at if line else measurement.started,
        silent=fell_silent(measurement) or _controls_silent(measurement),
    )
    base["own_failure"] |= bool(told) and not controls
    return LineFacts(
        **base,
        seen=line is not None and bool(controls),
        gateway=line is not None and line.gateway_ok is True,
        domestic=len(home),
        domestic_ok=sum(home),
        international=len(away),
        international_ok=sum(away),
        portal=line is not None and line.captive is True,
    )


def _controls_silent(measurement: Measurement) -> bool:
    """Tell whether any control of a line of the subject's own gave no answer."""
    return any(
        control.failure is Failure.GENERIC_TIMEOUT
        for trial in trials_of(measurement, LineObservation)
        if trial.arm is Arm.SUBJECT
        for control in trial.controls
    )
