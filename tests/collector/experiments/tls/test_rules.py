"""The TLS rules: blocked only when the subject's name dies and another lives, on the same address, several times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balise_collector.conclude.judgement import note
from balise_collector.experiments import RULES as RULES_BY_ID
from balise_collector.judge import Level, VerdictState
from balise_wire.experiments.tls import Certificate
from balise_wire.failures import Failure
from balise_wire.measurement import read_measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design
from tests.testbed.cases import NOW, Case

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


def _again(case: Case, *more: Any, end: str = "silence", scrambled: str = "ok", control: str = "ok") -> Any:
    """The paired plan with what comes after it."""
    return case.measured(
        case.hello(end=end, at=case.earlier, carried=True),
        case.hello(Arm.NEIGHBOUR, control),
        case.hello(Arm.SCRAMBLED, scrambled, at=case.now + 1),
        case.hello(end=end, at=case.now + 2),
        case.hello(end=end, at=case.now + 5),
        *more,
    )


def _tested(case: Case, at: float, end: str, probes: tuple[str, ...] = ("de01", "de02", "sg01")) -> None:
    """Let references greet the same name at some time."""
    case.abroad(case.hello(end=end, at=at), probes=probes, started=at, ended=at + 1)


def test_a_verdict_by_name_waits_for_the_references_of_its_minutes(case: Case) -> None:
    """Those that test the name are heard first; one of them that gets through is enough to go on."""
    _tested(case, case.earlier - 1800, "ok")
    assert case.judged(case.series("rst")).rule == "tls.waits"
    _tested(case, case.now + 60, "ok", probes=("sg01",))
    assert case.judged(case.series("rst")).rule == "sni.rst"


@pytest.mark.parametrize(
    ("failing", "well", "rule"),
    [
        (("de01",), (), "tls.doubtful"),
        (("de01", "de02"), (), "tls.doubtful"),
        (("de01", "de02", "sg01"), (), "tls.down"),
        (("de01", "de02"), ("sg01",), "sni.rst"),
        (("sg01",), ("de01", "de02"), "sni.rst"),
    ],
)
def test_a_name_that_fails_abroad_too_accuses_nobody(
    case: Case, failing: tuple[str, ...], well: tuple[str, ...], rule: str
) -> None:
    """Interference that is global cannot exist; the references of one country may be blocked there themselves."""
    _tested(case, case.earlier + 60, "rst", probes=failing)
    _tested(case, case.earlier + 60, "ok", probes=well)
    assert case.judged(case.series("rst")).rule == rule


def test_a_forged_packet_waits_for_nobody(case: Case) -> None:
    """No server sent it, whatever the references will say."""
    _tested(case, case.earlier - 1800, "ok")
    calm = [
        case.packet(0, "out", "S"),
        case.packet(50_000, "in", "SA"),
        case.packet(60_000, "out", "PA", length=517),
        case.packet(115_000, "in", "PA", length=1400, seq=1),
    ]
    forged = [*calm[:3], case.packet(62_000, "in", "R", ttl=120, df=False, seq=1)]
    trials = [
        case.hello(end="rst", at=case.earlier, carried=True, packets=tuple(forged)),
        case.hello(Arm.NEIGHBOUR, packets=tuple(calm)),
        case.hello(Arm.SCRAMBLED),
        case.hello(end="rst", at=case.now + 2, packets=tuple(forged)),
        case.hello(end="rst", at=case.now + 5, packets=tuple(forged)),
    ]
    verdict = case.judged(case.measured(*trials))
    assert (verdict.rule, "forged_packet" in verdict.proof) == ("sni.rst", True)


def test_an_alert_is_another_answer_than_a_greeting(case: Case) -> None:
    """To the subject alone, where both other names and the references are greeted: by the network or by the service."""
    alert: dict[str, Any] = {"record": "alert:112", "bytes_received": 7}
    series = [
        case.hello(at=case.earlier, carried=True, **alert),
        case.hello(Arm.NEIGHBOUR, record="server_hello"),
        case.hello(Arm.SCRAMBLED, record="server_hello"),
        case.hello(at=case.now + 2, **alert),
        case.hello(at=case.now + 5, **alert),
    ]
    assert case.judged(case.measured(*series)).rule == "tls.alert"
    _tested(case, case.earlier + 60, "ok")
    assert case.judged(case.measured(*series)).rule == "sni.alert"
    other = Case()
    other.abroad(other.hello(at=other.earlier + 60, **alert), started=other.earlier + 60, ended=other.earlier + 61)
    assert other.judged(other.measured(*series)).state is VerdictState.OK


def test_alerts_now_and_then_are_a_part_of_a_block(case: Case) -> None:
    """A box on a share of the flows lets a greeting through; a server that knows no such name never greets."""
    alert: dict[str, Any] = {"record": "alert:112", "bytes_received": 7}
    series = [
        case.hello(at=case.earlier, carried=True, **alert),
        case.hello(Arm.NEIGHBOUR, record="server_hello"),
        case.hello(Arm.SCRAMBLED, record="server_hello"),
        case.hello(at=case.now + 2, record="server_hello"),
        case.hello(at=case.now + 5, **alert),
    ]
    assert case.judged(case.measured(*series)).rule == "tls.alert"
    _tested(case, case.earlier + 60, "ok")
    assert case.judged(case.measured(*series)).rule == "sni.partial"


def test_a_server_that_alerts_to_every_name_answers(case: Case) -> None:
    """It does not like our hello: no name is told from another."""
    alert: dict[str, Any] = {"record": "alert:40", "bytes_received": 7}
    arms = [case.hello(arm, **alert) for arm in (Arm.NEIGHBOUR, Arm.SCRAMBLED, Arm.SUBJECT, Arm.SUBJECT)]
    assert case.judged(case.measured(*arms)).state is VerdictState.OK


def test_only_listed_names_get_through(case: Case) -> None:
    """A white-list spares the well-known name before and after; without the second look the line may have gone."""
    _tested(case, case.earlier + 60, "ok")
    assert case.judged(_again(case, scrambled="silence")).rule == "tls.server_unknown_name"
    later = case.hello(Arm.CONTROL, at=case.now + 30)
    assert case.judged(_again(case, later, scrambled="silence")).rule == "sni.allow"


def test_every_name_dies_at_an_address_where_references_are_greeted(case: Case) -> None:
    """TCP connects, every hello is lost, abroad the very address answers: told, at most C."""
    dead = _again(case, control="silence", scrambled="silence")
    assert case.judged(dead).rule == "tls.address"
    _tested(case, case.earlier + 60, "ok")
    assert case.judged(dead).rule == "tls.drop"
    # What resets is there, and may refuse a country: told when several services are hit, by the detector.
    assert case.judged(case.series("rst", control="rst", scrambled="rst")).rule == "tls.every_name"


def test_a_clock_outside_the_certificates_dates_is_no_interception(case: Case) -> None:
    """The control's chain is outside of its dates the same way, or the chain is in order by the collector's clock."""
    late = case.certificate("theirs", not_after=case.now - 10)
    shown: dict[str, Any] = {"end": "expired", "full": True, "verified": False}
    trials = [
        case.hello(Arm.NEIGHBOUR),
        case.hello(),
        case.hello(**shown, chain=(late,)),
        case.hello(Arm.NEIGHBOUR, **shown, chain=(case.certificate("other", not_after=case.now - 10),)),
    ]
    pins = frozenset({"ours"})
    assert case.judged(case.measured(*trials), pins=pins).rule == "tls.clock"
    assert case.judged(case.measured(*trials[:3]), pins=pins, clock_offset=3600.0).rule == "tls.clock"
    assert case.judged(case.measured(*trials[:3]), pins=pins).state is not VerdictState.BLOCKED


def test_a_trusted_certificate_that_references_never_see_is_told_and_proves_nothing(case: Case) -> None:
    """A content network's second authority looks like this; so does a trusted interceptor."""
    good = case.hello(full=True, verified=True, chain=(case.certificate("ours"),))
    case.abroad(good)
    assert case.judged(case.measured(case.hello(), good)).rule == "tls.chain_ok"
    other = case.hello(full=True, verified=True, chain=(case.certificate("theirs"),))
    verdict = case.judged(case.measured(case.hello(), other))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "tls.cert_unexpected")


def test_a_hello_says_nothing_of_interception() -> None:
    """An interceptor answers every hello: only a chain that verified weighs against it."""
    assert Mechanism.TLS_MITM in RULES_BY_ID["tls.ok"].no_word_on
    assert Mechanism.TLS_MITM not in RULES_BY_ID["tls.chain_ok"].no_word_on


def test_a_whole_handshake_that_dies_is_no_word_about_the_name(case: Case) -> None:
    """Its hello has two segments, its answer kilobytes: more differs from the controls than the name."""
    dead = case.hello(end="silence", full=True)
    trials = [
        case.hello(end="silence", at=case.earlier, carried=True, full=True),
        case.hello(Arm.NEIGHBOUR),
        case.hello(Arm.SCRAMBLED),
        case.hello(),
        case.hello(at=case.now + 4),
        dead,
    ]
    assert case.judged(case.measured(*trials)).rule == "tls.chain_lost"


@pytest.mark.parametrize(
    ("keepers", "issuer", "rule"),
    [
        (("bob", "eve"), "CN=Gateway", "tls.inspected"),
        (("bob",), "CN=Gateway", "tls.local_inspection"),
        (("bob", "eve"), "CN=Avast Web/Mail Shield Root", "tls.local_inspection"),
    ],
)
def test_one_authority_for_every_name_in_three_homes_is_the_providers(
    case: Case, keepers: tuple[str, ...], issuer: str, rule: str
) -> None:
    """Two homes with one authority may have one program; what names itself as a program is one."""
    case.abroad(case.hello(full=True, verified=True, chain=(case.certificate("good"),)))
    case.references.keep({"pk000001": "ann", **{f"pk{name}": name for name in keepers}})

    def chain(key: str) -> tuple[Certificate, ...]:
        return case.certificate(key, issuer), case.certificate("authority", issuer)

    opened: dict[str, Any] = {"end": "untrusted", "full": True, "verified": False}
    measured = case.measured(
        case.hello(at=case.earlier, carried=True, chain=chain("one"), **opened),
        case.hello(Arm.NEIGHBOUR, chain=chain("two"), **opened),
        case.hello(chain=chain("three"), **opened),
    )
    for name in keepers:
        note(case.references, case.judged(measured, probe=f"pk{name}"), measured)
    assert case.judged(measured).rule == rule


def test_a_program_of_the_household_that_opens_tls_is_no_interception(case: Case) -> None:
    """It names itself in the issuer."""
    shown = case.hello(
        end="untrusted",
        full=True,
        verified=False,
        chain=(case.certificate("x", issuer="CN=Avast Web/Mail Shield Root"),),
    )
    clean = case.hello(Arm.NEIGHBOUR, full=True, verified=True, chain=(case.certificate("y"),))
    verdict = case.judged(case.measured(case.hello(Arm.NEIGHBOUR), shown, clean), pins=frozenset({"ours"}))
    assert verdict.rule == "tls.local_inspection"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "rule"), [("tls_clock", "tls.clock"), ("tls_pq", "tls.chain_lost"), ("tls_lanblock", "sni.drop")]
)
def test_measured_in_a_namespace(case: Case, shared_data: Path, name: str, rule: str) -> None:
    """A wrong clock, a long hello that a line loses, and a name that a box drops."""
    lines = (shared_data / "field" / "measurements" / f"{name}.jsonl").read_bytes().splitlines()
    measured = [read_measurement(line)[0] for line in lines]
    paired = next(one for one in measured if one.design is Design.PAIRED)
    assert case.judged(paired).rule == rule


def _at_helper(case: Case, control: str, *shown: str) -> set[str]:
    """Return the signs of a series that dies by name, with what became of both names at a server of our own."""
    made = case.series("silence")
    own = [case.hello(Arm.NEUTRAL_CONTROL, control, address="", at=NOW + 10)]
    own += [case.hello(Arm.NEUTRAL, end, address="", at=NOW + 11 + n) for n, end in enumerate(shown)]
    return set(case.judged(case.measured(*made.observations, *own)).proof)


def test_a_name_that_dies_on_neutral_ground_has_nothing_to_do_with_the_service(case: Case) -> None:
    """Twice, the second at the handshake at the latest; one loss alone is chance."""
    assert "neutral_swap" in _at_helper(case, "ok", "silence", "silence")
    assert "neutral_swap" in _at_helper(case, "ok", "rst", "refused")
    assert not {"neutral_swap", "neutral_swap_ok"} & _at_helper(case, "ok", "silence")
    assert not {"neutral_swap", "neutral_swap_ok"} & _at_helper(case, "ok", "refused", "refused")


def test_a_name_that_passes_there_points_back_at_the_service(case: Case) -> None:
    """Its own address is what matters; a helper that does not answer the control says nothing."""
    assert "neutral_swap_ok" in _at_helper(case, "ok", "silence", "ok")
    assert not {"neutral_swap", "neutral_swap_ok"} & _at_helper(case, "silence", "silence", "silence")
