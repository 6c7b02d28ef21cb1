"""The gate: the device's own limits, asked before anything leaves."""

from __future__ import annotations

import pytest

from balise_agent.policy.egress import PolicyGate
from balise_agent.policy.limits import Limits
from balise_agent.system.clock import Clock, Laboratory
from balise_agent.system.errors import Refused
from balise_agent.testing import OpenGate

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
    gate = PolicyGate(RULES, Hand().clock())
    with pytest.raises(Refused, match=f"{address} port 443: "):
        gate.allow(address, 443, 10)
    assert (gate.refusals, gate.spent_today) == (1, 0)


def test_what_the_network_handed_out_may_be_local() -> None:
    """The gateway and the provider's resolver may stand on the LAN."""
    gate = PolicyGate(RULES, Hand().clock())
    gate.allow("192.168.1.1", 53, 10, local=True)
    assert gate.spent_today == 10


def test_the_day_has_its_bytes() -> None:
    """Both directions count; what would exceed the day is refused; midnight UTC of the probe's clock begins anew."""
    hand = Hand()
    gate = PolicyGate(RULES, hand.clock(), spent_today=100)
    gate.allow("198.51.101.1", 443, 500)
    gate.received(300)
    with pytest.raises(Refused, match="the day's 1000 bytes are spent"):
        gate.allow("198.51.101.1", 443, 101)
    hand.moment += DAY / 2.0
    gate.allow("198.51.101.1", 443, 101)
    assert gate.spent_today == 101


def test_a_host_is_not_hammered() -> None:
    """Six connections a minute: the seventh waits ten of the clock's seconds, which are five real ones here."""
    hand = Hand()
    gate = PolicyGate(RULES, hand.clock())
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
