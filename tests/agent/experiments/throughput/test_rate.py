"""The rate of a transfer from when its bytes moved."""

from __future__ import annotations

import pytest

from balise_agent.experiments.throughput.rate import Arrivals, binned, is_steady, rate_of, train_rate_of


def flow(kbps: float, size: int, *, rtt: float = 100.0, burst: int = 0, flight: int = 14_480) -> Arrivals:
    """Return segments of a server that starts slowly on a path of a rate, whose bucket lets a burst through first."""
    found, at, sent, window, began = [], rtt, 0, flight, rtt
    while sent < size:
        flight_end, begun = min(sent + window, size), max(at, began)
        at = begun
        while sent < flight_end:
            piece = min(1_448, flight_end - sent)
            at += piece * 8 / (50_000.0 if sent < burst else kbps)
            sent += piece
            found.append((at, piece))
        began, window = begun + rtt, window * 2
    return found


@pytest.mark.parametrize("rtt", [10.0, 50.0, 100.0, 300.0])
@pytest.mark.parametrize("kbps", [50.0, 130.0, 500.0, 1_000.0])
def test_a_path_of_a_rate_has_it(kbps: float, rtt: float) -> None:
    """Within a tenth, whatever the round trip, behind slow start."""
    size = min(204_800, int(kbps * 125 * 10))
    found = rate_of(flow(kbps, size, rtt=rtt), rtt)
    assert found is not None
    assert found.kbps == pytest.approx(kbps, rel=0.1)


@pytest.mark.parametrize("kbps", [2_000.0, 5_000.0])
def test_a_fast_path_has_it_where_slow_start_is_over(kbps: float) -> None:
    """With 200 KB, up to the round trips of a continent; beyond, it says that it may be faster."""
    found = rate_of(flow(kbps, 204_800, rtt=40.0), 40.0)
    assert found is not None
    assert found.kbps == pytest.approx(kbps, rel=0.1)
    far = rate_of(flow(kbps, 65_536, rtt=300.0), 300.0)
    assert far is not None
    assert not far.settled


def test_a_buckets_burst_does_not_count() -> None:
    """A policer lets some kilobytes through at once (Flach et al. 2016)."""
    found = rate_of(flow(130.0, 80_000, burst=16_384), 100.0)
    assert found is not None
    assert found.kbps == pytest.approx(130.0, rel=0.1)


@pytest.mark.parametrize("burst", [0, 16_384])
@pytest.mark.parametrize("rtt", [100.0, 300.0])
@pytest.mark.parametrize("kbps", [500.0, 1_000.0, 3_000.0])
def test_flights_tell_what_slow_start_hides(kbps: float, rtt: float, burst: int) -> None:
    """48 KB are over in three round trips, whose pauses are nobody's rate; a fast line's flights are as fast as it."""
    moved = flow(kbps, 49_152, rtt=rtt, burst=burst)
    assert train_rate_of(moved, rtt) == pytest.approx(kbps, rel=0.1)
    fast = train_rate_of(flow(20_000.0, 49_152, rtt=rtt), rtt)
    assert fast is not None
    assert fast > 8_000.0


def test_a_lossy_lines_flights_are_as_fast_as_ever() -> None:
    """A hole waits for its round trip, and what lay behind it comes at once: no link is narrow for that."""
    lossy = [(300.0 * at + piece * 0.6, 1_448) for at in range(10) for piece in range(5)]
    assert train_rate_of(lossy, 300.0) == pytest.approx(12_000.0, rel=0.2)


def test_what_a_bucket_let_through_at_once_is_no_flight_of_the_path() -> None:
    """44 KB at once and the rest a timer later: seen where a policer's bucket was full, 4 ms from the server."""
    burst = [(4.0 + piece * 0.1, 1_448) for piece in range(30)]
    held = train_rate_of([*burst, (268.0, 1_448), (270.0, 1_448), (272.0, 1_448)], 4.0)
    whole = train_rate_of([*burst, (7.1, 1_448), (7.2, 1_448), (7.3, 1_448)], 4.0)
    assert held is not None
    assert whole is not None
    assert held < 0.2 * whole


def test_single_segments_are_no_flight() -> None:
    """Of a slow path each comes alone; its rate is that of the whole."""
    assert train_rate_of(flow(60.0, 49_152), 100.0) is None
    assert train_rate_of([], 100.0) is None
    assert train_rate_of([(0.0, 49_152)], 100.0) == pytest.approx(29_492 * 8 / 20.0, rel=0.01)


def test_few_bytes_have_no_rate() -> None:
    """A first flight comes as fast as a server sends it; but what takes seconds has one, however small."""
    assert rate_of(flow(5_000.0, 10_000), 100.0) is None
    slow = rate_of([(at * 1_000.0, 1_448) for at in range(8)], 100.0)
    assert slow is not None
    assert slow.kbps == pytest.approx(11.6, rel=0.1)


def test_a_steady_rate_is_seen_before_the_bytes_are_spent() -> None:
    """Two halves behind slow start agree; not before a second has passed."""
    assert is_steady(flow(500.0, 150_000), 100.0)
    assert not is_steady(flow(500.0, 30_000), 100.0)
    assert not is_steady(flow(5_000.0, 60_000), 100.0)


def test_bins_hold_every_byte() -> None:
    """However long it took, in at most 128 of them."""
    moved = flow(50.0, 150_000)
    width, bins = binned(moved)
    assert (sum(bins), len(bins) <= 128, width > 100.0) == (150_000, True, True)
    assert binned([]) == (100.0, ())
