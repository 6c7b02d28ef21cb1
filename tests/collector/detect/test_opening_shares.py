"""What acts on a share of the flows: several series in which most failed open a cell, and pauses do not close it."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.detect import CellEventKind
from balise_collector.judge import Verdict, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design, Experiment
from tests.collector.detect.conftest import Play, Seat

OK: dict[str, Any] = {"rule": "tcp.ok", "layer": Experiment.TCP}
SHARE: dict[str, Any] = {
    "rule": "ip.drop.share",
    "layer": Experiment.TCP,
    "state": VerdictState.INSUFFICIENT,
    "mechanism": Mechanism.IP_DROP,
    "design": Design.PAIRED,
}


def _played(play: Play, seats: tuple[Seat, ...], every: int, last: int, first: int = 40) -> list[Verdict]:
    """Looks in every slot; of those behind ``first`` each seat's so-many-th is a series most of which failed."""
    held: list[Verdict] = []
    for number in range(first + last):
        for place, seat in enumerate(seats):
            at = play.at(number) + 40.0 * place
            shows = number >= first and (number - first + place) % every == 0 and seat.asn == 64501
            held.append(play.verdict(seat, at, ok=not shows, **(SHARE if shows else OK)))
    return held


@pytest.mark.parametrize(("probes", "every", "within"), [(3, 4, 50), (2, 3, 60), (3, 2, 30)])
def test_shares_of_several_homes_open(play: Play, probes: int, every: int, within: int) -> None:
    """Each series is evidence and no verdict; the mechanism is theirs, and some flows passed."""
    seats = (*(play.seat(f"pk{n:02}") for n in range(probes)), play.seat("pk90", asn=64502))
    told = [e for e in play.run(_played(play, seats, every, 20)) if e.kind is CellEventKind.OPENED]
    assert told
    found = told[0].episode
    assert found.confirmed
    assert (told[0].at - play.at(40)) / 60.0 <= within
    assert {r.mechanism for m in found.members for r in m.rules} == {Mechanism.IP_DROP}
    assert found.onset.earliest is None or found.onset.earliest <= play.at(40) <= found.onset.latest + 300


@pytest.mark.parametrize("probes", [2, 3, 5])
def test_one_home_and_single_series_open_nothing(play: Play, probes: int) -> None:
    """One home's way is its own; two homes that each lose most of one series meet by chance."""
    seats = tuple(play.seat(f"pk{n:02}") for n in range(probes))
    alone = [one for one in _played(play, seats, 2, 30) if one.state is VerdictState.OK or one.probe == "pk00"]
    assert not [e for e in play.run(alone) if e.kind is CellEventKind.OPENED and e.episode.confirmed]


def test_two_single_series_open_nothing(play: Play) -> None:
    """Half an hour apart or in one minute."""
    seats = tuple(play.seat(f"pk{n:02}") for n in range(3))
    held = [one for one in _played(play, seats, 100, 30) if one.state is VerdictState.OK]
    for place in (0, 1):
        at = play.at(45) + 100.0 + place
        held.append(play.verdict(seats[place], at, ok=False, **SHARE))
    assert not [e for e in play.run(held) if e.kind is CellEventKind.OPENED]


def test_a_pause_that_a_share_makes_does_not_close(play: Play) -> None:
    """What lets two looks of three pass is not over with half an hour of them; three hours of them are the end."""
    seats = tuple(play.seat(f"pk{n:02}") for n in range(3))
    held = _played(play, seats, 3, 24)
    pause = [play.verdict(seat, play.at(64 + n) + 9, **OK) for n in range(40) for seat in seats]
    events = play.run([*held, *pause])
    closed = [e.at for e in events if e.kind is CellEventKind.CLOSED]
    assert closed
    assert closed[0] > play.at(64 + 6)
