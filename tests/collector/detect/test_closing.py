"""Closing: whole bins of success, of those who are there, and more of them where it has come back before."""

from __future__ import annotations

from balise_collector.detect import CellEventKind, Scale
from tests.collector.detect.conftest import Play, Seat


def test_a_close_waits_for_the_end_of_its_bin(play: Play) -> None:
    """What is well counts once its bin is over: a failure in the rest of it takes nothing back."""
    waiting = sorted(play.slots(0, 60, play.three, play.between(20, 40)), key=lambda v: v.at)
    now, closed = play.at(0), []
    while now < play.at(60):
        now += 60.0
        while waiting and waiting[0].at < now:
            play.detector.observe(waiting.pop(0))
        closed += [e.at for e in play.detector.advance(now) if e.kind is CellEventKind.CLOSED]
    assert closed
    assert all(30.0 <= at % 300.0 <= 90.0 for at in closed)


def test_silence_of_all_closes_nothing(play: Play) -> None:
    """Those who are away are set aside only beside somebody who is there and well."""
    play.run(play.slots(0, 40, play.three, play.between(20, 90)), until=play.at(120))
    assert all(e.closed_bin is None for e in play.detector.episodes)


def test_one_that_goes_on_alone_does_not_hold_it_open(play: Play) -> None:
    """Two are well again; the third home's trouble is its own."""

    def failing(seat: Seat, at: float) -> bool:
        return play.at(20) <= at < play.at(90 if seat.probe == "pk03" else 45)

    play.run(play.slots(0, 80, play.three, failing))
    (one,) = [e for e in play.detector.episodes if e.scale is Scale.ASN]
    assert one.end is not None
    assert one.end.earliest is not None
    assert one.end.earliest - 60 <= play.at(45) <= one.end.latest + 60
