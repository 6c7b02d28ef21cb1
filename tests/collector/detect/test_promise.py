"""The promise on drawn trials: few false incidents in quiet days, blocks told in time, and that the bench is fair."""

from __future__ import annotations

import random

import pytest

from balise_collector.detect import Detector
from tests.bench import bench_detection as bench
from tests.bench.trials import DAY, Line, World, homes, outcomes

_SEED = 20_261_129


def test_pouring_a_series_in_ends_as_verdict_by_verdict() -> None:
    """What the bench does for years, the detector's door does for three days: the same episodes."""
    world, until, cell = World(alone_every=DAY / 4, liar_hours=8.0), 3 * DAY, ("web", "tls")
    fleet = homes(world, 1, 3, until, random.Random(3))
    poured, told = Detector(), Detector()
    for number, home in enumerate(fleet):
        line = Line(world, home, cell, until, None)
        bench._pour(poured, home, cell, list(outcomes(line, until, random.Random(number))), until)
        for one in outcomes(line, until, random.Random(number), ordinary=True):
            told.observe(bench.verdict(home, cell, one))
    for detector in (poured, told):
        detector._touched.update(detector.index.cells.values())
        detector.advance(bench.EPOCH + until)
    # The bench writes ordinary successes bin by bin, so that brackets may differ by a slot; what opens may not.
    assert [(e.key, e.confirmed, e.opened_bin) for e in poured.episodes] == [
        (e.key, e.confirmed, e.opened_bin) for e in told.episodes
    ]


def test_leaving_out_what_passes_leaves_the_rest_as_it_is() -> None:
    """Failures come as often, whether the anomalies that say nothing are drawn or not (within 4 standard errors)."""
    world, until = World(noise=0.05, alone_every=0.0), 400 * DAY
    counts = []
    for passing in (True, False):
        home = homes(world, 1, 1, until, random.Random(5))[0]
        line = Line(world, home, ("web", "tls"), until, None)
        kinds = [one.kind for one in outcomes(line, until, random.Random(6), passing=passing)]
        counts.append([kinds.count("blocked"), kinds.count("partial")])
    for drawn, left in zip(*counts, strict=True):
        assert abs(drawn - left) < 4 * (drawn + left) ** 0.5


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_quiet_days_are_quiet() -> None:
    """Half a year with a liar and bad evenings, sixteen cells, of three homes and of ten: no incident, no outage."""
    for probes in (3, 10):
        found = bench.quiet(World(liar_hours=6.0), 1, probes, 180.0, _SEED)
        assert (found.incidents[bench.OURS], found.outages) == (0, 0)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "median"), [("2 of 2", 12.0), ("3 of 3", 10.0), ("2 of 3", 20.0)])
def test_blocks_are_told_in_time(name: str, median: float) -> None:
    """Nearly every one, and soon. The seeds are fixed; figures on fresh ones are the bench's."""
    case = next(one for one in bench.CASES if one.name == name)
    draw = random.Random(_SEED)
    seeds = [draw.randrange(1 << 40) for _ in range(9)]
    found = bench.total(bench.play(case, World(), seed)[0][bench.OURS] for seed in seeds)
    assert len(found.delays) >= 8
    assert sorted(found.delays)[4] <= median
