"""Opening, in plays of many moments: what opens soon, what late, and what never."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.detect import CellEventKind, Scale
from balise_collector.detect.thresholds import BOUND
from balise_collector.judge import Level, VerdictState
from balise_wire.words import Experiment
from tests.collector.detect.conftest import Play, Seat


def _opened(play: Play, seats: tuple[Seat, ...], hit: int, last: int = 100) -> float | None:
    """Return the minutes from a block of some of a provider's probes to its confirmed opening."""
    names = {seat.probe for seat in seats[:hit]}
    events = play.run(
        play.slots(0, last, seats, lambda seat, at: seat.probe in names and play.at(20) <= at < play.at(last))
    )
    told = [e for e in events if e.kind is CellEventKind.OPENED and e.episode.confirmed]
    assert all(event.episode.threshold == pytest.approx(BOUND, abs=0.01) for event in told)
    return (told[0].at - play.at(20)) / 60.0 if told else None


@pytest.mark.parametrize(
    ("probes", "hit", "within"), [(2, 2, 10), (3, 3, 10), (3, 2, 15), (5, 3, 10), (10, 3, 10), (20, 3, 15)]
)
def test_a_block_opens_in_time(play: Play, probes: int, hit: int, within: float) -> None:
    """Of one provider's probes so many are blocked."""
    minutes = _opened(play, tuple(play.seat(f"pk{n:02}") for n in range(probes)), hit)
    assert minutes is not None
    assert minutes <= within


def test_two_of_many_open_late(play: Play) -> None:
    """They began within the same minutes and last: of five after 30 minutes, of twenty after two hours and a half."""
    five = _opened(play, tuple(play.seat(f"pk{n:02}") for n in range(5)), 2)
    assert five is not None
    assert five <= 45


def test_a_roll_out_opens_though_nobody_began_together(play: Play) -> None:
    """Three single homes of three providers, at 10, 30 and 50 minutes: told when the third has lasted."""
    seats = tuple(play.seat(f"pk{n:02}", 64500 + n) for n in range(5))

    def failing(seat: Seat, at: float) -> bool:
        return seat.asn < 64503 and play.at(20 + 4 * (seat.asn - 64500)) <= at < play.at(80)

    play.run(play.slots(0, 110, seats, failing))
    (found,) = [e for e in play.detector.episodes if e.scale is Scale.COUNTRY and e.confirmed]
    assert [one.asn for one in found.providers] == [64500, 64501, 64502]
    assert found.onset.staggered
    for number, one in enumerate(found.providers):
        assert one.onset.earliest is not None
        assert one.onset.earliest - 60 <= play.at(20 + 4 * number) <= one.onset.latest + 60


def test_troubles_that_begin_apart_open_nothing(play: Play) -> None:
    """Two homes of ten, one half an hour after the other, each for two hours."""
    seats = tuple(play.seat(f"pk{n:02}") for n in range(10))

    def failing(seat: Seat, at: float) -> bool:
        begun = {"pk00": 20, "pk01": 26}.get(seat.probe)
        return begun is not None and play.at(begun) <= at < play.at(begun + 24)

    events = play.run(play.slots(0, 90, seats, failing))
    assert not [e for e in events if e.kind is CellEventKind.OPENED]


def test_a_trouble_of_hours_is_not_where_another_one_began(play: Play) -> None:
    """Two homes, two hours apart, both for hours: successes are remembered for as long as that beginning is."""
    seats = (play.seat("pk00"), play.seat("pk01"))

    def failing(seat: Seat, at: float) -> bool:
        return play.at({"pk00": 20, "pk01": 44}[seat.probe]) <= at < play.at(100)

    events = play.run(play.slots(0, 120, seats, failing))
    assert not [e for e in events if e.kind is CellEventKind.OPENED and e.episode.confirmed]


@pytest.mark.parametrize(("days", "opens"), [(1, True), (5, False)])
def test_who_fails_alone_each_day_bears_no_witness(play: Play, days: int, opens: bool) -> None:
    """Two homes in trouble from one moment on open; not where one of them was so alone on each of five days before."""
    seats, day = (play.seat("pk00"), play.seat("pk01")), 288
    last = day * days + 20

    def failing(seat: Seat, at: float) -> bool:
        if play.at(last) <= at < play.at(last + 12):
            return True
        return seat.probe == "pk00" and any(play.at(day * n + 20) <= at < play.at(day * n + 32) for n in range(days))

    events = play.run(play.slots(0, last + 30, seats, failing))
    confirmed = [e for e in events if e.kind is CellEventKind.OPENED and e.episode.confirmed]
    assert bool(confirmed) is opens


@pytest.mark.parametrize("probes", [10])
def test_two_single_failures_in_one_minute_open_nothing(play: Play, probes: int) -> None:
    """The others have not been asked since: that nothing of theirs has come yet is no word for a block."""
    seats = tuple(play.seat(f"pk{n:02}") for n in range(probes))
    events = play.run(
        play.slots(0, 60, seats, lambda seat, at: seat.probe in {"pk01", "pk02"} and play.at(20) <= at < play.at(21))
    )
    assert not [e for e in events if e.kind is CellEventKind.OPENED]


def test_noise_before_a_beginning_counts_of_the_service_too(play: Play) -> None:
    """Partial failures of its other cells until two bins before; what a block of it may have begun with does not."""
    seats = tuple(play.seat(f"pk{n:02}") for n in range(3))
    partial: dict[str, Any] = {"state": VerdictState.INSUFFICIENT, "rule": "sni.partial", "layer": Experiment.HTTP}
    for seat in seats:
        play.detector.observe(play.verdict(seat, play.at(1)))
        for slot in range(10, 14):
            play.detector.observe(play.verdict(seat, play.at(slot) + 10, **partial, level=Level.NONE))
    series, first = next(iter(play.detector.index.histories())), int(play.at(0) // 300)
    levels = [play.detector.index.noise(series, "twitter", first + slot) for slot in (11, 15, 20)]
    assert levels[1] > 0.1
    assert levels[0] == levels[2] == pytest.approx(0.02, abs=0.003)


def test_a_trouble_lasts_in_time_and_not_in_looks(play: Play) -> None:
    """Two of five whose failures come every ten minutes, as budgets have it, open as soon as those of every five."""
    seats = tuple(play.seat(f"pk{n:02}") for n in range(5))

    def failing(seat: Seat, at: float) -> bool:
        return seat.probe in {"pk00", "pk01"} and play.at(20) <= at < play.at(60)

    held = [
        one
        for one in play.slots(0, 60, seats, failing)
        if one.state is VerdictState.OK or int((one.at - play.at(0)) // 300) % 2 == 0
    ]
    told = [e for e in play.run(held) if e.kind is CellEventKind.OPENED and e.episode.confirmed]
    assert told
    assert (told[0].at - play.at(20)) / 60.0 <= 40
