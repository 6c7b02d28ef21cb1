"""The rules of quic: which of them speaks when, and that none accuses without a control and references."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.judge import VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design
from tests.collector.experiments.quic.trials import dead, elsewhere, greeting, noise, over_tcp, series
from tests.testbed.cases import EARLIER, NOW, Case

BLOCKED, INSUFFICIENT = VerdictState.BLOCKED, VerdictState.INSUFFICIENT


def test_an_answer_is_ok(case: Case) -> None:
    """The name got through, and the flow went on; references need not speak."""
    assert case.judged(series(case, "ok", carried="ok")).rule == "quic.ok"


@pytest.mark.parametrize("end", ["silent", "unheard"])
def test_the_name_alone_is_dead(case: Case, end: str) -> None:
    """Another name and random bytes pass before, UDP carries after, and references are answered with this name."""
    case.abroad(greeting())
    verdict = case.judged(series(case, end))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (BLOCKED, "quic.sni", Mechanism.QUIC_SNI)


def test_a_late_onset_is_said_as_such(case: Case) -> None:
    """The first exchange succeeds: who stops listening there would call it reachable."""
    case.abroad(greeting())
    verdict = case.judged(series(case, "late"))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (BLOCKED, "quic.sni_late", Mechanism.QUIC_SNI)


def test_residual_blocking_hides_nothing(case: Case) -> None:
    """The control behind the subject dies with it: other servers still show that the line carries UDP."""
    case.abroad(greeting())
    assert case.judged(series(case, "silent", after="silent")).rule == "quic.sni"
    assert case.judged(series(case, "silent", after="silent", others=(False, False))).state is INSUFFICIENT
    assert case.judged(series(case, "silent", after="silent", others=())).state is INSUFFICIENT


def test_any_name_of_this_version(case: Case) -> None:
    """Initials die whatever they name, and what asks for versions passes on the same port."""
    case.abroad(greeting())
    verdict = case.judged(series(case, "unheard", control="unheard", after="unheard"))
    assert (verdict.state, verdict.mechanism) == (BLOCKED, Mechanism.QUIC_VERSION)


def test_udp_to_one_address(case: Case) -> None:
    """TCP there, and UDP elsewhere, are well."""
    case.abroad(greeting())
    verdict = case.judged(dead(case))
    assert (verdict.state, verdict.mechanism) == (BLOCKED, Mechanism.QUIC_DROP)


def test_a_line_without_udp_accuses_nobody(case: Case) -> None:
    """A home router or a provider that carries none is its own finding."""
    case.abroad(greeting())
    assert case.judged(dead(case, others=(False, False))).rule == "udp.443"
    assert case.judged(dead(case, others=(False,))).rule == "udp.unsure"
    assert case.judged(dead(case, others=())).rule == "udp.unsure"


def test_an_address_that_is_dead_over_tcp_too(case: Case) -> None:
    """TCP's layer tells, and this one says nothing."""
    case.abroad(greeting())
    assert case.judged(dead(case, tcp=False)).rule == "quic.address"


@pytest.mark.parametrize("end", ["silent", "unheard"])
def test_a_server_that_speaks_no_quic_is_not_blocked(case: Case, end: str) -> None:
    """References get nothing either: not applicable, and no fault of the service that anybody would notice."""
    case.abroad(greeting(end=end))
    for measured in (dead(case), series(case, end), series(case, end, control=end, after=end)):
        assert case.judged(measured).state is INSUFFICIENT
    assert case.judged(dead(case)).rule == "quic.not_spoken"


def test_a_reference_that_gets_no_quic_calls_no_server_down(case: Case) -> None:
    """The service works over TCP: it is no fault, and no news."""
    alone = msgspec.structs.replace(case.measured(greeting(end="silent")), design=Design.SENTINEL)
    assert case.judged(alone, reference=True).state is INSUFFICIENT
    assert case.judged(dead(case), reference=True).rule == "quic.reference_failed"


def test_without_references_nothing_is_blocked(case: Case) -> None:
    """Nothing says that the server speaks QUIC to this name."""
    for measured in (series(case, "silent"), dead(case), series(case, "unheard", control="unheard", after="unheard")):
        assert case.judged(measured).rule == "quic.no_reference"


def test_without_a_control_nothing_is_blocked(case: Case) -> None:
    """A missing control is insufficient."""
    case.abroad(greeting())
    whole = series(case, "silent")
    bare = msgspec.structs.replace(whole, observations=(whole.observations[0], *whole.observations[4:6]))
    assert case.judged(bare).rule == "quic.no_control"


def test_one_failure_is_none(case: Case) -> None:
    """A sentinel's is an anomaly; a series of which some passed is a little at most."""
    case.abroad(greeting())
    alone = msgspec.structs.replace(case.measured(greeting(end="silent")), design=Design.SENTINEL)
    assert case.judged(alone).rule == "quic.anomaly"
    mixed = case.measured(
        greeting(end="silent", at=EARLIER, carried=True),
        over_tcp(),
        noise(),
        greeting(Arm.CONTROL),
        greeting(end="silent"),
        greeting(at=NOW + 5),
        elsewhere(1),
    )
    assert case.judged(mixed).rule == "quic.partial"


def test_minutes_must_lie_between(case: Case) -> None:
    """Trials inside one minute share one fade of the Wi-Fi."""
    case.abroad(greeting())
    close = case.measured(
        over_tcp(), noise(), greeting(Arm.CONTROL), *(greeting(end="silent", at=NOW + n) for n in range(4)),
        greeting(Arm.AFTER, at=NOW + 9), elsewhere(1),
    )  # fmt: skip
    assert case.judged(close).state is INSUFFICIENT


def test_noise_that_dies_is_no_word_about_a_name(case: Case) -> None:
    """Whatever is long dies on this flow, or the line had a bad moment: the arms differ in more than the name."""
    case.abroad(greeting())
    assert case.judged(series(case, "silent", lives=False)).state is INSUFFICIENT


def test_a_closed_port_accuses_nobody(case: Case) -> None:
    """Somebody said that nobody listens."""
    case.abroad(greeting())
    assert case.judged(series(case, "refused", control="refused")).rule == "quic.refused"


def test_a_name_that_goes_late_everywhere_is_not_named(case: Case) -> None:
    """A server that answers no second packet does so to every name."""
    case.abroad(greeting(end="late"))
    assert case.judged(series(case, "late", control="late", after="late")).state is INSUFFICIENT


def test_a_limited_board_hears_less(case: Case) -> None:
    """What it lost may have come."""
    case.abroad(greeting())
    busy = msgspec.structs.replace(series(case, "silent"), limited_by=("cpu",))
    assert case.judged(busy).rule == "board.limited"
