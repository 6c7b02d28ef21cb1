"""What a rule is: frozen data with a permanent id, a condition over facts, and the sentence people read.

Lives here: the Rule, the facts every layer shares, and the line gate that stands before every layer's own rules.
Must not live here: a layer's conditions (experiments/<x>/rules.py), tables, or anything that decides in the conditions'
place. A rule's id never changes its meaning; a changed meaning gets a new id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, TypedDict, TypeVar

from balise_collector.judge.context import Bar, Context
from balise_collector.judge.limits import fell_silent, limited
from balise_collector.judge.signs import Sign
from balise_collector.judge.verdict import Flows, Level, RateRatio, VerdictState
from balise_wire.bins import BIN
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, Portal

FactsT_contra = TypeVar("FactsT_contra", contravariant=True)


class Weight(StrEnum):
    """What a verdict counts for where a cell's evidence is added up (detect/evidence.py)."""

    OF_STATE = "of_state"
    """What its state says."""
    PARTIAL = "partial"
    """Some attempts failed and others did not: a little, although the verdict itself is insufficient."""
    SHARE = "share"
    """Most attempts failed, and none beside them: the verdict itself is insufficient, and several make an incident."""
    VOID = "void"
    """Nothing; but the probe was there, so that its silence is not assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[FactsT_contra]):
    """One conclusion; the first rule of a layer whose condition holds is the verdict."""

    id: str
    """Permanent, e.g. ``sni.drop``."""
    layer: Experiment
    state: VerdictState
    when: Callable[[FactsT_contra], bool]
    """Condition over the layer's facts; pure."""
    reason: str
    """One sentence for people."""
    source: str
    """Where the rule comes from: a paper, an RFC, a project's code."""
    level: Level = Level.NONE
    mechanism: Mechanism | None = None
    proof: tuple[Sign, ...] = ()
    """Signs this rule may claim as proof; those that the facts hold go into the verdict."""
    weight: Weight = Weight.OF_STATE
    rests_on_silence: bool = False
    """It has seen nothing but that no answer came, which may be the service's own refusal: at most grade C without a
    proof."""
    server_not_excluded: bool = False
    """The service's own front can do the same, by name, by country or to whom it distrusts: at most grade C without a
    proof, and told as "by the network or by the service"."""
    no_word_on: frozenset[Mechanism] = frozenset()
    """Mechanisms that an ``ok`` by this rule says nothing about: it neither weighs against them nor ends them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules of every layer may ask."""

    own_failure: bool
    """The probe itself ended the run, or failed in it by an error that no network is known to cause."""
    well: bool
    """The line was measured within the tolerance and is not known to be unwell."""
    unwell: bool
    """The line was measured, and gateway or all controls failed, or a captive portal stood there."""
    captive: bool
    family_dead: bool
    """Every control of the line over the measurement's IP version was dead."""
    border_dead: bool
    """Controls inside the country answered, and none of two or more abroad."""
    paired: bool
    """Controls were laid out beside the subject; without them a failure is an anomaly, never a verdict."""
    reference: bool
    failed: bool
    """Every own trial of the subject failed."""
    passed: bool
    """At least one own trial of the subject passed and none failed."""
    since: float
    """Probe's clock, UNIX seconds: when the first failing subject trial began, or ``started``."""
    until: float | None = None
    """The same clock: when the last failing one began; ``None``: when the subject was tried last."""
    bar: Bar = Bar.NONE
    """Why it is not to be judged, whatever the rest says."""
    limited: bool = False
    """The board lost packets, or was busy, hot or badly powered, meanwhile (limits.py)."""
    silent: bool = False
    """What failed rests, at least in part, on something that did not come."""
    score: float = 0.0
    """Injection evidence in nats."""
    signs: frozenset[str] = frozenset()
    flows: Flows | None = None
    """How many connections of the series failed, where that was counted."""
    rate: RateRatio | None = None
    """How fast the subject was beside its control, where that was measured."""


class CommonFacts(TypedDict):
    """The fields of Facts, as keyword arguments."""

    own_failure: bool
    well: bool
    unwell: bool
    captive: bool
    family_dead: bool
    border_dead: bool
    paired: bool
    reference: bool
    failed: bool
    passed: bool
    since: float
    until: float | None
    bar: Bar
    limited: bool
    silent: bool
    score: float
    signs: frozenset[str]


class Layer(NamedTuple):
    """How one experiment is judged: what is read of a measurement, and the rules in the order of trial."""

    facts: Callable[[Measurement, Context], Any]
    rules: tuple[Rule[Any], ...]


def line_state(line: LineHealth | None, measurement: Measurement, tolerance: float) -> tuple[bool, bool]:
    """Return (well, unwell) of the line around a measurement; both False where it is not known.

    Args:
        line: the line's health that rode along.
        measurement: what it must gate.
        tolerance: most seconds between the two on the probe's clock.
    """
    if line is None:
        return False, False
    # A gateway that answers nobody stands before many lines that carry everything.
    mute = line.gateway_ok is False and line.domestic_ok + line.international_ok == 0
    unwell = line.captive or line.portal is Portal.CAPTIVE or mute or _controls_dead(line)
    near = measurement.started - tolerance <= line.at <= measurement.ended + tolerance
    return near and not unwell, unwell and near


def _controls_dead(line: LineHealth) -> bool:
    """All controls of both sides of the border failed; international ones alone are an event, not an unwell line."""
    asked = line.domestic + line.international
    return asked > 0 and line.domestic_ok + line.international_ok == 0


def family_dead(line: LineHealth | None, family: int) -> bool:
    """Tell whether every control of an IP version was dead, where the probe told them apart by version."""
    if line is None:
        return False
    asked, answered = (line.ipv6, line.ipv6_ok) if family == 6 else (line.ipv4, line.ipv4_ok)
    return asked > 0 and answered == 0


def _border_dead(line: LineHealth | None) -> bool:
    """Tell whether what is abroad is dead and what is at home is not; one dead control is its own trouble."""
    return line is not None and line.international >= _MANY and not line.international_ok and line.domestic_ok > 0


_MANY: Final = 2


def common(
    measurement: Measurement,
    context: Context,
    *,
    failed: bool,
    passed: bool,
    failing: tuple[float, float | None],
    silent: bool | None = None,
    score: float = 0.0,
    signs: frozenset[str] = frozenset(),
) -> CommonFacts:
    """Return the facts of every layer, as arguments of its own type of facts.

    Args:
        measurement: what is judged.
        context: the tables.
        failed: as in Facts.
        passed: as in Facts.
        failing: since and until as in Facts.
        silent: only where the layer knows it better than ``limits.fell_silent``.
        score: injection evidence in nats.
        signs: ids of the signs that were seen.
    """
    well, unwell = line_state(measurement.line, measurement, context.line_seconds)
    return CommonFacts(
        own_failure=bool(measurement.own_failure) or (not passed and _failed_by_itself(measurement)),
        well=well,
        unwell=unwell,
        captive=measurement.line is not None
        and (measurement.line.captive or measurement.line.portal is Portal.CAPTIVE),
        family_dead=family_dead(measurement.line, measurement.family),
        border_dead=_border_dead(measurement.line),
        paired=measurement.design.controlled,
        reference=context.reference,
        failed=failed,
        passed=passed,
        since=failing[0],
        until=failing[1],
        bar=context.bar,
        limited=limited(measurement, context.no_limits),
        silent=fell_silent(measurement) if silent is None else silent,
        score=score,
        signs=signs,
    )


def bare_facts(measurement: Measurement, context: Context) -> Facts:
    """Return no facts but the common ones, for what says nothing of a target."""
    return Facts(**common(measurement, context, failed=False, passed=False, failing=(measurement.started, None)))


def _failed_by_itself(measurement: Measurement) -> bool:
    """Tell whether an own trial failed without a word: older probes told their machine's own errors so."""
    return any(trial.failure is Failure.UNKNOWN for trial in measurement.observations if not trial.carried)


def own_failure(layer: Experiment) -> Rule[Facts]:
    """Return the rule that stands before all others: what the probe itself failed at says nothing of a network."""
    return Rule(
        id="own.failure",
        layer=layer,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.own_failure,
        reason="The probe itself could not carry this measurement to its end.",
        source="house rule: the network's failure is data, ours is not",
    )


def gate(layer: Experiment) -> tuple[Rule[Facts], ...]:
    """Return the rules that stand before a layer's own: our own failure, and the line."""
    return (
        own_failure(layer),
        Rule(
            id="line.unwell",
            layer=layer,
            state=VerdictState.INSUFFICIENT,
            level=Level.DISCARDED,
            when=lambda f: f.captive or (not f.passed and f.unwell),
            reason="The probe's own line was not well in the same minute.",
            source="attribution.md 2.1; OONI's distinction of discarded evidence",
        ),
        Rule(
            id="line.unknown",
            layer=layer,
            state=VerdictState.INSUFFICIENT,
            level=Level.DISCARDED,
            when=lambda f: not f.passed and not f.well,
            reason="Nobody looked at the probe's own line in the same minute: it may have been well or not.",
            source="attribution.md 2.1: a line that is not known excuses nothing and proves nothing",
        ),
        Rule(
            id="line.family",
            layer=layer,
            state=VerdictState.INSUFFICIENT,
            level=Level.DISCARDED,
            when=lambda f: f.family_dead and not f.passed,
            reason="The line carries nothing of this IP version, whatever is asked: no word about one address.",
            source="OONI masks failures of IPv6 where most of it fails",
        ),
        Rule(
            id="line.border",
            layer=layer,
            state=VerdictState.INSUFFICIENT,
            level=Level.DISCARDED,
            when=lambda f: f.border_dead and not f.passed,
            reason="No control abroad answered in the same minute and those at home did: the border, not one service.",
            source="attribution.md 2.5, shutdown",
        ),
    )


def anomaly(layer: Experiment) -> Rule[Facts]:
    """Return the rule that holds a sentinel's failure back until the paired series has run."""
    return Rule(
        id=f"{layer}.anomaly",
        layer=layer,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.paired,
        reason="One failure without controls: the paired series that follows will tell.",
        source="detectors.md, common rule (a)",
    )


def no_control(layer: Experiment, when: Callable[[FactsT_contra], bool]) -> Rule[FactsT_contra]:
    """Return the rule that says nothing where the control was not measured; ``when``: it was not."""
    return Rule(
        id=f"{layer}.no_control",
        layer=layer,
        state=VerdictState.INSUFFICIENT,
        when=when,
        reason="The control is missing.",
        source="architecture.md: a missing control is insufficient",
    )


def waits(layer: Experiment, when: Callable[[FactsT_contra], bool]) -> Rule[FactsT_contra]:
    """Return the rule of what only a reference can explain; ``when``: it failed so, and they have not looked again."""
    return Rule(
        id=f"{layer}.waits",
        layer=layer,
        state=VerdictState.INSUFFICIENT,
        when=when,
        reason="The references have not spoken of these minutes yet; it is looked at again when they do.",
        source="attribution.md 2.1: what only a reference could explain is not decided before it has spoken",
    )


def board(layer: Experiment) -> Rule[Facts]:
    """Return the rule that stands before all that accuse: a limited board's silence is no evidence against anybody."""
    return Rule(
        id="board.limited",
        layer=layer,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.limited and f.silent,
        reason="The board itself lost packets, or was busy, hot or badly powered: what did not come may have come.",
        source="ours; what did come stands (a reset, an answer, a captured forgery)",
    )


MIN_TRIALS: Final = 3
"""Failing subject trials that a verdict of blocking needs (Fisher one-sided p = .05 at 3 against 3)."""
MIN_SPREAD: Final = 120.0
"""Seconds the failing trials must span: trials inside one minute share one Wi-Fi fade (detectors.md, rule a)."""


def spread_out(times: list[float]) -> bool:
    """Tell whether trials lie in two five-minute bins or at least two minutes apart."""
    if not times:
        return False
    return max(times) - min(times) >= MIN_SPREAD or len({int(at // BIN) for at in times}) > 1
