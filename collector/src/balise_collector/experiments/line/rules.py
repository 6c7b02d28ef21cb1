"""The rules over a line measurement (attribution.md 2.5).

Must not live here: how a fact is found (facts.py), or the gate that the line puts before other layers
(judge/rules.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.line.facts import MOST_CONTROLS, LineFacts
from balise_collector.judge.rules import Rule, Weight, board, own_failure
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.LINE


RULES: Final[tuple[Rule[LineFacts], ...]] = (
    own_failure(_LAYER),
    Rule(
        id="line.nothing",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.seen,
        reason="No control was asked.",
        source="ours",
    ),
    Rule(
        id="line.captive",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        weight=Weight.VOID,
        when=lambda f: f.portal,
        reason="A captive portal stands in the way on the probe's own network.",
        source="detectors.md 2.1, guard",
    ),
    Rule(
        id="line.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: not f.dead_port and (f.international_ok > 0 or (f.domestic_ok > 0 and f.international == 0)),
        reason="The line reaches its controls.",
        source="attribution.md 2.5",
    ),
    Rule(
        id="line.local",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        weight=Weight.VOID,
        when=lambda f: not f.dead_port and (f.gateway is False or f.refused_at_home),
        reason="The probe's own gateway does not answer: Wi-Fi, cable or router.",
        source="attribution.md 2.5, lan",
    ),
    Rule(
        id="line.no_gateway",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        weight=Weight.VOID,
        when=lambda f: not f.dead_port and f.gateway is None,
        reason="No gateway is known: whether the home or its provider is dead cannot be told.",
        source="attribution.md 2.5, lan: what is not known is neither",
    ),
    Rule(
        id="line.few",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.international + f.domestic < MOST_CONTROLS,
        reason="A single control says nothing of a line.",
        source="attribution.md, assumptions",
    ),
    board(_LAYER),
    Rule(
        id="line.port",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.PORT_DROP,
        level=Level.SCORED,
        rests_on_silence=True,
        when=lambda f: f.dead_port,
        reason="One port is dead at every control that was asked on it, while other ports of the line are answered.",
        source="field: TCP 443 dropped while 80 and DNS live is no dead line",
    ),
    Rule(
        id="line.international",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SHUTDOWN_ISP,
        level=Level.SCORED,
        when=lambda f: f.domestic_ok > 0 and f.international >= MOST_CONTROLS,
        reason="Controls inside the country answer, none abroad does.",
        source="attribution.md 2.5, shutdown",
    ),
    Rule(
        id="line.dead",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SHUTDOWN_ISP,
        level=Level.SCORED,
        when=lambda f: f.domestic_ok == 0,
        reason="The gateway answers and nothing beyond it does.",
        source="attribution.md 2.5, isp_outage",
    ),
    Rule(
        id="line.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="One control abroad is dead, and it is the only one.",
        source="ours",
    ),
)
"""First match wins."""
