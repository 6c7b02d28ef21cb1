"""The rules of vpn: which of them speaks when, and that a line which loses everything accuses nobody."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.judge import VerdictState
from balise_wire.experiments.vpn import CONTROLS, EXEMPT, VpnProtocol, VpnShape
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design
from tests.collector.experiments.vpn.trials import encrypted, handshake, series
from tests.testbed.cases import NOW, Case


def test_a_handshake_that_passes_is_ok(case: Case) -> None:
    """References need not speak."""
    assert case.judged(series(case, "ok")).rule == "vpn.ok"
    assert case.judged(case.measured(handshake())).rule == "vpn.ok"


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        (VpnProtocol.OPENVPN, Mechanism.VPN_OPENVPN),
        (VpnProtocol.WIREGUARD, Mechanism.VPN_WIREGUARD),
        (VpnProtocol.IKEV2, Mechanism.VPN_IKEV2),
        (VpnProtocol.OPENVPN_TCP, Mechanism.VPN_OPENVPN_TCP),
    ],
)
@pytest.mark.parametrize("end", ["cut", "reset"])
def test_the_protocol_is_told(case: Case, protocol: VpnProtocol, mechanism: Mechanism, end: str) -> None:
    """Cut three times, twice behind a control that passed, ten minutes apart."""
    verdict = case.judged(series(case, end, end, protocol=protocol))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (VerdictState.BLOCKED, mechanism.value, mechanism)
    assert verdict.proof == ("vpn_shape",)


def test_every_known_protocol_has_a_rule(case: Case) -> None:
    """One that is new here is `unclear` at most, never blocked."""
    one_control = [one for one, shapes in CONTROLS.items() if len(shapes) == 1]
    found = {case.judged(series(case, "cut", "cut", protocol=one)).state for one in one_control}
    found |= {
        case.judged(encrypted(case, {}, {}, protocol=one)).state
        for one in VpnProtocol.known()
        if one not in one_control
    }
    assert found == {VerdictState.BLOCKED}
    strange = series(case, "cut", "cut", protocol=VpnProtocol.UNKNOWN)
    assert case.judged(strange).state is VerdictState.INSUFFICIENT


def test_twice_ten_minutes_apart_or_nothing(case: Case) -> None:
    """Once, sooner, or once in three: something at most."""
    assert case.judged(series(case, "cut", control=("ok",))).rule == "vpn.partial"
    assert case.judged(series(case, "cut", "cut", apart=540.0)).rule == "vpn.partial"
    assert case.judged(series(case, "cut", "ok")).rule == "vpn.partial"
    assert case.judged(series(case, "cut", "cut", carried="ok")).rule == "vpn.partial"


def test_a_control_that_dies_too_accuses_nobody(case: Case) -> None:
    """The line, the port, or all of UDP; also where it dies in one turn alone, as behind residual blocking."""
    for control in (("cut", "cut"), ("ok", "cut"), ("cut", "ok")):
        assert case.judged(series(case, "cut", "cut", control=control)).rule == "vpn.line"


def test_a_line_that_loses_much_accuses_nobody(case: Case) -> None:
    """The controls needed copies: a slow country is not a censored one."""
    assert case.judged(series(case, "cut", "cut", control=("repeated", "ok"))).rule == "vpn.lossy"
    assert case.judged(series(case, "ok", "ok", control=("repeated", "ok"))).rule == "vpn.ok"


@pytest.mark.parametrize(("end", "rule"), [
    ("no token", "vpn.no_token"), ("refused", "vpn.refused"), ("no connection", "vpn.no_connection"),
    ("strange", "vpn.strange"),
])  # fmt: skip
def test_a_helper_that_is_off_accuses_nobody(case: Case, end: str, rule: str) -> None:
    """No token, no connection, nobody listens, or another answers in its place; in one turn alone too."""
    assert case.judged(series(case, end, control=(end,))).rule == rule
    assert case.judged(series(case, "cut", "cut", control=("ok", end))).rule == rule
    assert case.judged(series(case, "cut", end)).rule == rule


def test_a_pool_of_addresses_accuses_nobody(case: Case) -> None:
    """Each flow leaves from another address, and the helper answers the one of the token: once in three is enough."""
    assert case.judged(series(case, "moved", "moved")).rule == "vpn.moved"
    assert case.judged(series(case, "cut", "moved")).rule == "vpn.moved"
    assert case.judged(series(case, "cut", "cut", carried="moved")).rule == "vpn.moved"
    assert case.judged(series(case, "cut", "cut", control=("ok", "moved"))).rule == "vpn.moved"
    assert case.judged(series(case, "cut", "cut", moved=False)).rule == "vpn.openvpn"


def test_without_a_helper_nothing_is_said(case: Case) -> None:
    """Nothing was sent."""
    assert case.judged(case.measured(handshake(end="none"))).rule == "vpn.no_helper"


def test_our_own_server_may_be_the_one(case: Case) -> None:
    """References get no handshake either, or a reference itself does not."""
    assert case.judged(series(case, "cut", "cut"), reference=True).rule == "vpn.reference_failed"
    case.abroad(handshake(end="cut"))
    assert case.judged(series(case, "cut", "cut")).rule == "vpn.at_references"


def test_without_a_control_nothing_is_blocked(case: Case) -> None:
    """A missing control is insufficient."""
    assert case.judged(series(case, "cut", "cut", control=())).rule == "vpn.no_control"


def test_one_failure_is_none(case: Case) -> None:
    """A sentinel's is an anomaly."""
    alone = msgspec.structs.replace(case.measured(handshake(end="cut")), design=Design.SENTINEL)
    assert case.judged(alone).rule == "vpn.anomaly"


def test_a_limited_board_hears_less(case: Case) -> None:
    """What it lost may have come."""
    busy = msgspec.structs.replace(series(case, "cut", "cut"), limited_by=("cpu",))
    assert case.judged(busy).rule == "board.limited"


def test_what_contradicts_itself_is_unclear(case: Case) -> None:
    """A handshake passes here and dies there, without a control behind which it did."""
    mixed = case.measured(
        handshake(end="cut"), handshake(Arm.NOISE, at=NOW + 10), handshake(at=NOW + 20)
    )  # fmt: skip
    assert case.judged(mixed).rule == "vpn.unclear"


@pytest.mark.parametrize(("protocol", "rule"), [
    (VpnProtocol.FULLY_ENCRYPTED, "vpn.fully_encrypted"), (VpnProtocol.OBFS4, "vpn.obfs4"),
])  # fmt: skip
def test_what_is_random_is_blocked_where_what_is_exempt_passes(case: Case, protocol: VpnProtocol, rule: str) -> None:
    """And the exemptions that pass are named."""
    verdict = case.judged(encrypted(case, {}, {}, protocol=protocol))
    assert (verdict.state, verdict.rule) == (VerdictState.BLOCKED, rule)
    assert verdict.mechanism is Mechanism.VPN_FULLY_ENCRYPTED
    assert set(verdict.proof) == {"vpn_shape", *(f"exempt_{shape}" for shape in EXEMPT)}


def test_the_same_exemptions_each_time_are_named(case: Case) -> None:
    """A filter that lets TLS alone pass knows no other exemption."""
    ends: dict[VpnShape, str] = {shape: "cut" for shape in EXEMPT if shape is not VpnShape.TLS_START}
    verdict = case.judged(encrypted(case, ends, ends))
    assert verdict.rule == "vpn.fully_encrypted"
    assert set(verdict.proof) == {"vpn_shape", "exempt_tls_start"}


def test_exemptions_that_pass_now_and_then_accuse_nobody(case: Case) -> None:
    """A line that loses at random, or all of them: no filter has such a rule."""
    half, tls = VpnShape.PRINTABLE_HALF, VpnShape.TLS_START
    everything: dict[VpnShape, str] = dict.fromkeys(EXEMPT, "cut")
    for turns in (
        ({half: "cut"}, {}), ({}, {half: "cut"}), ({half: "cut"}, {tls: "cut"}), (everything, everything),
        (everything, {}),
    ):  # fmt: skip
        assert case.judged(encrypted(case, *turns)).rule == "vpn.line"
    again: dict[VpnShape, str] = dict.fromkeys(EXEMPT, "repeated")
    assert case.judged(encrypted(case, again, {half: "repeated"})).rule == "vpn.lossy"
    assert case.judged(encrypted(case, {})).rule == "vpn.partial"
    assert case.judged(encrypted(case, {half: "no connection"}, {})).rule == "vpn.no_connection"
    assert case.judged(encrypted(case, {}, {}, end="ok")).rule == "vpn.ok"


def test_a_control_that_was_left_out_accuses_nobody(case: Case) -> None:
    """Each of the protocol's is to be tried in each turn."""
    whole = encrypted(case, {}, {VpnShape.PRINTABLE_HALF: "cut"})
    trials = [one for one in whole.observations if getattr(one, "shape", None) is not VpnShape.PRINTABLE_HALF]
    found = msgspec.structs.replace(whole, observations=tuple(trials))
    assert case.judged(found).rule != "vpn.line"
    assert set(case.judged(found).proof) <= {"vpn_shape"}
