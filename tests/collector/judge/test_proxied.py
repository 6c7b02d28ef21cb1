"""The path by way of a proxy: three values, and never a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.judge import VerdictState
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.observations import Observation
from balise_wire.through import ProxyStage, Through
from balise_wire.words import Arm
from tests.testbed.cases import EARLIER, NOW, Case

OPEN, NO_WAY, UNREACHED, REFUSED = ProxyStage.OPEN, ProxyStage.NO_WAY, ProxyStage.UNREACHED, ProxyStage.REFUSED
ANSWERED = ProxyStage.ANSWERED
WORKS, FAILS, RELAYED = ("through_proxy",), ("through_proxy_failed",), ("through_relay",)
_Said = tuple[Arm, ProxyStage, bool]
CONTROL_OK: _Said = (Arm.THROUGH_CONTROL, OPEN, True)


def hello(case: Case, said: _Said, at: float, label: str = "east") -> TlsObservation:
    """Return a hello by way of a proxy: arm, how far the proxy led, and whether a byte came back."""
    arm, stage, came = said
    changes: dict[str, Any] = {"connect_ms": 90.0 if stage is OPEN else None, "bytes_received": 7 if came else 0}
    failure = None if came else Failure.GENERIC_TIMEOUT
    return case.hello(arm, at=at, failure=failure, through=Through(label=label, stage=stage), **changes)


def series(case: Case, *said: _Said, end: str = "rst", **parts: Any) -> Measurement:
    """Return a paired series that ends by asking a proxy."""
    direct = case.series(end, **parts).observations
    return case.measured(*direct, *(hello(case, each, NOW + 10 + number) for number, each in enumerate(said)))


@pytest.mark.parametrize(
    ("said", "proof"),
    [
        ([CONTROL_OK, (Arm.THROUGH, OPEN, True)], WORKS),
        ([CONTROL_OK, (Arm.THROUGH, OPEN, False), (Arm.THROUGH, OPEN, True)], WORKS),
        ([CONTROL_OK, (Arm.THROUGH, NO_WAY, False), (Arm.THROUGH, NO_WAY, False)], FAILS),
        ([CONTROL_OK, (Arm.THROUGH, OPEN, False), (Arm.THROUGH, OPEN, False)], FAILS),
        ([CONTROL_OK, (Arm.THROUGH, OPEN, False)], ()),
        ([CONTROL_OK, (Arm.THROUGH, UNREACHED, False), (Arm.THROUGH, REFUSED, False)], ()),
        ([(Arm.THROUGH_CONTROL, UNREACHED, False)], ()),
        ([(Arm.THROUGH_CONTROL, OPEN, False), (Arm.THROUGH, OPEN, True)], ()),
        ([(Arm.THROUGH, OPEN, True)], ()),
        ([(Arm.THROUGH, ANSWERED, True)], RELAYED),
        ([(Arm.THROUGH, NO_WAY, False), (Arm.THROUGH, ANSWERED, True)], RELAYED),
        ([(Arm.THROUGH, ANSWERED, False), (Arm.THROUGH, NO_WAY, False)], ()),
        ([(Arm.THROUGH, NO_WAY, False), (Arm.THROUGH, NO_WAY, False)], ()),
        ([], ()),
    ],
)
def test_it_works_it_fails_or_nobody_can_say(case: Case, said: list[_Said], proof: tuple[str, ...]) -> None:
    """Known only where the control came through by way of the very proxy; one failure alone is ordinary loss.

    A relay of the service's has no way to a control: its answer says that the service is up, its silence says nothing.
    """
    verdict = case.judged(series(case, *said))
    assert (verdict.state, verdict.rule) == (VerdictState.BLOCKED, "sni.rst")
    assert verdict.proof == ("neighbour_ok", *proof)


def test_a_control_by_way_of_another_proxy_vouches_for_none(case: Case) -> None:
    """It differs in more than the name."""
    direct = case.series("rst").observations
    apart = (hello(case, CONTROL_OK, NOW + 10, "west"), hello(case, (Arm.THROUGH, OPEN, True), NOW + 11))
    assert case.judged(case.measured(*direct, *apart)).proof == ("neighbour_ok",)


@pytest.mark.parametrize("came", [True, False])
def test_it_never_makes_a_verdict(case: Case, came: bool) -> None:
    """Whatever a proxy says, the direct arms judge: the same rule with it and without, in every kind of series."""
    said = [CONTROL_OK, *[(Arm.THROUGH, OPEN, came)] * 2]
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("ok", {"carried": "rst"}), ("rst", {"control": "rst", "scrambled": "rst"}), ("silence", {}),
        ("silence", {"scrambled": "silence"}), ("refused", {"control": "refused", "scrambled": "refused"}),
    ]  # fmt: skip
    for end, parts in kinds:
        with_it, without = case.judged(series(case, *said, end=end, **parts)), case.judged(case.series(end, **parts))
        assert (with_it.state, with_it.rule, with_it.score) == (without.state, without.rule, without.score)
        assert (with_it.at, with_it.since) == (without.at, without.since)


def test_what_is_well_directly_brings_nothing_forward(case: Case) -> None:
    """The sign stands beside a failure."""
    assert case.judged(series(case, CONTROL_OK, (Arm.THROUGH, OPEN, True), end="ok", carried="rst")).proof == ()


@pytest.mark.parametrize(("stage", "proof"), [(OPEN, WORKS), (NO_WAY, FAILS)])
def test_an_address_that_answers_no_syn_is_asked_likewise(
    case: Case, stage: ProxyStage, proof: tuple[str, ...]
) -> None:
    """For chat, which speaks no TLS, the proxy's word that it is connected is the answer."""

    def asked(arm: Arm, at: float, stage: ProxyStage) -> Observation:
        came = int(stage is OPEN)
        return case.syns(came, arm, at=at, syns=1, through=Through(label="east", stage=stage))

    case.abroad(case.syns(6))
    series = [case.syns(0, at=EARLIER, carried=True), case.syns(2, Arm.CONTROL, address="198.18.9.9"), case.syns(0)]
    apart = [asked(Arm.THROUGH_CONTROL, NOW + 9, OPEN), *(asked(Arm.THROUGH, NOW + 10 + n, stage) for n in range(2))]
    verdict = case.judged(case.measured(*series, *apart))
    assert (verdict.state, verdict.rule, verdict.proof) == (VerdictState.BLOCKED, "ip.drop", proof)
