"""The gate: the device's own limits, asked before anything leaves."""

from __future__ import annotations

import pytest

from balise_agent.policy.egress import Egress
from balise_agent.policy.limits import Limits, Reserve
from balise_agent.system.clock import Clock, Laboratory
from balise_agent.system.errors import PolicyRefusal
from balise_agent.testing import OpenGate
from balise_wire.profiles import SHARES, Share

DAY = 86_400.0
RULES = Limits(bytes_per_day=1000, connections_per_host_per_minute=6, lan=("203.0.113.0/24",))


class Hand:
    """A clock that is turned by hand, twice as fast as real time."""

    def __init__(self) -> None:
        self.moment = 100.0

    def clock(self) -> Clock:
        """Return a laboratory clock on this hand."""
        return Clock(laboratory=Laboratory(10 * DAY, 100.0, 2.0), monotonic=lambda: self.moment)


@pytest.mark.parametrize("address", ["192.168.1.1", "127.0.0.1", "10.10.34.34", "224.0.0.1", "fe80::1", "203.0.113.5"])
def test_the_household_is_out_of_bounds(address: str) -> None:
    """Private, loopback, multicast and the machine's own networks are refused whoever asks, and nothing is counted."""
    gate = Egress(RULES, Hand().clock())
    with pytest.raises(PolicyRefusal, match=f"{address} port 443: "):
        gate.allow(address, 443, 10)
    assert (gate.refusals, gate.usage.spent) == (1, 0)


def test_what_the_network_handed_out_may_be_local() -> None:
    """The gateway and the provider's resolver may stand on the LAN."""
    gate = Egress(RULES, Hand().clock())
    gate.allow("192.168.1.1", 53, 10, local=True)
    assert gate.usage.spent == 10


def test_the_day_has_its_bytes() -> None:
    """Both directions count; what would exceed the day is refused; midnight UTC of the probe's clock begins anew."""
    hand = Hand()
    gate = Egress(RULES, hand.clock(), "10 60 40")
    gate.allow("198.51.101.1", 443, 500)
    gate.received(300)
    with pytest.raises(PolicyRefusal, match="the day's 1000 bytes are spent"):
        gate.allow("198.51.101.1", 443, 101)
    hand.moment += DAY / 2.0
    gate.allow("198.51.101.1", 443, 101)
    assert gate.usage.spent == 101


def test_a_host_is_not_hammered() -> None:
    """Six connections a minute: the seventh waits ten of the clock's seconds, which are five real ones here."""
    hand = Hand()
    gate = Egress(RULES, hand.clock())
    assert [gate.pause("198.51.101.1", 1) for _ in range(6)] == [0.0] * 6
    assert gate.pause("198.51.101.1", 1) == pytest.approx(5.0, abs=0.01)
    assert gate.pause("198.51.101.2", 1) == 0.0
    hand.moment += 5.01
    assert gate.pause("198.51.101.1", 1) == 0.0


def test_the_open_gate_counts() -> None:
    """A gate for networks of our own lets everything pass and still knows how much."""
    gate = OpenGate()
    gate.allow("127.0.0.1", 1, 5)
    gate.received(7)
    assert (gate.bytes_out, gate.bytes_in, gate.pause("127.0.0.1", 99)) == (5, 7, 0.0)


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
    egress = Egress(Limits(bytes_per_day=1000), hands.clock())
    egress.allow("9.9.9.9", 443, 300)
    egress.received(600)
    assert (egress.usage.sent, egress.usage.received) == (300, 600)
    with pytest.raises(PolicyRefusal, match="1000 bytes are spent"):
        egress.allow("9.9.9.9", 443, 200)
    hands.now += DAY
    egress.allow("9.9.9.9", 443, 200)
    assert (egress.usage.sent, egress.usage.received) == (200, 0)


def test_a_clock_that_is_stepped_over_midnight_again_and_again_gets_no_new_day_each_time() -> None:
    """Who lies through NTP must not make a host's line carry ten days' bytes in one; going back is no new day."""
    hands, steady = Hands(), [0.0]
    clock = Clock(system=lambda: hands.now, monotonic=lambda: steady[0], synced=lambda: True)
    egress = Egress(Limits(bytes_per_day=1000), clock)
    carried = 0
    for step in range(40):
        hands.now += DAY if step % 2 == 0 else -DAY
        steady[0] += 60.0
        try:
            egress.allow("9.9.9.9", 443, 900)
        except PolicyRefusal:
            continue
        carried += 900
    assert carried <= 2 * 1000
    hands.now, steady[0] = 103.5 * DAY, steady[0] + DAY
    egress.allow("9.9.9.9", 443, 900)


def test_a_clock_that_went_back_goes_on_with_the_account_it_has() -> None:
    """A month that a time server invented is no month without measuring once the clock is right again."""
    hands, steady = Hands(), [0.0]
    hands.now = 131.5 * DAY
    clock = Clock(system=lambda: hands.now, monotonic=lambda: steady[0], synced=lambda: True)
    egress = Egress(Limits(bytes_per_day=1000), clock)
    egress.allow("9.9.9.9", 443, 900)
    hands.now = 100.5 * DAY
    assert egress.usage.account().startswith("100 900 ")
    again = Egress(Limits(bytes_per_day=1000), clock, "131 900 0 1 0 0")
    assert again.usage.sent == 900
    hands.now, steady[0] = 101.5 * DAY, DAY
    assert not egress.exhausted
    assert egress.usage.sent == 0


def test_an_account_can_be_read_back() -> None:
    """What ``account`` wrote the next start takes up, limit included."""
    hands = Hands()
    egress = Egress(Limits(bytes_per_day=500), hands.clock())
    egress.allow("9.9.9.9", 443, 400)
    again = Egress(Limits(bytes_per_day=500), hands.clock(), egress.usage.account())
    with pytest.raises(PolicyRefusal):
        again.allow("9.9.9.9", 443, 200)


def test_delivery_is_paid_by_the_host_too() -> None:
    """What reporting costs counts against the day, and is never itself refused."""
    egress = Egress(Limits(bytes_per_day=500), Hands().clock())
    egress.reported(300, 250)
    egress.reported(10, 0)
    assert (egress.usage.sent, egress.usage.received) == (310, 250)
    with pytest.raises(PolicyRefusal):
        egress.allow("9.9.9.9", 443, 1)


def test_the_days_connections_are_capped_over_restarts_and_over_a_move() -> None:
    """A table of targets however long does not make a home line look like a scanner's."""
    hands = Hands()
    rules = Limits(connections_per_day=3)
    egress = Egress(rules, hands.clock())
    assert egress.pause("9.9.9.9", 2) == 0.0
    again = Egress(rules, hands.clock(), egress.usage.account())
    again.follow(rules)
    assert again.usage.connections == 2
    with pytest.raises(PolicyRefusal, match="3 connections are spent"):
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
    egress = Egress(Limits(bytes_per_day=10_000), hands.clock())
    found = []
    for step in (9_199, 1, 199, 2, 499):
        egress.received(step)
        found.append((egress.exhausted, egress.silent, not egress.delivers(1)))
    assert found == [
        (False, False, False),
        (True, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, True),
    ]
    hands.now += DAY
    assert (egress.exhausted, egress.silent, egress.delivers(6_000)) == (False, False, True)


def test_a_broken_off_delivery_leaves_the_day_to_measuring() -> None:
    """A network that cuts each connection to the broker makes delivery dear: it has a share, and measuring the rest."""
    hands = Hands()
    egress = Egress(Limits(bytes_per_day=10_000), hands.clock())
    egress.reported(5_400, 0)
    assert (egress.silent, egress.delivers(600), egress.delivers(601)) == (False, True, False)
    again = Egress(Limits(bytes_per_day=10_000), hands.clock(), egress.usage.account())
    again.reported(200, 100)
    assert (again.silent, again.delivers(301), again.exhausted, again.reserve) == (True, False, False, Reserve.NONE)
    again.allow("9.9.9.9", 443, 3_000)
    hands.now += DAY
    assert (again.silent, again.delivers(301)) == (False, True)


def test_a_flood_spends_nothing() -> None:
    """What nobody asked for is counted, over restarts, and never against the day."""
    hands = Hands()
    egress = Egress(Limits(bytes_per_day=10_000), hands.clock())
    egress.exceeded(50_000_000)
    assert (egress.usage.beyond, egress.usage.spent, egress.exhausted, egress.reserve) == (
        50_000_000,
        0,
        False,
        Reserve.NONE,
    )
    egress.allow("9.9.9.9", 53, 100)
    assert Egress(Limits(bytes_per_day=10_000), hands.clock(), egress.usage.account()).usage.beyond == 50_000_000
    hands.now += DAY
    egress.allow("9.9.9.9", 53, 100)
    assert egress.usage.beyond == 0


@pytest.mark.parametrize(("day", "most"), [(20_000_000, 0.97), (6_000_000, 0.97), (1_000_000, 0.92)])
def test_the_end_of_a_day_is_kept_for_names(day: int, most: float) -> None:
    """Up to the plan everything; then anomalies before the schedule; the last of it for names and SYNs alone."""
    egress = Egress(Limits(bytes_per_day=day), Hands().clock())
    seen: dict[Reserve, float] = {}
    while not egress.exhausted:
        seen.setdefault(egress.reserve, egress.usage.spent / day)
        egress.received(day // 1000)
    assert list(seen) == [Reserve.NONE, Reserve.ANOMALIES, Reserve.NAMES]
    assert seen[Reserve.ANOMALIES] == pytest.approx(0.9, abs=0.001)
    assert seen[Reserve.NAMES] <= most - 0.008


@pytest.mark.parametrize("share", SHARES.values())
def test_a_planned_day_is_never_cut(share: Share) -> None:
    """The collector plans up to 90 %; only what comes on top can reach the end of measuring."""
    egress = Egress(Limits(bytes_per_day=share.bytes_per_day), Hands().clock())
    egress.reported(int(0.92 * share.bytes_per_day), 0)
    assert not egress.exhausted
