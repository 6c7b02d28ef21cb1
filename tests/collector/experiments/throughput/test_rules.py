"""The rules of throughput: which of them speaks when, and that none accuses without a control and references."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.judge import VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design, TransferEnd
from tests.collector.experiments.throughput.trials import series, transfer
from tests.testbed.cases import NOW, Case

FINE = (transfer(5_000.0, Arm.SCRAMBLED), transfer(4_900.0))
FROZEN: dict[str, Any] = {"end": TransferEnd.FROZEN, "moved_bytes": 16_384}
POLICED = {"lost": 4}


def test_as_fast_as_its_control_is_ok(case: Case) -> None:
    """Whatever the line gives: 60 kb/s is no block."""
    for rate in (60.0, 500.0, 5_000.0):
        assert case.judged(series(case, (rate,) * 4, (rate * 1.05,) * 4)).rule == "throughput.ok"


@pytest.mark.parametrize(
    ("ours", "theirs", "rule", "mechanism"),
    [
        ({"lost": 4}, {}, "throughput.policed", Mechanism.RATE_POLICE),
        ({"rtt_ms": 900.0}, {}, "throughput.shaped", Mechanism.RATE_SHAPE),
        ({}, {}, "throughput.limited", Mechanism.RATE_LIMIT),
        ({"lost": 4}, {"lost": 4}, "throughput.limited", Mechanism.RATE_LIMIT),
        ({"rtt_ms": 900.0}, {"rtt_ms": 880.0}, "throughput.limited", Mechanism.RATE_LIMIT),
        ({"lost": None, "rtt_ms": None}, {}, "throughput.limited", Mechanism.RATE_LIMIT),
    ],
)
def test_a_fraction_of_its_controls_rate_is_throttled(
    case: Case, ours: dict[str, Any], theirs: dict[str, Any], rule: str, mechanism: Mechanism
) -> None:
    """By a policer, which drops, or a shaper, which lets wait; what both sides suffer says nothing of how."""
    case.abroad(*FINE)
    slow = (900.0, 880.0, 910.0, 905.0)
    verdict = case.judged(series(case, slow, ours=ours, theirs=theirs))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (VerdictState.THROTTLED, rule, mechanism)


def test_less_than_a_tenth_is_extreme(case: Case) -> None:
    """OONI's definition; and the ratio is told with its interval."""
    case.abroad(*FINE)
    verdict = case.judged(series(case))
    assert verdict.rule == "throughput.limited_extreme"
    assert verdict.rate is not None
    assert verdict.rate.low is not None
    assert verdict.rate.high is not None
    assert verdict.rate.low < verdict.rate.ratio < verdict.rate.high < 0.1
    assert (verdict.rate.kbps, verdict.rate.pairs) == (129.5, 4)


@pytest.mark.parametrize(
    "subject",
    [
        (2_900.0, 2_800.0, 3_000.0, 2_700.0),
        (900.0, 4_900.0, 300.0, 4_000.0),
        (900.0, 4_900.0, 880.0, 5_000.0),
        (2_300.0, 2_900.0, 1_400.0, 2_500.0),
    ],
)
def test_between_nothing_follows(case: Case, subject: tuple[float, ...]) -> None:
    """A lossy hour, or Wi-Fi, makes any ratio once."""
    case.abroad(*FINE)
    verdict = case.judged(series(case, subject))
    assert verdict.state in {VerdictState.INSUFFICIENT, VerdictState.OK}


def test_a_subject_that_still_grew_accuses_nobody(case: Case) -> None:
    """Slow start was not over: the path may be faster."""
    case.abroad(*FINE)
    assert case.judged(series(case, ours={"settled": False})).state is VerdictState.INSUFFICIENT


def test_three_pairs_are_too_few(case: Case) -> None:
    """detectors.md 2.8 asks for four."""
    case.abroad(*FINE)
    assert case.judged(series(case, (130.0,) * 3, (5_000.0,) * 3)).rule == "throughput.between"


def test_without_references_nothing_is_throttled(case: Case) -> None:
    """A server that gives a name little gives it to everybody."""
    assert case.judged(series(case)).rule == "throughput.no_reference"


def test_a_server_that_gives_a_name_little_is_no_block(case: Case) -> None:
    """References meet the same."""
    case.abroad(*series(case).observations)
    assert case.judged(series(case)).rule == "throughput.same_abroad"


def test_uploads_need_no_reference(case: Case) -> None:
    """The server is the operator's own, and treats every name alike."""
    verdict = case.judged(series(case, up=True))
    assert (verdict.state, verdict.rule) == (VerdictState.THROTTLED, "throughput.up_limited_extreme")
    assert verdict.rate is not None
    assert verdict.rate.up


def test_a_slow_line_is_nobodys_block(case: Case) -> None:
    """Its control has less than half of what the line usually has; the service has no less than that."""
    assert (
        case.judged(series(case, (1_000.0,) * 4, (1_050.0,) * 4, line_kbps=5_000.0)).rule == "throughput.general_slow"
    )
    assert case.judged(series(case, (1_000.0,) * 4, (1_050.0,) * 4)).rule == "throughput.ok"


def test_one_pair_is_an_anomaly_at_most(case: Case) -> None:
    """The series that follows tells."""
    slow = case.measured(transfer(5_000.0, Arm.SCRAMBLED), transfer(130.0), design=Design.SENTINEL)
    assert case.judged(slow).rule == "throughput.anomaly"


def test_a_control_that_gets_another_page_is_none(case: Case) -> None:
    """A front that refuses the other name answers with a short error."""
    case.abroad(*FINE)
    assert case.judged(series(case, theirs={"status": 421})).rule == "throughput.no_control"


@pytest.mark.parametrize("end", [TransferEnd.FROZEN, TransferEnd.TIME])
def test_a_subject_whose_first_record_never_ended_is_slow(case: Case, end: TransferEnd) -> None:
    """Its status is not known, which is no error's: a policer lets a few kilobytes of a record through, and no more."""
    case.abroad(*FINE)
    told = series(case)
    held = {"status": None, "moved_bytes": 2_896, "goodput_kbps": None, "settled": None, "end": end}
    trials = list(told.observations)
    trials[3] = msgspec.structs.replace(trials[3], **held)
    assert trials[3].arm is Arm.SUBJECT
    verdict = case.judged(case.measured(*trials))
    assert (verdict.state, verdict.rule) == (VerdictState.THROTTLED, "throughput.limited_extreme")


def test_a_page_of_an_error_under_the_subjects_name_is_no_rate(case: Case) -> None:
    """The server says another thing to this name: nothing follows of how fast it says it."""
    case.abroad(*FINE)
    assert case.judged(series(case, ours={"status": 403})).rule == "throughput.no_control"


def test_a_stall_needs_another_hoster(case: Case) -> None:
    """Whatever the name: then only a transfer from elsewhere tells the hoster's way from the whole line."""
    case.abroad(*FINE)
    frozen = series(case, ours=FROZEN, theirs=FROZEN)
    assert case.judged(frozen).rule == "throughput.stall_alone"
    elsewhere = transfer(900.0, Arm.NEUTRAL_CONTROL, address="198.51.100.9", at=NOW + 60)
    whole = case.measured(*frozen.observations, elsewhere)
    verdict = case.judged(whole)
    assert (verdict.state, verdict.mechanism) == (VerdictState.BLOCKED, Mechanism.TCP_FREEZE)


def test_a_stall_within_the_first_record_is_a_stall(case: Case) -> None:
    """A TLS record of 16 KB does not come to an end, so neither side has a status; and uploads go on as ever."""
    case.abroad(*FINE)
    cut = {**FROZEN, "moved_bytes": 11_000, "status": None, "goodput_kbps": None, "settled": None}
    frozen, up = series(case, ours=cut, theirs=cut), series(case, (4_700.0,) * 4, up=True)
    verdict = case.judged(case.measured(*frozen.observations, *up.observations))
    assert (verdict.state, verdict.rule) == (VerdictState.BLOCKED, "throughput.stall")
    alone = case.judged(case.measured(*series(case, ours=cut).observations, *up.observations))
    assert (alone.state, alone.rule) == (VerdictState.BLOCKED, "throughput.stall_name")
    assert case.judged(series(case, theirs=cut)).rule == "throughput.no_control"


def test_a_name_that_freezes_alone_is_blocked(case: Case) -> None:
    """Its control on the same server goes on."""
    case.abroad(*FINE)
    verdict = case.judged(series(case, ours=FROZEN))
    assert (verdict.state, verdict.rule) == (VerdictState.BLOCKED, "throughput.stall_name")


def test_where_no_bytes_move_the_layers_below_tell(case: Case) -> None:
    """No connection is no rate."""
    none = {"moved_bytes": 0, "connect_ms": None, "end": TransferEnd.FAILED, "status": None}
    case.abroad(*FINE)
    assert case.judged(series(case, ours={**none, "goodput_kbps": None})).rule == "throughput.below"
