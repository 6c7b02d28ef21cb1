"""The numbers the thresholds stand on: recall, delay and false alarms, and that the simulation is the detector."""

from __future__ import annotations

import random

import pytest

from balise_collector.detect import CellEventKind, Scale
from balise_wire.bins import BIN
from tests.collector.detect import simulation
from tests.collector.detect.conftest import Play


def test_the_simulation_walks_as_the_detector_does(play: Play) -> None:
    """On the same failing bins both open in the same bins: the figures are the detector's own."""
    world = simulation.World(5, 3)
    chance = random.Random(11)
    bins, blocks = 9 * simulation.DAY, (1000, 1700, 2300)
    failing = [simulation.noise_bins(world, bins, chance) for _ in range(world.probes)]
    for start in blocks:
        for probe, blocked in enumerate(simulation.blocked_bins(world, start, chance)):
            failing[probe] |= blocked
    expected = list(simulation.openings(world, failing, bins))
    seats = [play.seat(f"pk{n:02}") for n in range(world.probes)]
    opened: list[int] = []
    for number in range(bins):
        for index, seat in enumerate(seats):
            play.detector.observe(play.verdict(seat, play.at(number) + index, ok=number not in failing[index]))
        opened.extend(
            event.episode.opened_bin - int(play.start // BIN)
            for event in play.detector.advance(play.at(number) + 299)
            if event.kind is CellEventKind.OPENED and event.episode.scale is Scale.ASN
        )
    assert opened == expected
    assert len([b for b in opened if any(start <= b < start + 6 for start in blocks)]) == len(blocks)


@pytest.mark.parametrize(
    ("name", "median", "p90"), [("2 probes, 2 affected", 15, 25), ("5 probes, 3 affected", 10, 15)]
)
def test_blocks_are_found_in_time(name: str, median: int, p90: int) -> None:
    """Every block of three and a half hours, within a few intervals (attribution.md, targets)."""
    figures = simulation.events(simulation.ROWS[name], 60)
    assert figures.recall == 1.0
    assert figures.median <= median
    assert figures.p90 <= p90


def test_a_quiet_year_is_quiet() -> None:
    """Two years of three homes with noise and a bad twenty minutes each day (P13, a small part of it)."""
    assert simulation.quiet(simulation.ROWS["3 probes, 3 affected"], 2).false_alarms <= 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The rows of attribution.md 2.3, printed; recall and false alarms as the shipped thresholds promise."""
    lines = []
    for name, world in simulation.ROWS.items():
        figures = simulation.both(world, max(10, 160 // world.probes), 200)
        lines.append(figures.row(name))
        assert figures.recall >= 0.99, name
        assert figures.false_a_year <= (0.6 if world.noise > 0.02 else 0.1), name
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201 - the table is the point
