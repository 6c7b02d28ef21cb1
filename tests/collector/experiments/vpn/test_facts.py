"""What one series of handshakes shows."""

from __future__ import annotations

import pytest

from balise_collector.experiments.vpn.facts import Outcome, facts, outcome
from balise_collector.judge import Context
from balise_wire.experiments.vpn import VpnProtocol
from balise_wire.failures import Failure
from balise_wire.words import Arm
from tests.collector.experiments.vpn.trials import handshake, series
from tests.testbed.cases import NOW, Case


@pytest.mark.parametrize(
    ("end", "word"),
    [
        ("ok", Outcome.PASSED),
        ("repeated", Outcome.PASSED),
        ("cut", Outcome.CUT),
        ("reset", Outcome.CUT),
        ("moved", Outcome.MOVED),
        ("no token", Outcome.NO_TOKEN),
        ("refused", Outcome.REFUSED),
        ("none", Outcome.NOT_SENT),
    ],
)
def test_ends_are_told_apart(end: str, word: Outcome) -> None:
    """By the rounds that were answered: the first ones may pass."""
    assert outcome(handshake(end=end)) is word


def test_what_says_two_things_did_not_pass() -> None:
    """No failure, and yet not all rounds."""
    assert outcome(handshake(answered=2)) is Outcome.CUT


def seen(case: Case, *ends: str, **how: object) -> tuple[int, bool, VpnProtocol]:
    """Return turns, whether they are apart, and the protocol."""
    found = facts(series(case, *ends, **how), Context(probe="pk000001", references=case.references))  # type: ignore[arg-type]
    return found.turns, found.apart, found.protocol


def test_a_turn_is_a_cut_handshake_behind_a_control_that_passed(case: Case) -> None:
    """On the same port; two of them ten minutes apart are wanted."""
    assert seen(case, "cut", "cut") == (2, True, VpnProtocol.OPENVPN)
    assert seen(case, "cut", "cut", apart=300.0) == (2, False, VpnProtocol.OPENVPN)
    assert seen(case, "cut", "cut", control=("ok", "cut"))[:2] == (1, False)
    assert seen(case, "cut", "ok")[:2] == (1, False)
    assert seen(case, "cut", "cut", control=())[:2] == (0, False)


def test_one_control_stands_for_one_handshake(case: Case) -> None:
    """Two handshakes behind one control are one turn; another port's control is none."""
    context = Context(probe="pk000001", references=case.references)
    again = case.measured(
        handshake(Arm.NOISE), handshake(end="cut", at=NOW + 5), handshake(end="cut", at=NOW + 605)
    )  # fmt: skip
    assert facts(again, context).turns == 1
    elsewhere = case.measured(handshake(Arm.NOISE, port=443), handshake(end="cut", at=NOW + 5))
    assert facts(elsewhere, context).turns == 0


def test_what_is_of_two_protocols_is_of_none(case: Case) -> None:
    """It contradicts itself."""
    mixed = case.measured(handshake(Arm.NOISE, protocol=VpnProtocol.IKEV2), handshake(end="cut"))
    found = facts(mixed, Context(probe="pk000001", references=case.references))
    assert found.protocol is VpnProtocol.UNKNOWN


def test_a_failure_of_which_nothing_is_known_says_nothing(case: Case) -> None:
    """It may be our own."""
    found = facts(case.measured(handshake(failure=Failure.UNKNOWN)), Context(probe="p", references=case.references))
    assert found.own == ()
