"""The rules over a measurement of ``throughput`` (detectors.md 2.8).

Must not live here: how a fact is found (facts.py). Ids are permanent.
"""

from collections.abc import Callable
from typing import Final

from balise_collector.experiments.throughput.facts import ThroughputFacts
from balise_collector.judge.rules import Rule, anomaly, board, gate, waits
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TransferDirection

_LAYER: Final = Experiment.THROUGHPUT
_SOURCE: Final = "detectors.md 2.8"
_HELD: Final = {
    Mechanism.RATE_POLICE: ("policed", "its segments are lost and its round trip is as ever: a policer"),
    Mechanism.RATE_SHAPE: ("shaped", "its round trip grows and few segments are lost: a shaper"),
    Mechanism.RATE_LIMIT: ("limited", "nothing tells how"),
}


def _slowed(mechanism: Mechanism, *, extreme: bool, up: bool) -> Rule[ThroughputFacts]:
    """Return the rule of one way of holding a rate down, in one measure and one direction."""
    word, how = _HELD[mechanism]
    much = "a tenth" if extreme else "half"
    what = "Uploads with the service's name" if up else "Transfers with the service's name"
    when: Callable[[ThroughputFacts], bool] = lambda f: (  # noqa: E731 - one condition, typed
        f.slowed
        and f.held is mechanism
        and f.extreme is extreme
        and (f.direction is TransferDirection.UP) is up
        and (up or f.references.answered)
    )
    return Rule(
        id=f"throughput.{'up_' if up else ''}{word}{'_extreme' if extreme else ''}",
        layer=_LAYER,
        state=VerdictState.THROTTLED,
        mechanism=mechanism,
        level=Level.SCORED,
        when=when,
        reason=f"{what} have less than {much} of their control's rate on the same server and path; {how}.",
        source=_SOURCE + ("; OONI's definition of extreme throttling" if extreme else ""),
    )


RULES: Final[tuple[Rule[ThroughputFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="throughput.general_slow",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed and f.slow_line,
        reason="As fast as its control; the whole line has less than half of its usual rate, which is nobody's block.",
        source=_SOURCE,
    ),
    Rule(
        id="throughput.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="Bytes with the service's name move as fast as a control's on the same server and path.",
        source=_SOURCE,
    ),
    Rule(
        id="throughput.no_control",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.unequal or (f.ratio is None and not f.frozen and not f.below),
        reason="The server gives nothing comparable under another name: no rate to hold this one against.",
        source="architecture.md: a missing control is insufficient",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="throughput.below",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.below,
        reason="No bytes moved: the layers below tell.",
        source=_SOURCE,
    ),
    Rule(
        id="throughput.reference",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.reference,
        reason="A reference abroad meets it too: it says that the server itself does this.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="throughput.same_abroad",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: (
            (f.slowed or f.frozen)
            and f.direction is not TransferDirection.UP
            and (f.references.dead or f.references.doubted)
        ),
        reason="References abroad meet the same: the server gives this name less than its neighbours.",
        source="attribution.md 2.1",
    ),
    waits(_LAYER, lambda f: (f.slowed or f.frozen) and f.awaits_references and f.direction is not TransferDirection.UP),
    Rule(
        id="throughput.stall",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.TCP_FREEZE,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.all_frozen and f.references.answered and f.elsewhere_whole,
        reason="Transfers from this hoster freeze after some kilobytes whatever the name; another hoster's go on.",
        source="field: connections to hosters freeze after 15 to 20 KB (Russia since 2025)",
    ),
    Rule(
        id="throughput.stall_alone",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        when=lambda f: f.all_frozen,
        reason="Transfers from this address freeze after some kilobytes; no other hoster was asked, or none goes on.",
        source="detectors.md 2.8: its control is another hoster",
    ),
    Rule(
        id="throughput.stall_name",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.TCP_FREEZE,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.frozen and f.references.answered,
        reason="Transfers with the service's name freeze after some kilobytes; a control's on the same server go on.",
        source=_SOURCE,
    ),
    *(
        _slowed(mechanism, extreme=extreme, up=up)
        for up in (False, True)
        for extreme in (True, False)
        for mechanism in _HELD
    ),
    Rule(
        id="throughput.no_reference",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.slowed or f.frozen,
        reason="No reference abroad got it at its control's rate: the server may do this to everybody.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="throughput.between",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="Slower than its control, and not so much or not so surely that anything follows.",
        source=_SOURCE + ": between is insufficient",
    ),
)
"""First match wins."""
