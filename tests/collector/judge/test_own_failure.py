"""What a probe itself failed at says nothing of a network: never blocked, never ok, never a dead line."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.conclude.judgement import judge
from balise_collector.judge import Context, VerdictState
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.words import Arm, Design, Experiment, Scope, TargetRole
from tests.testbed.cases import Case

CONTEXT = Context(probe="pk000001")


def failed(experiment: Experiment, design: Design, *observations: Any, why: str = "LinkUnusable: x") -> Measurement:
    """Return a measurement whose run the probe itself ended."""
    return Measurement(
        id="0" * 32,
        experiment=experiment,
        design=design,
        target="twitter/web/twitter.com/4",
        service="twitter",
        role=TargetRole.WEB,
        host="twitter.com",
        started=1_589_734_800.0,
        ended=1_589_734_810.0,
        network=Network(country="PK", asn=64501),
        catalogue="test",
        software="0",
        line=LineHealth(at=1_589_734_790.0, gateway_ok=True, domestic=1, domestic_ok=1, international_ok=2),
        own_failure=why,
        observations=observations,
    )


@pytest.mark.parametrize("design", [Design.SENTINEL, Design.PAIRED, Design.MANUAL])
@pytest.mark.parametrize("experiment", [e for e in Experiment if e in {"dns", "tcp", "tls", "http", "path", "line"}])
def test_nothing_observed_is_insufficient(experiment: Experiment, design: Design) -> None:
    """A run that left nothing but the word that we failed is judged by its own rule, in every layer."""
    verdict = judge(failed(experiment, design), CONTEXT)
    assert (verdict.state, verdict.rule, verdict.mechanism) == (VerdictState.INSUFFICIENT, "own.failure", None)
    assert verdict.reason


@pytest.mark.parametrize("end", ["ok", "rst", "silence", "fin", "untrusted"])
def test_a_series_that_we_broke_off_accuses_and_acquits_nobody(case: Case, end: str) -> None:
    """The same trials that would be a verdict are none when the probe could not finish: it may lack a control."""
    whole = case.series(end)
    assert judge(whole, CONTEXT).rule != "own.failure"
    verdict = judge(msgspec.structs.replace(whole, own_failure="LinkUnusable: x"), CONTEXT)
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "own.failure")


@pytest.mark.parametrize("end", ["rst", "silence"])
def test_an_errno_without_a_word_is_ours(case: Case, end: str) -> None:
    """Older probes told their machine's own errors as "unknown": a series with one accuses nobody."""
    whole = case.series(end)
    trials = list(whole.observations)
    trials[1] = msgspec.structs.replace(trials[1], failure=Failure.UNKNOWN)
    verdict = judge(msgspec.structs.replace(whole, observations=tuple(trials)), CONTEXT)
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "own.failure")


def line(*failures: Failure | None) -> Measurement:
    """Return a line whose controls ended so: the first is at home, the others are abroad."""
    controls = tuple(
        ControlResult(name=f"c{n}", scope=Scope.INTERNATIONAL if n else Scope.DOMESTIC, failure=failure)
        for n, failure in enumerate(failures)
    )
    seen = LineObservation(arm=Arm.SUBJECT, at=1_589_734_800.0, gateway_ok=True, controls=controls, resolver_ok=True)
    return failed(Experiment.LINE, Design.SENTINEL, seen, why="")


DEAD, OURS = Failure.GENERIC_TIMEOUT, Failure.UNKNOWN


@pytest.mark.parametrize(
    ("failures", "state", "rule"),
    [
        ((OURS, OURS, OURS), VerdictState.INSUFFICIENT, "own.failure"),
        ((OURS, None, None), VerdictState.OK, "line.ok"),
        ((OURS, OURS, DEAD), VerdictState.INSUFFICIENT, "line.few"),
        ((None, OURS, OURS), VerdictState.OK, "line.ok"),
        ((None, OURS, DEAD), VerdictState.INSUFFICIENT, "line.unclear"),
        ((DEAD, DEAD, DEAD), VerdictState.DOWN, "line.dead"),
        ((DEAD, OURS, DEAD), VerdictState.DOWN, "line.dead"),
    ],
)
def test_a_line_is_dead_by_what_was_asked(failures: tuple[Failure | None, ...], state: VerdictState, rule: str) -> None:
    """A full sending queue (EAGAIN) answers for no control; the others decide, by the rules that few controls have."""
    verdict = judge(line(*failures), CONTEXT)
    assert (verdict.state, verdict.rule) == (state, rule)
