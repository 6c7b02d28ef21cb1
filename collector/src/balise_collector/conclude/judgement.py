"""From one measurement to one verdict: the rules of its experiment, first match wins. Pure.

Lives here: the question to the registry, what a reference's verdict teaches, and the explanation people read. Must not
live here: a rule (experiments/<x>/rules.py), or what a rule is (judge/).
"""

from typing import Any, Final

from balise_collector.experiments import DESTINATIONS, NOTES, layer_of
from balise_collector.judge import RULES_VERSION
from balise_collector.judge.context import BARRED, Context
from balise_collector.judge.limits import fell_silent, limited
from balise_collector.judge.references import ReferenceTable, Report
from balise_collector.judge.rules import Facts, Rule, Weight
from balise_collector.judge.verdict import INTERNET, Verdict, VerdictState
from balise_wire.experiments import OBSERVATIONS, REGISTRY
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, Experiment, TargetRole


def judge(measurement: Measurement, context: Context) -> Verdict:
    """Return the verdict on one measurement; never raises on a well-formed one.

    Raises:
        LookupError: of an experiment that there are no rules for.
    """
    layer = layer_of(measurement.experiment)
    facts: Facts = layer.facts(measurement, context)
    rule: Rule[Any] = next(rule for rule in layer.rules if rule.when(facts))
    on_line = _on_line(measurement.experiment)
    accuses = rule.state in {VerdictState.BLOCKED, VerdictState.THROTTLED, VerdictState.SERVER_SIDE, VerdictState.DOWN}
    at = _decisive(measurement, facts) - context.clock_offset
    first = _decisive(measurement, facts) if facts.passed else facts.since
    state, mechanism = rule.state, rule.mechanism
    if context.reference and state in {VerdictState.BLOCKED, VerdictState.THROTTLED, VerdictState.SERVER_SIDE}:
        # A reference tells local from global; what blocks it, if anything does, is another country's story.
        state, mechanism = VerdictState.DOWN, None
    return Verdict(
        measurement=measurement.id,
        probe=context.probe,
        network=measurement.network,
        reference=context.reference,
        service=INTERNET if on_line else measurement.service,
        role=TargetRole.LINE if on_line else measurement.role,
        target=measurement.target,
        family=measurement.family,
        layer=measurement.experiment,
        design=measurement.design,
        at=at,
        clock_offset=context.clock_offset,
        since=_shown(measurement, first, context.scale) - context.clock_offset,
        state=state,
        rule=rule.id,
        mechanism=mechanism,
        level=rule.level,
        score=facts.score if accuses else 0.0,
        proof=tuple(sign.id for sign in rule.proof if sign.id in facts.signs),
        rate=facts.rate,
        flows=facts.flows if state is VerdictState.BLOCKED or rule.weight is Weight.SHARE else None,
        reason=rule.reason,
        rules_version=RULES_VERSION,
        software=measurement.software,
    )


def note(table: ReferenceTable, verdict: Verdict, measurement: Measurement) -> None:
    """Let the table take in one measurement with its verdict.

    Of a reference all of it; of another probe whether its target was in order, against which no fault is the world's,
    and what the service itself told it over TLS.
    """
    if verdict.rule in BARRED or (_on_line(measurement.experiment) and not verdict.reference):
        return
    if verdict.reference:
        table.heard(verdict)
    if _on_line(measurement.experiment) or verdict.rule.startswith(("line.", "own.")):
        return
    # A limited board's silence says that no server is dead, as it says that none is blocked.
    deaf = limited(measurement, table.no_limits) and fell_silent(measurement)
    report = Report(verdict=verdict, measurement=measurement, deaf=deaf or _not_understood(measurement))
    if verdict.reference:
        table.concluded(report)
    else:
        table.at_home(verdict, _endpoints(measurement))
    kind, remember = OBSERVATIONS.get(measurement.experiment), NOTES.get(measurement.experiment)
    if kind is None or remember is None:
        return
    for trial in measurement.observations:
        if trial.arm is Arm.SUBJECT and isinstance(trial, kind):
            remember(table, report, trial)


_NOT_UNDERSTOOD: Final = frozenset({Failure.HTTP_MALFORMED, Failure.TOO_LARGE, Failure.UNKNOWN})
"""An answer that our own reader did not understand, or a failure without a word: no fault of anybody's."""


def _not_understood(measurement: Measurement) -> bool:
    """Tell whether something did answer the subject, and what failed was reading it."""
    return any(trial.failure in _NOT_UNDERSTOOD for trial in measurement.observations if trial.arm is Arm.SUBJECT)


def _endpoints(measurement: Measurement) -> set[tuple[str, int]]:
    """Return the addresses and ports at which the subject was tried over TCP, where it says them."""
    places = [
        DESTINATIONS[measurement.experiment](trial)
        for trial in measurement.observations
        if trial.arm is Arm.SUBJECT
        and not trial.carried
        and isinstance(trial, OBSERVATIONS.get(measurement.experiment, ()))
    ]
    over_tcp = [place for place in places if place.transport is Transport.TCP]
    return {(place.address, place.port) for place in over_tcp if place.address and place.port is not None}


def _on_line(word: Experiment) -> bool:
    """Tell whether an experiment is about the probe's own line, and of no target."""
    return word in REGISTRY and not REGISTRY[word].of_target


def _decisive(measurement: Measurement, facts: Facts) -> float:
    """Return when the subject was tried, on the probe's clock: first if it passed, last of what failed if it failed.

    Controls go before it and a paired run may take minutes, so that its start says little about when the subject
    failed or came back; an interval [last fail, first ok] is made of these moments.
    """
    tried = [o.at for o in measurement.observations if o.arm is Arm.SUBJECT and not o.carried]
    if not tried:
        return measurement.started
    if facts.passed:
        return min(tried)
    return max(tried) if facts.until is None else min(max(tried), facts.until)


def _shown(measurement: Measurement, began: float, scale: float) -> float:
    """Return when a subject's trial that began at a moment had shown what it shows, on the probe's clock.

    What it met may have begun, or ended, between its first packet and its outcome: an upper edge is behind both.
    """
    seen = (one for one in measurement.observations if one.arm is Arm.SUBJECT and one.at == began)
    lasted = max((one.elapsed_ms / 1000 * scale for one in seen), default=0.0)
    return max(began, min(began + lasted, measurement.ended))


def explain(measurement: Measurement, context: Context) -> str:
    """Return, for a person, which rule decided, what it saw, and which stronger rules did not hold."""
    layer = layer_of(measurement.experiment)
    facts: Facts = layer.facts(measurement, context)
    verdict = judge(measurement, context)
    rules = [rule.id for rule in layer.rules]
    place = rules.index(verdict.rule)
    passed_over = [rule for rule in rules[:place] if rule not in BARRED]
    seen = [f"    {name} = {getattr(facts, name)}" for name in _names(facts)]
    lines = [
        f"{measurement.target} [{measurement.experiment}, {measurement.design}] measured by {context.probe}",
        f"  {verdict.state}: {verdict.reason}",
        f"  rule {verdict.rule} (source: {layer.rules[place].source}), rule set {verdict.rules_version}",
        f"  mechanism {verdict.mechanism or '-'}, evidence {verdict.level}, injection score {verdict.score:.1f} nats",
        f"  proof: {', '.join(verdict.proof) or 'none that excludes a fault of the server'}",
        f"  rules that did not hold before it: {', '.join(passed_over) or 'none'}",
        "  facts:",
        *seen,
    ]
    return "\n".join(lines)


def _names(facts: Facts) -> list[str]:
    """Return the names of all facts, common ones first."""
    return list(type(facts).__dataclass_fields__)
