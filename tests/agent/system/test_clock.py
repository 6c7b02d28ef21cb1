"""The clock: virtual in the laboratory, never in the past after a power cut, and not to be set back by a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from balise_agent.system.clock import Clock, Laboratory, kernel_synced
from balise_agent.system.errors import ConfigError
from balise_wire.words import ClockState

if TYPE_CHECKING:
    from pathlib import Path


class Hands:
    """Two clocks whose hands a test moves."""

    def __init__(self, system: float = 1000.0) -> None:
        self.system = system
        self.monotonic = 50.0
        self.synced = False

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.system += seconds
        self.monotonic += seconds

    def clock(self) -> Clock:
        """Return a clock with these hands."""
        return Clock(system=lambda: self.system, monotonic=lambda: self.monotonic, synced=lambda: self.synced)


def test_the_laboratory_clock_is_the_same_everywhere() -> None:
    """virtual = start + (monotonic - origin) * scale, and real seconds shrink by the scale."""
    lab = Laboratory.parse("2020-05-17T16:30:00Z@1234.5x60")
    clock = Clock(laboratory=lab, monotonic=lambda: 1236.5)
    assert clock.now() == 1589733000.0 + 120.0
    assert clock.real_seconds(300.0) == 5.0
    assert clock.state() is ClockState.LABORATORY


@pytest.mark.parametrize(
    "text",
    ["", "now", "2020-05-17T16:30:00@1x60", "2020-05-17T16:30:00Z@1x", "2020-13-17T16:30:00Z@1x60",
     "2020-05-17T16:30:00Z@1x0", "2020-05-17T16:30:00Z@1x60 "],
)  # fmt: skip
def test_a_malformed_clock_is_the_operators_mistake(text: str) -> None:
    """A typing error in BALISE_CLOCK must not become the real time in silence."""
    with pytest.raises(ConfigError, match="BALISE_CLOCK"):
        Laboratory.parse(text)


def test_without_the_variable_time_is_real() -> None:
    """An empty variable is an absent one."""
    assert Clock.from_environment({}).state() is not ClockState.LABORATORY
    assert Clock.from_environment({"BALISE_CLOCK": ""}).scale == 1.0
    lab = Clock.from_environment({"BALISE_CLOCK": "2020-05-17T16:30:00Z@0x60"})
    assert lab.state() is ClockState.LABORATORY


def test_a_board_without_a_battery_never_starts_in_the_past(tmp_path: Path) -> None:
    """After a power cut the clock goes on from the last known time, not from 1970."""
    path = tmp_path / "clock"
    hands = Hands(1_700_000_000.0)
    hands.clock().remember(path)
    hands.system = 100.0
    later = hands.clock()
    later.recall(path)
    assert later.now() == 1_700_000_000.0
    hands.pass_(10.0)
    assert later.now() == 1_700_000_010.0
    assert later.state() is ClockState.UNSYNCED


@pytest.mark.parametrize("content", ["", "yesterday", "\x00\x00"])
def test_a_spoilt_time_file_says_nothing(tmp_path: Path, content: str) -> None:
    """A torn write is not a reason to fail."""
    (tmp_path / "clock").write_text(content)
    clock = Hands().clock()
    clock.recall(tmp_path / "clock")
    assert clock.now() == 1000.0


def test_a_live_hint_sets_an_unsynced_clock() -> None:
    """The collector's signed time is believed where nobody else vouches."""
    hands = Hands(1000.0)
    clock = hands.clock()
    clock.hint(5000.0, live=True)
    assert clock.now() == 5000.0
    assert clock.state() is ClockState.HINTED
    assert clock.offset_ms == -4_000_000.0


def test_a_retained_hint_is_only_a_lower_bound() -> None:
    """A receipt that lay on the broker for a day must not set the clock back, and says nothing of the offset."""
    clock = Hands(9000.0).clock()
    clock.hint(5000.0, live=False)
    assert clock.now() == 9000.0
    assert clock.state() is ClockState.UNSYNCED
    clock.hint(9500.0, live=False)
    assert clock.now() == 9500.0
    assert clock.offset_ms is None


def test_a_replayed_hint_is_ignored() -> None:
    """An old signed receipt, sent again by whoever holds it, must not take the clock back."""
    clock = Hands(1000.0).clock()
    clock.hint(5000.0, live=True)
    clock.hint(2000.0, live=True)
    assert clock.now() == 5000.0


@pytest.mark.parametrize("wrong", [7200.0, -7200.0, 31 * 86_400.0, -300 * 86_400.0])
def test_the_collectors_signed_answer_outvotes_a_time_server(wrong: float) -> None:
    """Whoever holds the line can answer NTP; a signed answer to a message of ours bounds the time on both sides."""
    true = 1_700_000_000.0
    hands = Hands(true + wrong)
    hands.synced = True
    clock = hands.clock()
    assert clock.now() == true + wrong
    sent = hands.monotonic
    hands.pass_(3.0)
    clock.hint(true + 2.0, live=True, since=sent)
    assert abs(clock.now() - (true + 3.0)) <= 2.0
    assert clock.state() is ClockState.HINTED
    assert clock.is_outvoted
    assert not clock.machine_vouched
    assert abs(clock.certificate_time() - true) < 10.0
    assert clock.offset_ms is not None
    assert abs(clock.offset_ms / 1000.0 - wrong) < 5.0
    hands.pass_(86_400.0)
    assert abs(clock.now() - (true + 86_403.0)) <= 2.0


def test_a_clock_inside_the_bounds_is_left_alone() -> None:
    """An honest time server is more exact than a receipt: the machine's clock is kept, and known to be checked."""
    hands = Hands(1_700_000_000.0)
    hands.synced = True
    clock = hands.clock()
    sent = hands.monotonic
    hands.pass_(0.4)
    clock.hint(1_700_000_000.3, live=True, since=sent)
    assert clock.now() == hands.system
    assert clock.state() is ClockState.SYNCED
    assert clock.checked is not None
    assert clock.checked < 3.0


def test_a_message_that_was_held_back_does_not_set_a_synced_clock_back() -> None:
    """A hostile broker delivers a receipt two hours late: signed time says how late it is at least, not at most."""
    hands = Hands(1_700_000_000.0)
    hands.synced = True
    clock = hands.clock()
    clock.hint(1_700_000_000.0 - 7200.0, live=True)
    assert clock.now() == hands.system
    sent = hands.monotonic
    hands.pass_(7200.0)
    clock.hint(1_700_000_001.0, live=True, since=sent)
    assert clock.now() == hands.system


def test_a_time_server_that_is_mended_is_believed_again() -> None:
    """The machine's clock takes over as soon as it is where the signed time allows."""
    hands = Hands(1_700_000_000.0 + 7200.0)
    hands.synced = True
    clock = hands.clock()
    clock.hint(1_700_000_000.0, live=True, since=hands.monotonic)
    assert clock.now() == pytest.approx(1_700_000_000.0)
    hands.system -= 7200.0
    hands.pass_(60.0)
    assert clock.now() == hands.system
    assert clock.state() is ClockState.SYNCED


def test_crystals_may_part_while_the_collector_is_away() -> None:
    """After a month of a shutdown the bounds are minutes wide: a right clock is not called wrong by a slow crystal."""
    hands = Hands(1_700_000_000.0)
    hands.synced = True
    clock = hands.clock()
    clock.hint(1_700_000_000.0, live=True, since=hands.monotonic)
    hands.pass_(30 * 86_400.0)
    hands.system += 120.0
    assert clock.now() == hands.system
    assert not clock.is_outvoted


def test_before_a_large_correction_somebody_may_close_what_was_dated() -> None:
    """What was dated by the old time must not be sealed under the new one."""
    hands = Hands(1_700_000_000.0 + 7200.0)
    hands.synced = True
    clock = hands.clock()
    seen: list[tuple[float, float]] = []
    clock.before_shift = lambda step: seen.append((step, clock.now()))
    clock.hint(1_700_000_000.0, live=True, since=hands.monotonic)
    clock.hint(1_700_000_000.5, live=True, since=hands.monotonic)
    ((step, before),) = seen
    assert step == pytest.approx(-7200.0)
    assert before == 1_700_007_200.0
    assert clock.shifts == 1


def test_a_lying_time_server_cannot_end_a_task(tmp_path: Path) -> None:
    """What expires does so by signed time and the time this board has run since; also after a power cut."""
    hands = Hands(1_700_000_000.0)
    hands.synced = True
    clock = hands.clock()
    assert clock.signed() == 0.0
    clock.hint(1_700_000_000.0, live=False)
    hands.system += 31 * 86_400.0
    hands.pass_(10.0)
    assert clock.signed() == pytest.approx(1_700_000_010.0, abs=0.1)
    clock.remember(tmp_path / "clock")
    later = hands.clock()
    later.recall(tmp_path / "clock")
    assert later.signed() == pytest.approx(1_700_000_010.0, abs=1.0)


def test_a_laboratorys_wrong_clock_lives_like_a_real_one() -> None:
    """BALISE_CLOCK=...x60+7200: two hours ahead in the scenario's world, and it claims to be synchronised."""
    hands = Hands()
    clock = Clock(laboratory=Laboratory.parse("2020-05-17T16:30:00Z@50x60+7200"), monotonic=lambda: hands.monotonic)
    assert clock.state() is ClockState.SYNCED
    assert clock.now() == 1_589_733_000.0 + 7200.0
    clock.hint(1_589_733_000.0, live=True, since=hands.monotonic)
    assert clock.now() == pytest.approx(1_589_733_000.0)
    hands.pass_(1.0)
    assert clock.now() == pytest.approx(1_589_733_060.0, abs=0.1)
    assert clock.machine_vouched  # certificates in the laboratory are judged by the machine's own time


def test_a_step_of_the_clock_is_noticed_once() -> None:
    """NTP that arrives late moves time under a running schedule: worth an event."""
    hands = Hands()
    clock = hands.clock()
    assert clock.jump() == 0.0
    hands.pass_(100.0)
    assert clock.jump() == 0.0
    hands.system += 3600.0
    assert clock.jump() == pytest.approx(3600.0)
    assert clock.jump() == 0.0


def test_the_kernel_can_be_asked() -> None:
    """adjtimex through ctypes answers on any Linux; which answer is the machine's matter."""
    assert kernel_synced() in {True, False}
