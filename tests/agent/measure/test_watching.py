"""Watch windows bring looks forward, each target at its own moment, and end by themselves."""

from __future__ import annotations

import math

import pytest

from balise_agent.measure.watching import allows, looks_per_day, wanted_at, watched
from balise_wire.assignment import Target, Watch
from balise_wire.words import Experiment, TargetRole

START = 1_000_000.0
ON = Watch(services=("zoom",), since=START, until=START + 3_600.0, interval=300)
TARGET = Target(id="zoom/web/zoom.example/4", service="zoom", role=TargetRole.WEB, host="zoom.example")


def asked(now: float, *watches: Watch, word: Experiment = Experiment.TLS, part: float = 0.5) -> float:
    """Return when it is wanted next, in seconds of the window."""
    return wanted_at(watches or (ON,), TARGET, word, START + now, lambda _number: part) - START


@pytest.mark.parametrize(
    ("now", "at"),
    [(-9_000.0, 150.0), (0.0, 150.0), (150.0, 450.0), (151.0, 450.0), (3_300.0, 3_450.0), (3_450.0, math.inf)],
)
def test_a_target_has_one_moment_in_each_interval(now: float, at: float) -> None:
    """Before it begins the first look waits for it; after its last moment there is none, whatever is known then."""
    assert asked(now) == at


def test_looks_do_not_fall_together() -> None:
    """Each has its own part of the interval, also those that were held up by the same thing."""
    assert {asked(600.0, part=part) for part in (0.1, 0.4, 0.9)} == {630.0, 720.0, 870.0}


def test_other_services_and_what_costs_most_keep_their_timetable() -> None:
    """Page fetches and transfers are never brought forward."""
    other = Watch(services=("twitter",), since=START, until=START + 9.0, interval=300)
    assert asked(0.0, other) == math.inf
    assert [word for word in (Experiment.HTTP, Experiment.THROUGHPUT, Experiment.LINE) if watched(word)] == []
    assert all(watched(word) for word in (Experiment.DNS, Experiment.TCP, Experiment.TLS))
    assert asked(0.0, word=Experiment.HTTP) == math.inf


def test_the_host_is_told_of_the_looks() -> None:
    """The manifest counts them: a window of an hour is twelve looks, one of days a whole day's."""
    assert looks_per_day((ON,), TARGET, Experiment.DNS, 86_400.0) == 12
    long = Watch(services=("zoom",), since=START, until=START + 5 * 86_400.0, interval=300)
    assert looks_per_day((long,), TARGET, Experiment.DNS, 86_400.0) == 288
    assert looks_per_day((ON,), TARGET, Experiment.HTTP, 86_400.0) == 0


@pytest.mark.parametrize(
    ("spent", "hour", "room"),
    [
        (0, 0, True),
        (99, 0, True),
        (100, 0, False),
        (474, 12, True),
        (475, 12, False),
        (849, 24 - 1e-9, True),
        (850, 23, False),
    ],
)
def test_a_window_leaves_the_day_its_bytes(spent: int, hour: float, room: bool) -> None:
    """A long one would use them up in its first hours; the probe would rest, and be missed."""
    assert allows(spent, 1_000, 20_000 * 86_400.0 + hour * 3_600.0) is room
