"""What has happened between two walks: an episode is the same where it shares a bin, and each change has its event."""

from __future__ import annotations

from typing import Final

import msgspec

from balise_collector.detect import CellEventKind, CellKey, Episode
from balise_collector.detect.differences import differences
from balise_collector.detect.interval import Interval

KEY: Final = CellKey(country="PK", asn=64501, access="fixed", service="twitter", role="web", layer="tls")
OPEN: Final = Episode(id="a@10", key=KEY, onset=Interval(earliest=1.0, latest=2.0), opened_bin=10)


def kinds(before: tuple[Episode, ...], after: tuple[Episode, ...]) -> list[CellEventKind]:
    """Return what is told of two lists of episodes."""
    return [event.kind for event in differences(before, after, 99.0)]


def test_each_step_of_an_episode_is_told_once() -> None:
    """It opens, closes, comes back, reads differently, and is withdrawn where late data show that it never was."""
    closed = msgspec.structs.replace(OPEN, closed_bin=20)
    assert kinds((), (OPEN,)) == [CellEventKind.OPENED]
    assert kinds((), (closed,)) == [CellEventKind.OPENED, CellEventKind.CLOSED]
    assert kinds((OPEN,), (closed,)) == [CellEventKind.CLOSED]
    assert kinds((closed,), (OPEN,)) == [CellEventKind.REOPENED]
    assert kinds((OPEN,), (msgspec.structs.replace(OPEN, confirmed=False),)) == [CellEventKind.GREW]
    assert kinds((OPEN,), ()) == [CellEventKind.WITHDRAWN]


def test_sums_alone_are_no_news() -> None:
    """Scores move with every bin; nobody is told."""
    assert kinds((OPEN,), (msgspec.structs.replace(OPEN, score=9.0, reopened=3),)) == []


def test_another_time_is_another_episode() -> None:
    """One that shares no bin is withdrawn and the other opened; one that begins elsewhere under a new id likewise."""
    early = msgspec.structs.replace(OPEN, closed_bin=12)
    late = msgspec.structs.replace(OPEN, id="a@40", opened_bin=40)
    assert kinds((early,), (late,)) == [CellEventKind.OPENED, CellEventKind.WITHDRAWN]
    moved = msgspec.structs.replace(OPEN, id="a@11", opened_bin=11)
    assert kinds((OPEN,), (moved,))[:2] == [CellEventKind.WITHDRAWN, CellEventKind.OPENED]
