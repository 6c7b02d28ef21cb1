"""What a board that lost packets, or was busy, hot or badly powered, can still testify to: what came, not what did not.

At a430c09 nothing read ``limited_by`` and ``tap_drops``: a board that lost 4,000 packets still said ``blocked``.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.experiments import LAYERS
from balise_collector.judge import VerdictState
from balise_collector.judge.injection import is_whole
from balise_collector.judge.limits import BUDGET, SHARED, fell_silent, limited
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, Experiment, Resolver
from tests.testbed.cases import Case

LOST: dict[str, Any] = {"tap_drops": 4000, "limited_by": ("drops",)}
LIMITS: tuple[dict[str, Any], ...] = (
    LOST,
    {"tap_drops": 1},
    {"limited_by": ("cpu",)},
    {"limited_by": ("temperature",)},
    {"limited_by": ("undervoltage",)},
    {"limited_by": ("a word of tomorrow",)},
    {"limited_by": ("budget", "cpu")},
)


def lossy(measurement: Measurement, **limits: Any) -> Measurement:
    """Return a measurement as a limited board would have made it."""
    return msgspec.structs.replace(measurement, **(limits or LOST))


def vanished(case: Case) -> Measurement:
    """SYNs to the address vanish; references reach it."""
    case.abroad(case.syns(6))
    return case.measured(case.syns(0, at=case.earlier, carried=True), case.syns(0), case.syns(0, at=case.now + 5))


def unasked(case: Case) -> Measurement:
    """The provider's resolver is silent for this name alone."""
    real = case.answer("104.244.42.1")
    case.abroad(case.asked(real, tls_consistent=True))
    return case.measured(
        case.asked(at=case.earlier, carried=True), case.asked(real, arm=Arm.CONTROL),
        case.asked(real, resolver=Resolver.PUBLIC), case.asked(), case.asked(at=case.now + 5),
    )  # fmt: skip


def dropped(case: Case) -> Measurement:
    """The request that names the host is never answered."""
    silence: dict[str, Any] = {"failure": Failure.GENERIC_TIMEOUT}
    return case.measured(
        case.page(None, at=case.earlier, carried=True, **silence), case.page(arm=Arm.NEIGHBOUR),
        case.page(None, **silence), case.page(None, at=case.now + 5, **silence),
    )  # fmt: skip


def hello(case: Case) -> Measurement:
    """The hello that carries the name goes dead."""
    return case.series("silence")


SILENCE = {"ip.drop": vanished, "dns.timeout": unasked, "http.drop": dropped, "sni.drop": hello}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize(("rule", "made"), list(SILENCE.items()))
def test_silence_accuses_nobody_when_the_board_itself_may_have_lost_it(
    case: Case, rule: str, made: Any, limits: dict[str, Any]
) -> None:
    """Each verdict that rests on what did not come: blocked on a sound board, insufficient on a limited one."""
    measurement = made(case)
    assert (case.judged(measurement).state, case.judged(measurement).rule) == (VerdictState.BLOCKED, rule)
    verdict = case.judged(lossy(measurement, **limits))
    assert (verdict.state, verdict.rule, verdict.mechanism, verdict.proof) == (
        VerdictState.INSUFFICIENT, "board.limited", None, (),
    )  # fmt: skip


@pytest.mark.parametrize(("rule", "made"), list(SILENCE.items()))
def test_a_spent_budget_is_no_limit_of_the_board(case: Case, rule: str, made: Any) -> None:
    """It says how much was asked, not how well it was heard."""
    assert case.judged(lossy(made(case), limited_by=("budget",))).rule == rule


def test_a_board_that_is_well_off_again_is_heard(case: Case) -> None:
    """An answer stands however many packets were lost beside it: reachable needs nothing that did not come."""
    assert case.judged(lossy(case.measured(case.hello(), case.hello(Arm.NEIGHBOUR)))).state is VerdictState.OK
    assert case.judged(lossy(case.measured(case.syns(3)))).state is VerdictState.OK


def test_resets_closings_and_foreign_certificates_stand(case: Case) -> None:
    """They came: the kernel had them, whatever the capture missed."""
    assert case.judged(lossy(case.series("rst"))).rule == "sni.rst"
    assert case.judged(lossy(case.series("fin"))).rule == "sni.fin"
    real, forged = case.certificate("real"), case.certificate("forged", issuer="CN=Interceptor")
    case.abroad(case.hello(full=True, verified=True, chain=(real,)))
    intercepted = case.measured(
        case.hello(Arm.CONTROL, full=True, verified=True, chain=(case.certificate("other"),)),
        *(case.hello(end="untrusted", full=True, chain=(forged,), at=case.now + n) for n in (1, 4)),
    )
    assert case.judged(lossy(intercepted)).rule == case.judged(intercepted).rule == "tls.mitm"


def test_one_silence_among_resets_is_not_counted_as_one_more_reset(case: Case) -> None:
    """Three trials make a case; on a limited board two resets and a silence are two."""
    mixed = case.series("rst", carried="silence")
    assert case.judged(mixed).state is VerdictState.BLOCKED
    assert case.judged(lossy(mixed)).rule == "board.limited"


def test_answers_that_came_stand_in_dns(case: Case) -> None:
    """A denial, a bogon, two answers that exclude each other: each was heard."""
    real = case.answer("104.244.42.1")
    case.abroad(case.asked(real, tls_consistent=True))
    around = (case.asked(real, arm=Arm.CONTROL), case.asked(real, resolver=Resolver.PUBLIC))
    for answers, rule in (
        ((case.answer(rcode=3),), "dns.nxdomain"),
        ((case.answer("10.10.34.34"),), "dns.blockpage_ip"),
        ((case.answer("127.0.0.2"),), "dns.bogon"),
        ((case.answer("8.7.198.45", rtt_ms=5.0, ttl=99), case.answer("104.244.42.1", rtt_ms=40.0)), "dns.race"),
    ):
        made = case.measured(
            case.asked(*answers, at=case.earlier, carried=True), *around, case.asked(*answers),
            case.asked(*answers, at=case.now + 5),
        )  # fmt: skip
        assert case.judged(made).rule == case.judged(lossy(made)).rule == rule


def test_a_control_that_an_empty_address_did_not_answer_is_no_proof(case: Case) -> None:
    """That it is forged for this name only rests on the control's silence, and that answer may have been lost."""
    forged, real = case.answer("8.7.198.45"), case.answer("104.244.42.1")
    case.abroad(case.asked(real, tls_consistent=True))
    made = case.measured(
        case.asked(forged), case.asked(forged, at=case.now + 3), case.asked(real, arm=Arm.CONTROL),
        case.asked(forged, resolver=Resolver.SILENT),
        case.asked(arm=Arm.CONTROL, resolver=Resolver.SILENT), case.asked(real, resolver=Resolver.PUBLIC),
    )  # fmt: skip
    assert case.judged(made).state is VerdictState.BLOCKED
    verdict = case.judged(lossy(made))
    assert verdict.state is VerdictState.INSUFFICIENT
    assert "silent_address_answered" not in verdict.proof


def _reset(case: Case) -> tuple[Any, ...]:
    """A connection that a packet with another TTL ends before the server could."""
    return (
        case.packet(0, "out", "S"), case.packet(40_000, "in", "SA"), case.packet(41_000, "out", "PA", length=517),
        case.packet(42_000, "in", "R", ttl=120, df=False),
    )  # fmt: skip


def test_a_forged_packet_that_was_captured_stands_beside_a_whole_control(case: Case) -> None:
    """The proof is what was heard; of a control whose handshake was lost, nobody can say what it would have shown."""
    answer = (
        case.packet(0, "out", "S"), case.packet(40_000, "in", "SA"), case.packet(41_000, "out", "PA", length=517),
        case.packet(82_000, "in", "PA", length=1400),
    )  # fmt: skip
    for control, proved in ((answer, True), (answer[2:], False), ((), False)):
        made = case.measured(
            case.hello(end="rst", at=case.earlier, carried=True, packets=_reset(case)),
            case.hello(Arm.CONTROL, packets=control), case.hello(Arm.SCRAMBLED, at=case.now + 1),
            *(case.hello(end="rst", at=case.now + n, packets=_reset(case)) for n in (2, 5)),
        )  # fmt: skip
        assert is_whole(control) is proved
        assert "forged_packet" in case.judged(made).proof
        verdict = case.judged(lossy(made))
        assert (verdict.rule, "forged_packet" in verdict.proof) == ("sni.rst", proved)


def test_a_limited_board_tells_of_no_outage(case: Case) -> None:
    """Its line is not dead because it heard nothing; what it reached is reached."""
    dead = case.measured(case.line(alive=0), line=None)
    assert case.judged(dead).rule == "line.dead"
    assert case.judged(lossy(dead)).rule == "board.limited"
    assert case.judged(lossy(case.measured(case.line(alive=2), line=None))).rule == "board.limited"
    assert case.judged(lossy(case.measured(case.line(), line=None))).rule == "line.ok"


@pytest.mark.parametrize("limits", LIMITS)
def test_a_limited_reference_says_that_no_server_is_dead(case: Case, limits: dict[str, Any]) -> None:
    """Its silence would excuse a block at home as the server's own fault; its answers count as ever."""
    home = case.measured(case.syns(0, at=case.earlier, carried=True), case.syns(0), case.syns(0, at=case.now + 5))
    case.abroad(case.syns(0), **limits)
    assert case.judged(home).rule == "tcp.no_reference"
    case.abroad(case.syns(6), **limits)
    assert case.judged(home).rule == "ip.drop"


def test_our_own_failure_abroad_says_that_no_server_is_dead(case: Case) -> None:
    """A reference whose run its own program ended has not seen the server."""
    home = case.measured(case.syns(0, at=case.earlier, carried=True), case.syns(0), case.syns(0, at=case.now + 5))
    case.abroad(case.syns(0), own_failure="EAGAIN")
    assert case.judged(home).rule == "tcp.no_reference"


def test_in_a_laboratory_the_processor_is_everybodys(case: Case) -> None:
    """Forty probes share one machine there; what they lose, they lose as anywhere."""
    made = lossy(hello(case), limited_by=("cpu",))
    assert case.judged(made, no_limits=SHARED).rule == "sni.drop"
    assert case.judged(lossy(made), no_limits=SHARED).rule == "board.limited"
    assert not limited(made, SHARED)
    assert limited(made, BUDGET)
    assert fell_silent(made)


def test_every_layer_that_can_accuse_asks_the_board_first() -> None:
    """The rule stands before the first that says blocked, throttled, refused or down."""
    accusing = {VerdictState.BLOCKED, VerdictState.THROTTLED, VerdictState.SERVER_SIDE, VerdictState.DOWN}
    for experiment, layer in LAYERS.items():
        ids = [rule.id for rule in layer.rules]
        first = next((place for place, rule in enumerate(layer.rules) if rule.state in accusing), None)
        assert first is None or ids.index("board.limited") < first, experiment
    assert all("board.limited" in {rule.id for rule in LAYERS[one].rules} for one in Experiment if one in {
        Experiment.DNS, Experiment.TCP, Experiment.TLS, Experiment.HTTP, Experiment.LINE,
    })  # fmt: skip
