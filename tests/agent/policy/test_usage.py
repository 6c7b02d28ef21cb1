"""The day's bytes, by direction, over restarts."""

from __future__ import annotations

import pytest

from balise_agent.policy.limits import Limits, Reserve
from balise_agent.policy.usage import Meter
from balise_agent.system.clock import Clock
from balise_agent.system.errors import Refused
from balise_wire.profiles import SHARES, Share

DAY = 86_400.0


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.5 * DAY

    def clock(self) -> Clock:
        """Return the clock."""
        return Clock(system=lambda: self.now, monotonic=lambda: self.now, synced=lambda: True)


def test_both_directions_count_against_the_day() -> None:
    """What came in is spent too, and at the limit nothing more goes out."""
    hands = Hands()
    meter = Meter(Limits(bytes_per_day=1000), hands.clock())
    meter.allow("9.9.9.9", 443, 300)
    meter.received(600)
    assert (meter.sent, meter.received_bytes) == (300, 600)
    with pytest.raises(Refused, match="1000 bytes are spent"):
        meter.allow("9.9.9.9", 443, 200)
    hands.now += DAY
    meter.allow("9.9.9.9", 443, 200)
    assert (meter.sent, meter.received_bytes) == (200, 0)


@pytest.mark.parametrize(("account", "sent"), [("100 40 2", 40), ("99 40 2", 0), ("", 0), ("100 x 2", 0), ("100 1", 0)])
def test_the_account_goes_on_within_its_day_only(account: str, sent: int) -> None:
    """Yesterday's bytes and nonsense are zero."""
    assert Meter(Limits(), Hands().clock(), account).sent == sent


def test_a_clock_that_is_stepped_over_midnight_again_and_again_gets_no_new_day_each_time() -> None:
    """Who lies through NTP must not make a host's line carry ten days' bytes in one; going back is no new day."""
    hands, steady = Hands(), [0.0]
    clock = Clock(system=lambda: hands.now, monotonic=lambda: steady[0], synced=lambda: True)
    meter = Meter(Limits(bytes_per_day=1000), clock)
    carried = 0
    for step in range(40):
        hands.now += DAY if step % 2 == 0 else -DAY
        steady[0] += 60.0
        try:
            meter.allow("9.9.9.9", 443, 900)
        except Refused:
            continue
        carried += 900
    assert carried <= 2 * 1000
    hands.now, steady[0] = 103.5 * DAY, steady[0] + DAY
    meter.allow("9.9.9.9", 443, 900)


def test_a_clock_that_went_back_goes_on_with_the_account_it_has() -> None:
    """A month that a time server invented is no month without measuring once the clock is right again."""
    hands, steady = Hands(), [0.0]
    hands.now = 131.5 * DAY
    clock = Clock(system=lambda: hands.now, monotonic=lambda: steady[0], synced=lambda: True)
    meter = Meter(Limits(bytes_per_day=1000), clock)
    meter.allow("9.9.9.9", 443, 900)
    hands.now = 100.5 * DAY
    assert meter.account().startswith("100 900 ")
    again = Meter(Limits(bytes_per_day=1000), clock, "131 900 0 1 0 0")
    assert again.sent == 900
    hands.now, steady[0] = 101.5 * DAY, DAY
    assert not meter.exhausted
    assert meter.sent == 0


def test_an_account_can_be_read_back() -> None:
    """What ``account`` wrote the next start takes up, limit included."""
    hands = Hands()
    meter = Meter(Limits(bytes_per_day=500), hands.clock())
    meter.allow("9.9.9.9", 443, 400)
    again = Meter(Limits(bytes_per_day=500), hands.clock(), meter.account())
    with pytest.raises(Refused):
        again.allow("9.9.9.9", 443, 200)


def test_delivery_is_paid_by_the_host_too() -> None:
    """What reporting costs counts against the day, and is never itself refused."""
    meter = Meter(Limits(bytes_per_day=500), Hands().clock())
    meter.reported(300, 250)
    meter.reported(10, 0)
    assert (meter.sent, meter.received_bytes) == (310, 250)
    with pytest.raises(Refused):
        meter.allow("9.9.9.9", 443, 1)


def test_the_days_connections_are_capped_over_restarts_and_over_a_move() -> None:
    """A table of targets however long does not make a home line look like a scanner's."""
    hands = Hands()
    rules = Limits(connections_per_day=3)
    meter = Meter(rules, hands.clock())
    assert meter.pause("9.9.9.9", 2) == 0.0
    again = Meter(rules, hands.clock(), meter.account())
    again.follow(rules)
    assert again.connections == 2
    with pytest.raises(Refused, match="3 connections are spent"):
        again.pause("9.9.9.9", 2)
    states = [again.exhausted]
    again.pause("9.9.9.9", 1)
    states.append(again.exhausted)
    hands.now += DAY
    states.append(again.exhausted)
    assert states == [False, True, False]
    assert again.pause("9.9.9.9", 1) == 0.0


def test_measuring_ends_before_delivery_and_delivery_before_the_limit() -> None:
    """92, 94 and 99 % of a small day: what is recorded can still go out, and no connection is kept for nothing."""
    hands = Hands()
    meter = Meter(Limits(bytes_per_day=10_000), hands.clock())
    found = []
    for step in (9_199, 1, 199, 2, 499):
        meter.received(step)
        found.append((meter.exhausted, meter.silent, not meter.delivers(1)))
    assert found == [
        (False, False, False),
        (True, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, True),
    ]
    hands.now += DAY
    assert (meter.exhausted, meter.silent, meter.delivers(6_000)) == (False, False, True)


def test_a_broken_off_delivery_leaves_the_day_to_measuring() -> None:
    """A network that cuts each connection to the broker makes delivery dear: it has a share, and measuring the rest."""
    hands = Hands()
    meter = Meter(Limits(bytes_per_day=10_000), hands.clock())
    meter.reported(5_400, 0)
    assert (meter.silent, meter.delivers(600), meter.delivers(601)) == (False, True, False)
    again = Meter(Limits(bytes_per_day=10_000), hands.clock(), meter.account())
    again.reported(200, 100)
    assert (again.silent, again.delivers(301), again.exhausted, again.reserve) == (True, False, False, Reserve.NONE)
    again.allow("9.9.9.9", 443, 3_000)
    hands.now += DAY
    assert (again.silent, again.delivers(301)) == (False, True)


def test_a_flood_spends_nothing() -> None:
    """What nobody asked for is counted, over restarts, and never against the day."""
    hands = Hands()
    meter = Meter(Limits(bytes_per_day=10_000), hands.clock())
    meter.exceeded(50_000_000)
    assert (meter.beyond, meter.spent, meter.exhausted, meter.reserve) == (50_000_000, 0, False, Reserve.NONE)
    meter.allow("9.9.9.9", 53, 100)
    assert Meter(Limits(bytes_per_day=10_000), hands.clock(), meter.account()).beyond == 50_000_000
    hands.now += DAY
    meter.allow("9.9.9.9", 53, 100)
    assert meter.beyond == 0


@pytest.mark.parametrize(("day", "most"), [(20_000_000, 0.97), (6_000_000, 0.97), (1_000_000, 0.92)])
def test_the_end_of_a_day_is_kept_for_names(day: int, most: float) -> None:
    """Up to the plan everything; then anomalies before the schedule; the last of it for names and SYNs alone."""
    meter = Meter(Limits(bytes_per_day=day), Hands().clock())
    seen: dict[Reserve, float] = {}
    while not meter.exhausted:
        seen.setdefault(meter.reserve, meter.spent / day)
        meter.received(day // 1000)
    assert list(seen) == [Reserve.NONE, Reserve.ANOMALIES, Reserve.NAMES]
    assert seen[Reserve.ANOMALIES] == pytest.approx(0.9, abs=0.001)
    assert seen[Reserve.NAMES] <= most - 0.008


@pytest.mark.parametrize("share", SHARES.values())
def test_a_planned_day_is_never_cut(share: Share) -> None:
    """The collector plans up to 90 %; only what comes on top can reach the end of measuring."""
    meter = Meter(Limits(bytes_per_day=share.bytes_per_day), Hands().clock())
    meter.reported(int(0.92 * share.bytes_per_day), 0)
    assert not meter.exhausted
