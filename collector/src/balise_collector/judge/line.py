"""Judgement of the line itself, for the pseudo-service ``internet``: outages and shutdowns.

Lives here: the facts of one line measurement and the rules over them. Must not live here: the gate that the line puts
before other layers (rules.py), or silence, which no measurement can tell (detect/).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from balise_collector.judge.rules import Facts, Rule, board, common, own_failure
from balise_collector.judge.verdict import Level, State
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.observations import LineObservation
from balise_wire.words import Experiment, Scope

if TYPE_CHECKING:
    from balise_collector.judge.context import Context
    from balise_wire.measurement import Measurement

SERVICE: Final = "internet"
"""The pseudo-service that outages and shutdowns belong to."""
_LAYER: Final = Experiment.LINE
_MOST_CONTROLS: Final = 2
"""Controls that must be dead before a line is: one dead control is that control's own trouble."""


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
    line = next((o for o in measurement.observations if isinstance(o, LineObservation)), None)
    # A failure of which nothing else is known may be our own: such a control says nothing of the line.
    told = line.controls if line else ()
    controls = [c for c in told if c.failure is not Failure.UNKNOWN]
    home = [c.failure is None for c in controls if c.scope is Scope.DOMESTIC]
    away = [c.failure is None for c in controls if c.scope is Scope.INTERNATIONAL]
    alive = any(home) or any(away)
    base = common(measurement, context, failed=not alive, passed=alive, since=line.at if line else measurement.started)
    return LineFacts(
        **{name: getattr(base, name) for name in Facts.__slots__ if name != "own_failure"},
        own_failure=base.own_failure or (bool(told) and not controls),
        seen=line is not None and bool(controls),
        gateway=line is not None and line.gateway_ok is True,
        domestic=len(home),
        domestic_ok=sum(home),
        international=len(away),
        international_ok=sum(away),
        portal=line is not None and line.captive is True,
    )


RULES: Final[tuple[Rule[LineFacts], ...]] = (
    own_failure(_LAYER),
    Rule(
        id="line.nothing",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda f: not f.seen,
        reason="No control was asked.",
        source="ours",
    ),
    Rule(
        id="line.captive",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.portal,
        reason="A captive portal stands in the way on the probe's own network.",
        source="detectors.md 2.1, guard",
    ),
    Rule(
        id="line.ok",
        layer=_LAYER,
        state=State.OK,
        when=lambda f: f.international_ok > 0 or (f.domestic_ok > 0 and f.international == 0),
        reason="The line reaches its controls.",
        source="attribution.md 2.5",
    ),
    Rule(
        id="line.local",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: not f.gateway,
        reason="The probe's own gateway does not answer: Wi-Fi, cable or router.",
        source="attribution.md 2.5, lan",
    ),
    Rule(
        id="line.few",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda f: f.international + f.domestic < _MOST_CONTROLS,
        reason="A single control says nothing of a line.",
        source="attribution.md, assumptions",
    ),
    board(_LAYER),
    Rule(
        id="line.international",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.SHUTDOWN_ISP,
        level=Level.SCORED,
        when=lambda f: f.domestic_ok > 0 and f.international >= _MOST_CONTROLS,
        reason="Controls inside the country answer, none abroad does.",
        source="attribution.md 2.5, shutdown",
    ),
    Rule(
        id="line.dead",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.SHUTDOWN_ISP,
        level=Level.SCORED,
        when=lambda f: f.domestic_ok == 0,
        reason="The gateway answers and nothing beyond it does.",
        source="attribution.md 2.5, isp_outage",
    ),
    Rule(
        id="line.unclear",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda _f: True,
        reason="One control abroad is dead, and it is the only one.",
        source="ours",
    ),
)
"""First match wins."""
