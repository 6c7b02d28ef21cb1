"""From one measurement to one verdict: the layers by experiment, first match wins.

Lives here: the dispatch, the version of the rule set, and the explanation people read. Must not live here: a rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from balise_collector.judge import dns, http, line, tcp, tls
from balise_collector.judge.context import BARRED
from balise_collector.judge.record import bars
from balise_collector.judge.rules import Facts, Rule, common, own_failure
from balise_collector.judge.verdict import State, Verdict
from balise_collector.judge.version import version
from balise_wire.words import Arm, Experiment, TargetRole

if TYPE_CHECKING:
    from collections.abc import Callable

    from balise_collector.judge.context import Context
    from balise_wire.measurement import Measurement


class _Layer(NamedTuple):
    """How one experiment is judged."""

    facts: Callable[[Measurement, Context], Any]
    rules: tuple[Rule[Any], ...]


def _bare_facts(measurement: Measurement, context: Context) -> Facts:
    """Return no facts but the common ones: neither a path nor what we cannot read makes an incident."""
    return common(measurement, context, failed=False, passed=False, since=measurement.started)


_PATH: Final[tuple[Rule[Facts], ...]] = (
    own_failure(Experiment.PATH),
    Rule(
        id="path.evidence",
        layer=Experiment.PATH,
        state=State.INSUFFICIENT,
        when=lambda _f: True,
        reason="A path shows where, not whether.",
        source="detectors.md, common rule (f)",
    ),
)

_UNKNOWN: Final[tuple[Rule[Facts], ...]] = (
    Rule(
        id="unknown.experiment",
        layer=Experiment.UNKNOWN,
        state=State.INSUFFICIENT,
        when=lambda _f: True,
        reason="An experiment that this collector does not know: the probe is newer. It is kept as it came.",
        source="docs/wire.md, versioning law 2",
    ),
)

LAYERS: Final = {
    Experiment.DNS: _Layer(dns.facts, (*bars(Experiment.DNS), *dns.RULES)),
    Experiment.TCP: _Layer(tcp.facts, (*bars(Experiment.TCP), *tcp.RULES)),
    Experiment.TLS: _Layer(tls.facts, (*bars(Experiment.TLS), *tls.RULES)),
    Experiment.HTTP: _Layer(http.facts, (*bars(Experiment.HTTP), *http.RULES)),
    Experiment.LINE: _Layer(line.facts, (*bars(Experiment.LINE), *line.RULES)),
    Experiment.PATH: _Layer(_bare_facts, (*bars(Experiment.PATH), *_PATH)),
    Experiment.UNKNOWN: _Layer(_bare_facts, (*bars(Experiment.UNKNOWN), *_UNKNOWN)),
}
"""Every experiment that a measurement can come from."""

RULES_VERSION: Final = version()
"""Digest of the code that judges (version.py): no condition, constant or word can change under one version."""


def judge(measurement: Measurement, context: Context) -> Verdict:
    """Return the verdict on one measurement; never raises on a well-formed one."""
    layer = LAYERS[measurement.experiment]
    facts: Facts = layer.facts(measurement, context)
    rule: Rule[Any] = next(rule for rule in layer.rules if rule.when(facts))
    on_line = measurement.experiment is Experiment.LINE
    accuses = rule.state in {State.BLOCKED, State.THROTTLED, State.SERVER_SIDE, State.DOWN}
    at = _decisive(measurement, passed=facts.passed) - context.clock_offset
    accused_since = facts.since - context.clock_offset if not facts.passed else at
    state, mechanism = rule.state, rule.mechanism
    if context.reference and state in {State.BLOCKED, State.THROTTLED, State.SERVER_SIDE}:
        # A reference tells local from global; what blocks it, if anything does, is another country's story.
        state, mechanism = State.DOWN, None
    return Verdict(
        measurement=measurement.id,
        probe=context.probe,
        network=measurement.network,
        reference=context.reference,
        service=line.SERVICE if on_line else measurement.service,
        role=TargetRole.LINE if on_line else measurement.role,
        target=measurement.target,
        family=measurement.family,
        layer=measurement.experiment,
        design=measurement.design,
        at=at,
        clock_offset=context.clock_offset,
        since=accused_since,
        state=state,
        rule=rule.id,
        mechanism=mechanism,
        level=rule.level,
        score=facts.score if accuses else 0.0,
        proof=tuple(sign for sign in rule.proof if sign in facts.signs),
        reason=rule.reason,
        rules_version=RULES_VERSION,
    )


def _decisive(measurement: Measurement, *, passed: bool) -> float:
    """Return when the subject was tried, on the probe's clock: first if it passed, last if it failed.

    Controls go before it and a paired run may take minutes, so that its start says little about when the subject
    failed or came back; an interval [last fail, first ok] is made of these moments.
    """
    tried = [o.at for o in measurement.observations if o.arm is Arm.SUBJECT and not o.carried]
    if not tried:
        return measurement.started
    return min(tried) if passed else max(tried)


def explain(measurement: Measurement, context: Context) -> str:
    """Return, for a person, which rule decided, what it saw, and which stronger rules did not hold."""
    layer = LAYERS[measurement.experiment]
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
