"""The rules of stun: which of them speaks when, and that none accuses without a control and references."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.judge import VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design
from tests.collector.experiments.stun.trials import binding, classic, dead, elsewhere, series
from tests.testbed.cases import EARLIER, NOW, Case

BLOCKED, INSUFFICIENT = VerdictState.BLOCKED, VerdictState.INSUFFICIENT


def test_an_answer_is_ok(case: Case) -> None:
    """References need not speak; an error of STUN's is an answer."""
    assert case.judged(series(case, "ok", carried="ok")).rule == "stun.ok"
    refused = case.measured(binding(answer="error:401", mapped=""))
    assert case.judged(refused).rule == "stun.ok"


def test_udp_to_one_call_server(case: Case) -> None:
    """Other operators' servers on the same port are well."""
    case.abroad(binding())
    for measured in (dead(case), dead(case, tcp=True), dead(case, here=("ok",), there=())):
        verdict = case.judged(measured)
        assert (verdict.state, verdict.rule, verdict.mechanism) == (BLOCKED, "udp.drop", Mechanism.UDP_DROP)


@pytest.mark.parametrize("end", ["silent", "unheard"])
@pytest.mark.parametrize("others", ["ok", "unheard"])
def test_what_bears_the_mark_dies(case: Case, end: str, others: str) -> None:
    """As many bytes without it are answered on the same port: here alone, or whoever is asked."""
    case.abroad(binding())
    verdict = case.judged(series(case, end, here=(others, others), there=(others,)))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (BLOCKED, "udp.stun", Mechanism.UDP_STUN)


def test_other_servers_show_what_dies(case: Case) -> None:
    """The call server answers no request of the old form; two others do, and none answers with the mark."""
    case.abroad(binding())
    verdict = case.judged(dead(case, here=("unheard", "unheard"), there=("silent",)))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (BLOCKED, "udp.stun_all", Mechanism.UDP_STUN)
    assert case.judged(dead(case, here=("unheard",), there=())).state is INSUFFICIENT


def test_a_line_without_udp_accuses_nobody(case: Case) -> None:
    """A home router or a provider that carries none, to the port or to all, is its own finding."""
    case.abroad(binding())
    assert case.judged(dead(case, here=("silent", "silent"), there=("silent",))).rule == "udp.all"
    assert case.judged(dead(case, here=("silent", "silent"))).rule == "udp.port"
    assert case.judged(dead(case, here=("silent", "silent"), there=())).rule == "stun.unsure"
    assert case.judged(dead(case, here=("silent",))).rule == "stun.unsure"
    assert case.judged(dead(case, here=())).rule == "stun.unsure"


def test_other_ports_alone_tell_no_address(case: Case) -> None:
    """That UDP passes to another port says nothing of this one."""
    case.abroad(binding())
    assert case.judged(dead(case, here=(), there=("ok", "ok", "ok"))).rule == "stun.unsure"


def test_an_address_that_is_dead_over_tcp_too(case: Case) -> None:
    """TCP's layer tells, and this one says nothing."""
    case.abroad(binding())
    assert case.judged(dead(case, tcp=False)).rule == "stun.address"


@pytest.mark.parametrize("end", ["silent", "unheard"])
def test_a_server_that_answers_nobody_is_not_blocked(case: Case, end: str) -> None:
    """References get nothing either: not applicable."""
    case.abroad(binding(end=end))
    assert case.judged(dead(case)).rule == "stun.not_spoken"
    assert case.judged(series(case, end)).state is INSUFFICIENT


def test_a_reference_without_an_answer_calls_no_server_down(case: Case) -> None:
    """Calls have other servers."""
    alone = msgspec.structs.replace(case.measured(binding(end="silent")), design=Design.SENTINEL)
    assert case.judged(alone, reference=True).state is INSUFFICIENT
    assert case.judged(dead(case), reference=True).rule == "stun.reference_failed"


def test_without_references_nothing_is_blocked(case: Case) -> None:
    """Nothing says that the server answers STUN."""
    for measured in (series(case, "silent"), dead(case), dead(case, here=("unheard", "unheard"), there=())):
        assert case.judged(measured).rule == "stun.no_reference"


def test_without_a_control_nothing_is_blocked(case: Case) -> None:
    """A missing control is insufficient."""
    case.abroad(binding())
    assert case.judged(series(case, "silent", shape=None)).rule == "stun.no_control"


def test_one_failure_is_none(case: Case) -> None:
    """A sentinel's is an anomaly; a series of which some passed is a little at most."""
    case.abroad(binding())
    alone = msgspec.structs.replace(case.measured(binding(end="silent")), design=Design.SENTINEL)
    assert case.judged(alone).rule == "stun.anomaly"
    mixed = case.measured(
        binding(end="silent", at=EARLIER, carried=True), classic(), binding(end="silent"), binding(at=NOW + 5),
        elsewhere(1),
    )  # fmt: skip
    assert case.judged(mixed).rule == "stun.partial"


def test_minutes_must_lie_between(case: Case) -> None:
    """Trials inside one minute share one fade of the Wi-Fi."""
    case.abroad(binding())
    close = case.measured(classic(), *(binding(end="silent", at=NOW + n) for n in range(4)), elsewhere(1))
    assert case.judged(close).state is INSUFFICIENT


def test_a_broken_answer_is_no_silence(case: Case) -> None:
    """A home router that changes what is in answers breaks them; whoever answers is not cut off."""
    case.abroad(binding())
    for shape in (True, False):
        assert case.judged(series(case, "broken", shape=shape, here=("broken",))).rule == "stun.unclear"


def test_a_closed_port_accuses_nobody(case: Case) -> None:
    """Somebody said that nobody listens."""
    case.abroad(binding())
    assert case.judged(series(case, "refused")).rule == "stun.refused"


def test_a_limited_board_hears_less(case: Case) -> None:
    """What it lost may have come."""
    case.abroad(binding())
    busy = msgspec.structs.replace(dead(case), limited_by=("cpu",))
    assert case.judged(busy).rule == "board.limited"
