"""What one measurement of throughput shows."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.experiments.throughput.facts import Pair, facts, pairs_of
from balise_collector.judge import Context
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, TransferDirection, TransferEnd
from tests.collector.experiments.throughput.trials import series, transfer
from tests.testbed.cases import EARLIER, NOW, Case


def test_neighbouring_trials_make_pairs_whichever_came_first() -> None:
    """ABBA; what stands alone is left out."""
    control, subject = transfer(arm=Arm.SCRAMBLED), transfer(130.0)
    assert len(pairs_of([control, subject, subject, control])) == 2
    assert pairs_of([subject, subject, control])[0].subject is subject
    assert pairs_of([control, control]) == []


def test_what_moves_within_one_sample_is_slowed_by_nothing() -> None:
    """An upload to the helper that a fast line carries at once tells no rate, and is no control that is missing."""
    at_once: dict[str, Any] = {
        "direction": TransferDirection.UP,
        "kbps": None,
        "moved_bytes": 32_768,
        "asked_bytes": 32_768,
        "transfer_ms": 0.0,
    }
    subject, control = transfer(**at_once), transfer(arm=Arm.NEUTRAL_CONTROL, **at_once)
    assert Pair(control, subject).ratio == 1.0
    assert Pair(transfer(5_000.0, arm=Arm.NEUTRAL_CONTROL), subject).ratio == 1.0
    assert Pair(control, transfer(9_000.0)).ratio == 1.0, "the control's least is below what it may have had"
    assert Pair(control, transfer(40.0)).ratio == pytest.approx(40.0 / (32_768 * 8 / 100))
    assert Pair(control, transfer(None, end=TransferEnd.FROZEN)).ratio == 0.0
    assert Pair(transfer(None, arm=Arm.NEUTRAL_CONTROL, moved_bytes=900), subject).ratio is None
    burst = transfer(None, transfer_ms=0.0)
    assert Pair(transfer(5_000.0, arm=Arm.SCRAMBLED), burst).ratio is None, "a download at once may be a bucket's burst"


def test_it_began_with_the_trial_that_led_here(case: Case) -> None:
    """The sentinel's, minutes before the series."""
    found = facts(series(case), Context(probe="pk000001", references=case.references))
    assert (found.since, found.slowed, found.extreme, found.failed) == (EARLIER, True, True, True)


def test_the_slower_direction_is_told(case: Case) -> None:
    """Uploads that are slowed are no word against downloads that are not."""
    both = case.measured(*series(case, (5_000.0,) * 4).observations[1:], *series(case, up=True).observations[1:])
    found = facts(both, Context(probe="pk000001", references=case.references))
    assert (found.direction.value, found.slowed, found.passed) == ("up", True, False)


def test_a_throttle_that_slow_start_hides_is_told_from_its_flights(case: Case) -> None:
    """3 Mb/s on a far line: both sides end in slow start, and the subject's flights are drawn out."""
    hidden: dict[str, Any] = {"settled": False, "train_kbps": 3_000.0}
    free = {**hidden, "train_kbps": 12_000.0}
    whole = (700.0, 690.0, 710.0, 705.0)
    context = Context(probe="pk000001", references=case.references)
    found = facts(series(case, whole, whole, ours=hidden, theirs=free), context)
    assert (found.slowed, found.rate.kbps if found.rate else None) == (True, 3_000.0)
    assert found.rate is not None
    assert found.rate.control_kbps == 12_000.0
    assert facts(series(case, whole, whole, ours=free, theirs=free), context).fine
    lossy = facts(series(case, whole, whole, ours={**hidden, "lost": 1}, theirs={**free, "lost": 1}), context)
    assert (lossy.slowed, lossy.fine) == (False, False), "a line's own loss draws flights out, too"


@pytest.mark.parametrize(
    ("ours", "theirs", "held"),
    [
        ({"lost": 5}, {"lost": 2}, Mechanism.RATE_POLICE),
        ({"lost": 3}, {"lost": 3}, Mechanism.RATE_LIMIT),
        ({"lost": 2, "rtt_ms": 420.0}, {"lost": 2, "rtt_ms": 310.0}, Mechanism.RATE_SHAPE),
        ({"rtt_ms": 340.0}, {"rtt_ms": 310.0}, Mechanism.RATE_LIMIT),
    ],
    ids=["police on a lossy line", "a lossy line", "shape on a far and lossy line", "a far line"],
)
def test_how_it_is_held_is_told_beside_the_lines_own_loss_and_delay(
    case: Case, ours: dict[str, Any], theirs: dict[str, Any], held: Mechanism
) -> None:
    """What both sides suffer alike is the line's."""
    context = Context(probe="pk000001", references=case.references)
    assert facts(series(case, ours=ours, theirs=theirs), context).held is held


def test_what_a_line_loses_slows_a_flow_below_what_a_box_lets_through(case: Case) -> None:
    """Of a lossy line the fastest subject is nearest to the box's rate; of a sound one it may be a bucket's burst."""
    context, subjects = Context(probe="pk000001", references=case.references), (320.0, 398.0, 360.0, 1_000.0)
    found = [
        facts(series(case, subjects, (12_000.0,) * 4, ours={"lost": 4}, theirs={"lost": lost}), context)
        for lost in (0, 1)
    ]
    assert [one.rate.kbps if one.rate else None for one in found] == [379.0, 1_000.0]
    assert found[0].ratio == found[1].ratio


QUEUED: dict[str, Any] = {"segments": 39, "rtt_ms": 1_900.0}
OVERFLOWN: dict[str, Any] = {"segments": 42, "lost": 13, "rtt_ms": 2_000.0}
TIMER: dict[str, Any] = {"segments": 37, "rtt_ms": 208.0}
"""A sender behind a policer that lost the end of its flight, behind which nothing comes that would show the hole."""
DROPPED: dict[str, Any] = {"segments": 39, "lost": 2, "rtt_ms": 208.0}


@pytest.mark.parametrize(
    ("subjects", "held"),
    [
        ((QUEUED, QUEUED, QUEUED, OVERFLOWN), Mechanism.RATE_SHAPE),
        ((QUEUED, QUEUED, OVERFLOWN, OVERFLOWN), Mechanism.RATE_SHAPE),
        ((QUEUED, OVERFLOWN, OVERFLOWN, OVERFLOWN), Mechanism.RATE_LIMIT),
        ((TIMER, TIMER, DROPPED, {**DROPPED, "lost": 3}), Mechanism.RATE_POLICE),
        ((OVERFLOWN,) * 4, Mechanism.RATE_POLICE),
    ],
    ids=["one overflow", "as many", "too many to tell", "a policer's pauses", "every one lost"],
)
def test_a_shapers_queue_that_overflows_is_no_policer(
    case: Case, subjects: tuple[dict[str, Any], ...], held: Mechanism
) -> None:
    """Two homes share a shaper's queue (measured in the lab, 100 kbit/s): what loses nothing and waits was not policed.

    A round trip as long as the sender's timer is no queue.
    """
    trials = [
        one
        for place, said in enumerate(subjects)
        for one in (
            transfer(1_000_000.0, arm=Arm.SCRAMBLED, at=NOW + 10 * place, rtt_ms=3.0),
            transfer(92.0, at=NOW + 10 * place + 4, **said),
        )
    ]
    found = facts(case.measured(*trials), Context(probe="pk000001", references=case.references))
    assert (found.slowed, found.held) == (True, held)
