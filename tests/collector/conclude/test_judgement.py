"""The judge as a whole: total, honest about controls, versioned, and able to explain itself."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balise_collector.conclude.judgement import explain, judge, note
from balise_collector.experiments import LAYERS
from balise_collector.judge import Context, ReferenceTable, VerdictState
from balise_wire.evidence import Packet
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.experiments.path import PathObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import Certificate, TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.words import Arm, Design, Experiment, Resolver, Scope, TargetRole
from tests.testbed.cases import Case

NOW = 1_589_734_800.0
_text = st.sampled_from(
    ["", "twitter.com", "example.org", "10.0.0.1", "104.244.42.1", "not an address", "http://[", "é"]
)
_number = st.integers(0, 5)
_at = st.sampled_from([NOW, NOW - 240.0, NOW - 2.0, NOW + 3.0, 0.0])
_failure = st.none() | st.sampled_from(Failure)
_packet = st.builds(
    Packet,
    t_us=st.integers(0, 10**6),
    direction=st.sampled_from(["in", "out"]),
    flags=st.sampled_from(["S", "SA", "R", "RA", "PA", "F", ""]),
    ttl=st.integers(0, 255),
    ip_id=st.integers(0, 65535),
    seq=st.integers(-(2**31), 2**31),
    length=st.integers(0, 1500),
)
_trial = {
    "arm": st.sampled_from(Arm),
    "at": _at,
    "failure": _failure,
    "carried": st.booleans(),
    "packets": st.lists(_packet, max_size=4).map(tuple),
}
_where = {"address": _text, "port": st.sampled_from([0, 80, 443])}
_connect = st.none() | st.just(40.0)
_certificate = st.builds(Certificate, sha256=_text, spki_sha256=_text, issuer=_text, not_after=_at)
_answer = st.builds(
    DnsAnswer,
    rtt_ms=st.sampled_from([0.0, 5.0, 60.0]),
    ttl=st.integers(0, 255),
    rcode=_number,
    addresses=st.lists(_text, max_size=2).map(tuple),
    malformed=st.booleans(),
)
_observation = st.one_of(
    st.builds(
        TlsObservation,
        **_trial,
        **_where,
        sni=st.none() | _text,
        full=st.booleans(),
        connect_ms=_connect,
        bytes_received=st.sampled_from([0, 7]),
        verified=st.none() | st.booleans(),
        chain=st.lists(_certificate, max_size=2).map(tuple),
    ),
    st.builds(TcpObservation, **_trial, **_where, syns=_number, synacks=_number, resets=_number, icmp_errors=_number),
    st.builds(
        DnsObservation,
        **_trial,
        name=_text,
        qtype=st.sampled_from(["A", "AAAA"]),
        resolver=st.sampled_from(Resolver),
        answers=st.lists(_answer, max_size=3).map(tuple),
        tls_consistent=st.none() | st.booleans(),
    ),
    st.builds(
        HttpObservation,
        **_trial,
        **_where,
        host=_text,
        tls=st.booleans(),
        connect_ms=_connect,
        tls_verified=st.none() | st.booleans(),
        status=st.none() | st.sampled_from([200, 206, 302, 403, 451, 500]),
        body_bytes=st.sampled_from([0, 300, 20_000]),
        body_sha256=_text,
        title=_text,
        headers=st.lists(st.tuples(st.sampled_from(["location", "server"]), _text), max_size=2).map(tuple),
    ),
    st.builds(
        LineObservation,
        **_trial,
        gateway_ok=st.none() | st.booleans(),
        controls=st.lists(
            st.builds(ControlResult, name=_text, scope=st.sampled_from(Scope), failure=_failure), max_size=4
        ).map(tuple),
        captive=st.none() | st.booleans(),
    ),
    st.builds(PathObservation, **_trial, **_where),
)
_line = st.none() | st.builds(
    LineHealth,
    at=_at,
    gateway_ok=st.none() | st.booleans(),
    domestic=_number,
    domestic_ok=_number,
    international=_number,
    international_ok=_number,
    captive=st.booleans(),
)
_measurement = st.builds(
    Measurement,
    id=st.just("0" * 32),
    experiment=st.sampled_from(Experiment),
    design=st.sampled_from(Design),
    target=st.just("twitter/web/twitter.com/4"),
    service=st.just("twitter"),
    role=st.sampled_from(TargetRole),
    host=_text,
    family=st.sampled_from([4, 6]),
    started=st.just(NOW),
    ended=st.just(NOW + 10),
    network=st.just(Network(country="PK", asn=64501)),
    catalogue=st.just("test"),
    software=st.just("0"),
    line=_line,
    observations=st.lists(_observation, max_size=7).map(tuple),
)
_CONTROLS = {Arm.NEIGHBOUR, Arm.CONTROL, Arm.SCRAMBLED, Arm.ABSENT, Arm.OTHER_PORT, Arm.SIBLING}


def _control_succeeded(measurement: Measurement) -> bool:
    """Whether anything but the subject did as it should in this measurement or its minute."""
    line = measurement.line
    if line is not None and line.international_ok + line.domestic_ok > 0 and measurement.experiment is Experiment.TCP:
        return True
    for trial in measurement.observations:
        if trial.arm not in _CONTROLS or trial.carried:
            continue
        if isinstance(trial, TlsObservation) and (trial.bytes_received or trial.failure is None or trial.chain):
            return True
        if isinstance(trial, TlsObservation) and trial.failure is not None and trial.failure.startswith("ssl_"):
            return True
        if isinstance(trial, HttpObservation) and trial.status is not None:
            return True
        if isinstance(trial, DnsObservation):
            silent = trial.resolver is Resolver.SILENT and not trial.answers
            if silent or any(a.addresses for a in trial.answers):
                return True
    return False


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(_measurement, st.lists(_measurement, max_size=2), st.booleans())
def test_any_measurement_has_a_verdict_and_blocked_has_a_control(
    measurement: Measurement, abroad: list[Measurement], reference: bool
) -> None:
    """The judge never raises; it never accuses without a control that succeeded; references never accuse at all."""
    table = ReferenceTable()
    for number, other in enumerate(abroad):
        note(table, judge(other, Context(probe=f"de0{number}", reference=True, references=table)), other)
    context = Context(probe="pk000001", reference=reference, references=table)
    verdict = judge(measurement, context)
    assert explain(measurement, context)
    assert math.isfinite(verdict.score)
    if verdict.state is VerdictState.BLOCKED:
        assert not reference
        assert measurement.design is not Design.SENTINEL
        assert _control_succeeded(measurement), verdict.rule


def test_ids_are_unique_within_a_layer_and_the_last_rule_always_holds() -> None:
    """A rule's id is permanent, so it can mean one thing only; and no measurement falls through."""
    for experiment, layer in LAYERS.items():
        ids = [rule.id for rule in layer.rules]
        assert len(ids) == len(set(ids)), experiment
        assert all(rule.reason.endswith(".") and rule.source for rule in layer.rules)


def test_the_clock_correction_moves_every_time(case: Case) -> None:
    """A board whose clock is an hour ahead dates its verdicts right."""
    right, wrong = case.judged(case.series("rst")), case.judged(case.series("rst"), clock_offset=3600.0)
    assert (wrong.at, wrong.since) == (right.at - 3600.0, right.since - 3600.0)
    assert right.since == case.earlier


def test_a_verdict_is_dated_by_the_subject_not_by_the_controls(case: Case) -> None:
    """[last fail, first ok] is made of moments at which the subject was tried; controls before it take minutes."""
    measurement = case.series("rst")
    tried = [o.at for o in measurement.observations if o.arm == "subject" and not o.carried]
    assert case.judged(measurement).at == max(tried) > measurement.started


def test_an_upper_edge_is_when_a_trial_had_shown_it(case: Case) -> None:
    """A block that begins between a trial's first packet and its outcome is within the interval, and so is its end."""
    measured = case.series("rst")
    slow = tuple(msgspec.structs.replace(o, elapsed_ms=700.0) for o in measured.observations)
    failed = case.judged(msgspec.structs.replace(measured, observations=slow, ended=measured.ended + 10.0))
    assert (failed.at, failed.since) == (case.judged(measured).at, case.earlier + 0.7)
    passed = case.measured(case.hello(elapsed_ms=700.0))
    well = case.judged(msgspec.structs.replace(passed, ended=passed.observations[0].at + 0.5))
    assert (well.state, well.since) == (VerdictState.OK, well.at + 0.5), "bounded by the measurement's own end"
    faster = case.judged(msgspec.structs.replace(measured, observations=slow, ended=measured.ended + 60.0), scale=20.0)
    assert faster.since == case.earlier + 14.0, "a laboratory's clock runs on while a trial lasts"


@pytest.mark.parametrize("experiment", Experiment)
def test_nothing_at_all_is_insufficient(case: Case, experiment: Experiment) -> None:
    """A measurement without trials says nothing."""
    empty = msgspec.structs.replace(case.measured(case.hello()), observations=(), experiment=experiment)
    assert case.judged(empty).state is VerdictState.INSUFFICIENT


def test_the_explanation_names_rule_facts_and_what_was_weighed(case: Case) -> None:
    """For ``balise-collector judge FILE``: a person can follow the decision."""
    text = explain(case.series("rst"), Context(probe="pk000001"))
    assert "sni.rst" in text
    assert "scrambled = answered" in text
    assert "rules that did not hold before it: own.failure, line.unwell, line.unknown, line.family, line.border" in text
