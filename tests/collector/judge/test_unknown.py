"""Words of tomorrow before the judge: neither success nor failure, and nobody is accused by one."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.conclude.judgement import explain
from balise_collector.judge import VerdictState
from balise_collector.judge.context import Context
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment, Resolver, Scope
from tests.testbed.cases import Case


def test_an_experiment_of_tomorrow_is_insufficient(case: Case) -> None:
    """It is kept and shown, and no rule of another layer is applied to it."""
    verdict = case.judged(case.measured(case.hello(end="rst"), experiment=Experiment.UNKNOWN))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (VerdictState.INSUFFICIENT, "unknown.experiment", None)
    assert "unknown.experiment" in explain(
        case.measured(case.hello(), experiment=Experiment.UNKNOWN), Context(probe="p")
    )


@pytest.mark.parametrize("end", ["rst", "silence", "fin"])
def test_a_design_of_tomorrow_is_an_anomaly_at_most(case: Case, end: str) -> None:
    """Whether there were controls cannot be told; the same trials in a paired series are blocked."""
    series = case.series(end)
    case.abroad(case.hello())
    assert case.judged(series).state is VerdictState.BLOCKED
    unknown = msgspec.structs.replace(series, design=Design.UNKNOWN)
    assert case.judged(unknown).state is VerdictState.INSUFFICIENT


def test_an_arm_of_tomorrow_is_no_control_and_no_subject(case: Case) -> None:
    """Its trials count for nothing: neither does their answer excuse the path, nor their failure accuse it."""
    failed = case.measured(case.hello(Arm.UNKNOWN, "rst"), case.hello(Arm.UNKNOWN, "rst"), case.hello(Arm.NEIGHBOUR))
    assert case.judged(failed).state is VerdictState.INSUFFICIENT
    series = case.series("rst")
    without = msgspec.structs.replace(
        series,
        observations=tuple(
            msgspec.structs.replace(one, arm=Arm.UNKNOWN) if one.arm is Arm.NEIGHBOUR else one
            for one in series.observations
        ),
    )
    assert case.judged(without).rule == "tls.no_control"


def test_a_failure_of_tomorrow_is_no_silence_of_the_network(case: Case) -> None:
    """It may be the probe's own: SYNs, questions and controls that failed so are no drop and no dead line."""
    case.abroad(case.syns(6))
    drop = [case.syns(0, at=case.earlier, carried=True), case.syns(0), case.syns(6, Arm.SIBLING)]
    assert case.judged(case.measured(*drop)).state is VerdictState.BLOCKED
    unknown = [msgspec.structs.replace(one, failure=Failure.UNKNOWN) if not one.synacks else one for one in drop]
    assert case.judged(case.measured(*unknown)).state is VerdictState.INSUFFICIENT
    asked = [
        case.asked(at=case.earlier, carried=True, failure=Failure.UNKNOWN),
        case.asked(failure=Failure.UNKNOWN),
        case.asked(failure=Failure.UNKNOWN),
        case.asked(case.answer("93.184.216.34"), arm=Arm.CONTROL),
        case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
    ]
    assert case.judged(case.measured(*asked)).state is VerdictState.INSUFFICIENT
    line = case.line(alive=0)
    dead = case.measured(line, design=Design.SENTINEL, line=None)
    assert case.judged(dead).state is VerdictState.DOWN
    strange = msgspec.structs.replace(
        line, controls=tuple(msgspec.structs.replace(c, failure=Failure.UNKNOWN) for c in line.controls)
    )
    assert case.judged(case.measured(strange, design=Design.SENTINEL, line=None)).state is VerdictState.INSUFFICIENT
    nowhere = msgspec.structs.replace(
        line, controls=tuple(msgspec.structs.replace(c, scope=Scope.UNKNOWN) for c in line.controls)
    )
    assert case.judged(case.measured(nowhere, design=Design.SENTINEL, line=None)).state is VerdictState.INSUFFICIENT


def test_a_resolver_of_tomorrow_is_not_the_providers(case: Case) -> None:
    """What somebody unknown denied is not what people of the network get."""
    denied = case.answer(rcode=3)
    asked = [
        case.asked(denied, resolver=Resolver.UNKNOWN, at=case.earlier, carried=True),
        case.asked(denied, resolver=Resolver.UNKNOWN),
        case.asked(case.answer("93.184.216.34"), arm=Arm.CONTROL),
        case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
    ]
    assert case.judged(case.measured(*asked)).state is VerdictState.INSUFFICIENT
