"""The TLS rules: blocked only when the subject's name dies and another lives, on the same address, several times."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.judge import Level, VerdictState
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design
from tests.testbed.cases import Case

RULES = {"rst": "sni.rst", "silence": "sni.drop", "fin": "sni.fin"}


@pytest.mark.parametrize("end", RULES)
def test_a_name_that_dies_alone_is_blocked(case: Case, end: str) -> None:
    """Three subject hellos over two bins die one way, neighbour and scrambled live: that way is the mechanism."""
    verdict = case.judged(case.series(end))
    assert (verdict.state, verdict.rule) == (VerdictState.BLOCKED, RULES[end])
    assert verdict.mechanism == Mechanism(RULES[end])
    assert verdict.level is Level.SCORED
    assert verdict.proof == ("neighbour_ok",)
    assert verdict.since == case.earlier


def test_one_failing_sentinel_is_no_verdict(case: Case) -> None:
    """A failure without controls waits for the paired series."""
    verdict = case.judged(case.measured(case.hello(end="rst"), design=Design.SENTINEL))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "tls.anomaly")


def test_a_good_sentinel_is_ok(case: Case) -> None:
    """Any byte back is the compared outcome."""
    assert case.judged(case.measured(case.hello(), design=Design.SENTINEL)).rule == "tls.ok"


def test_recovery_is_ok_though_a_failure_is_carried(case: Case) -> None:
    """The carried trial explains why the series ran; it does not outweigh what the series saw."""
    assert case.judged(case.series("ok", carried="rst")).state is VerdictState.OK


def test_a_server_that_resets_everything_is_not_blocked(case: Case) -> None:
    """The control on the same address fails as well: not the name."""
    verdict = case.judged(case.series("rst", control="rst", scrambled="rst"))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "tls.address")


def test_a_server_that_drops_unknown_names_is_not_blocked(case: Case) -> None:
    """The scrambled name dies too: the server knows the neighbour and nobody else."""
    assert case.judged(case.series("silence", scrambled="silence")).rule == "tls.server_unknown_name"


def test_without_a_control_nothing_is_blocked(case: Case) -> None:
    """A missing control is insufficient, never blocked."""
    verdict = case.judged(
        case.measured(
            case.hello(end="rst", at=case.earlier, carried=True),
            case.hello(end="rst"),
            case.hello(end="rst", at=case.now + 3),
        )
    )
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "tls.no_control")


def test_trials_inside_one_minute_are_too_close(case: Case) -> None:
    """Three failures within seconds share one Wi-Fi fade."""
    at = case.now // 300 * 300 + 10
    trials = [case.hello(end="rst", at=at + n) for n in range(3)]
    verdict = case.judged(case.measured(case.hello(Arm.NEIGHBOUR, at=at), *trials))
    assert (verdict.state, verdict.rule, verdict.level) == (VerdictState.INSUFFICIENT, "sni.partial", Level.SCORED)


def test_a_box_that_lets_some_through_is_partial(case: Case) -> None:
    """One of three dies, controls live: counted, not a verdict."""
    verdict = case.judged(
        case.measured(
            case.hello(end="rst", at=case.earlier, carried=True),
            case.hello(Arm.NEIGHBOUR),
            case.hello(Arm.SCRAMBLED),
            case.hello(at=case.now + 2),
            case.hello(end="rst", at=case.now + 4),
        )
    )
    assert (verdict.rule, verdict.level) == ("sni.partial", Level.SCORED)


def test_residual_blocking_is_still_the_name(case: Case) -> None:
    """A forbidden hello shuts the address and port for minutes: the next connect fails, after the controls lived."""
    verdict = case.judged(
        case.measured(
            case.hello(end="rst", at=case.earlier, carried=True),
            case.hello(Arm.NEIGHBOUR),
            case.hello(Arm.SCRAMBLED, at=case.now + 1),
            case.hello(end="rst", at=case.now + 2),
            case.hello(end="refused", at=case.now + 4),
        )
    )
    assert verdict.rule == "sni.rst"


def test_no_connection_is_left_to_tcp(case: Case) -> None:
    """Without a TCP handshake the hello was never sent."""
    assert case.judged(case.series("refused", control="refused", scrambled="refused")).rule == "tls.no_connect"


def test_a_server_dead_for_references_is_down(case: Case) -> None:
    """What dies for the references as well is the server's fault, whatever the neighbour says."""
    case.abroad(case.hello(end="silence"))
    verdict = case.judged(case.series("silence"))
    assert (verdict.state, verdict.rule) == (VerdictState.DOWN, "tls.down")


def test_a_failing_reference_is_down_and_never_blocked(case: Case) -> None:
    """References tell local from global; they accuse nobody."""
    verdict = case.judged(case.series("rst"), reference=True, probe="de01")
    assert verdict.state is VerdictState.DOWN


def _opened(case: Case, key: str, issuer: str, control_issuer: str, control_end: str) -> Any:
    return case.measured(
        case.hello(Arm.NEIGHBOUR),
        case.hello(),
        case.hello(end="untrusted", full=True, verified=False, chain=(case.certificate(key, issuer),)),
        case.hello(
            Arm.NEIGHBOUR,
            control_end,
            full=True,
            verified=control_end == "ok",
            chain=(case.certificate("other", control_issuer),),
        ),
    )


def test_a_foreign_certificate_for_one_name_is_interception(case: Case) -> None:
    """References know another key and the neighbour's chain is clean: somebody opens this name's TLS."""
    verdict = case.judged(_opened(case, "evil", "CN=Box", "CN=Real CA", "ok"), pins=frozenset({"good"}))
    assert (verdict.state, verdict.mechanism) == (VerdictState.BLOCKED, Mechanism.TLS_MITM)


def test_an_unknown_issuer_on_every_name_is_the_lines_own(case: Case) -> None:
    """Corporate inspection and parental filters open everything."""
    verdict = case.judged(_opened(case, "evil", "CN=Box", "CN=Box", "untrusted"), pins=frozenset({"good"}))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "tls.local_inspection")


def test_a_changed_root_is_not_interception(case: Case) -> None:
    """Without a known key a chain that does not verify proves nothing (Signal, October 2022)."""
    assert case.judged(_opened(case, "new", "CN=New Root", "CN=Real CA", "ok")).rule == "tls.cert_invalid"


def test_an_expired_certificate_is_not_blocking(case: Case) -> None:
    """The operator forgot to renew: the way is open."""
    old = case.certificate("good", not_after=case.now - 3600)
    trial = case.hello(end="expired", full=True, verified=False, chain=(old,))
    verdict = case.judged(case.measured(case.hello(Arm.NEIGHBOUR), trial, trial), pins=frozenset({"good"}))
    assert (verdict.state, verdict.rule) == (VerdictState.OK, "tls.cert_expired")


def test_plain_text_on_the_tls_port_is_not_ok(case: Case) -> None:
    """Bytes that are no TLS come from somebody in the server's place."""
    strange = case.hello(failure=Failure.TLS_MALFORMED, record="other")
    assert case.judged(case.measured(case.hello(Arm.NEIGHBOUR), strange, strange)).state is VerdictState.INSUFFICIENT


@pytest.mark.parametrize(
    ("failure", "record"),
    [
        (Failure.TLS_MALFORMED, "server_hello"),
        (Failure.TLS_ALERT, "alert:70"),
        (Failure.TLS_ALERT, "alert:40"),
        (Failure.SSL_FAILED_HANDSHAKE, "server_hello"),
    ],
)
def test_a_server_that_speaks_old_tls_alone_is_not_blocked(case: Case, failure: Failure, record: str) -> None:
    """It answered the hello; that an older agent's full handshake came to nothing is the agent's own doing."""
    chain = case.hello(full=True, failure=failure, record=record, bytes_received=900)
    measurement = case.measured(
        case.hello(at=case.earlier, carried=True, full=True, failure=failure, record=record, bytes_received=900),
        case.hello(Arm.NEIGHBOUR),
        case.hello(Arm.SCRAMBLED),
        case.hello(),
        chain,
        chain,
    )
    assert case.judged(measurement).rule == "tls.ok"
    assert case.judged(case.measured(case.hello(), chain, design=Design.SENTINEL)).rule == "tls.ok"
