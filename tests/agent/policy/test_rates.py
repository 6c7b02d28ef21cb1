"""How often one host may be contacted: a share that fills with time, and memory that is bounded."""

from __future__ import annotations

from balise_agent.policy.rates import _MOST_HOSTS, HostRates


def test_a_host_has_its_share_and_waits_for_more() -> None:
    """Twelve a minute is one in five seconds; another host has its own."""
    rates = HostRates(12)
    assert all(rates.take("a", 1, 0.0) for _ in range(12))
    assert not rates.take("a", 1, 0.0)
    assert rates.wait("a", 1, 0.0) == 5.0
    assert rates.take("a", 1, 5.0)
    assert rates.take("b", 12, 0.0)
    rates.clear()
    assert rates.take("a", 12, 5.0)


def test_a_clock_that_went_back_keeps_nobody_waiting_for_it() -> None:
    """What is dated in the future is dated now: no host waits for hours because of a clock."""
    rates = HostRates(12)
    assert rates.take("a", 12, 1_000_000.0)
    assert not rates.take("a", 1, 10.0)
    assert rates.wait("a", 1, 10.0) == 5.0
    assert rates.take("a", 1, 15.0)


def test_full_shares_are_forgotten() -> None:
    """A full share says nothing; whoever contacts ever new hosts fills no memory."""
    rates = HostRates(12)
    for number in range(_MOST_HOSTS):
        assert rates.take(f"h{number}", 1, 0.0)
    assert rates.take("late", 1, 100.0)
    assert len(rates._buckets) == 1
