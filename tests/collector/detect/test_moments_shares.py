"""Blocks that let a share of flows pass: the brackets of their beginning and end hold the truth."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from balise_collector.detect.interval import Interval

_SEEDS = 40


@pytest.mark.parametrize("share", [1.0, 0.9, 0.75, 0.6])
def test_what_passes_does_not_date_a_block(make_play: Callable[..., Any], share: float) -> None:
    """One in twenty may be wrong, and what chance adds in forty; half of them were, at a share of 0.6."""
    onsets = ends = told = 0
    for seed in range(_SEEDS):
        play, chance = make_play(), random.Random(f"{share} {seed}")
        begins, stops = 24 + chance.random(), 48 + chance.random()
        hit = play.between(begins, stops)

        def failing(seat: Any, at: float, hit: Any = hit, chance: Any = chance) -> bool:
            return bool(hit(seat, at)) and chance.random() < share

        play.run(play.slots(0, 84, play.three, failing, seed=seed))
        episodes = [one for one in play.detector.episodes if one.confirmed]
        if not episodes:
            continue
        told += 1
        onsets += _holds(episodes[0].onset, play.at(begins))
        ends += _holds(episodes[-1].end, play.at(stops))
    assert told >= 0.9 * _SEEDS
    assert onsets >= 0.9 * told
    assert ends >= 0.9 * told


def _holds(found: Interval | None, truth: float) -> bool:
    return found is not None and (found.earliest is None or found.earliest <= truth) and truth <= found.latest
