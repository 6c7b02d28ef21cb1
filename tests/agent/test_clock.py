"""The clock: virtual in the laboratory, never in the past after a power cut, and not to be set back by a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from balise_agent.clock import Clock, Laboratory, kernel_synced
from balise_agent.errors import ConfigError
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


def test_the_kernels_discipline_wins() -> None:
    """A synced clock is not moved by a hint, and takes over from one."""
    hands = Hands(1000.0)
    clock = hands.clock()
    clock.hint(5000.0, live=True)
    hands.pass_(60.0)
    hands.system, hands.synced = 4990.0, True
    assert clock.now() == 4990.0 + 0.0 if clock.state() is ClockState.SYNCED else False
    clock.hint(9000.0, live=True)
    assert clock.now() == 4990.0


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
