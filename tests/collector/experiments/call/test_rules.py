"""The rules of call: which of them speaks when, and that a line which loses everything accuses nobody."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.judge import VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design
from tests.collector.experiments.call.trials import NOISE, ports, series, train
from tests.testbed.cases import NOW, Case

BLOCKED, INSUFFICIENT = VerdictState.BLOCKED, VerdictState.INSUFFICIENT


def test_a_call_that_passes_is_ok(case: Case) -> None:
    """References need not speak."""
    assert case.judged(series(case, "ok", carried="ok")).rule == "call.ok"


@pytest.mark.parametrize(
    ("end", "up", "down", "rule"),
    [
        ("up", "up", "ok", "call.media_cut_up"),
        ("mute", "up", "ok", "call.media_cut_up"),
        ("down", "ok", "down", "call.media_cut_down"),
        ("mute", "ok", "down", "call.media_cut_down"),
        ("up", "up", "down", "call.media_cut"),
        ("down", "ok", "ok", "call.media_cut"),
    ],
)
def test_the_direction_is_told(case: Case, end: str, up: str, down: str, rule: str) -> None:
    """By what voice alone does each way; the helper's count must not contradict it. No reference is asked."""
    verdict = case.judged(series(case, end, up=up, down=down))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (BLOCKED, rule, Mechanism(rule))
    assert verdict.proof == ("voice_shape",)


def test_counts_that_contradict_decide_nothing(case: Case) -> None:
    """Voice is dead upwards alone, and yet the helper got all of the call."""
    assert case.judged(series(case, "down", up="up", down="ok")).rule == "call.partial"
    assert case.judged(series(case, "up", up="lossy", down="ok")).rule == "call.partial"


@pytest.mark.parametrize("control", ["up", "down", "lossy", "no token"])
def test_a_line_that_loses_noise_too_accuses_nobody(case: Case, control: str) -> None:
    """A slow country is not a censored one."""
    assert case.judged(series(case, "up", control=control, up="up", down="down")).rule == "call.line"


def test_losses_alone_are_no_cut(case: Case) -> None:
    """More than a call bears, in both shapes or in one."""
    assert case.judged(series(case, "lossy", control="lossy")).rule == "call.lossy"
    assert case.judged(series(case, "lossy")).rule == "call.lossy"
    alone = msgspec.structs.replace(case.measured(train(end="lossy")), design=Design.SENTINEL)
    assert case.judged(alone).rule == "call.lossy"


def test_a_helper_without_a_token_accuses_nobody(case: Case) -> None:
    """It is off, or the line carries no UDP, to this port or to any."""
    dead = train(end="no token", at=NOW + 20)
    for found, rule in (((443,), "call.port"), ((), "call.no_token")):
        looked = case.measured(train(end="no token", up=NOISE, down=NOISE), ports(*found), dead)
        assert case.judged(looked).rule == rule


def test_without_a_helper_nothing_is_said(case: Case) -> None:
    """Nothing was sent."""
    assert case.judged(case.measured(train(end="none"))).rule == "call.no_helper"


def test_our_own_server_may_lose_them(case: Case) -> None:
    """References lose them too, or a reference itself does."""
    assert case.judged(series(case, "up", up="up"), reference=True).rule == "call.reference_failed"
    case.abroad(train(end="up"))
    assert case.judged(series(case, "up", up="up")).rule == "call.at_references"


def test_without_a_control_nothing_is_blocked(case: Case) -> None:
    """A missing control is insufficient."""
    assert case.judged(series(case, "up", control=None, up="up")).rule == "call.no_control"


def test_one_failure_is_none(case: Case) -> None:
    """A sentinel's is an anomaly; a series of which some passed is a little at most."""
    alone = msgspec.structs.replace(case.measured(train(end="up")), design=Design.SENTINEL)
    assert case.judged(alone).rule == "call.anomaly"
    assert case.judged(series(case, "up", carried="ok", up="up")).rule == "call.partial"


def test_an_icmp_error_accuses_nobody(case: Case) -> None:
    """Somebody said that nobody listens."""
    assert case.judged(series(case, "refused", control="refused")).rule == "call.refused"


def test_a_limited_board_hears_less(case: Case) -> None:
    """What it lost may have come."""
    busy = msgspec.structs.replace(series(case, "up", up="up"), limited_by=("cpu",))
    assert case.judged(busy).rule == "board.limited"
