"""Which episodes are one event: those that follow within two hours, and never by one probe's word alone."""

from __future__ import annotations

from typing import Any

import msgspec

from balise_collector.detect import AffectedProbe, CellKey, Episode
from balise_collector.detect.interval import Interval
from balise_collector.incidents.clusters import clusters, spoken_of
from balise_wire.bins import BIN

KEY = CellKey(country="PK", asn=64501, access="fixed", service="twitter", role="web", layer="tls")


def episode(name: str, first: int, last: int | None = None, probe: str = "pk01", **changes: Any) -> Episode:
    """Return an episode of some bins."""
    onset = Interval(earliest=first * BIN - 300.0, latest=float(first * BIN))
    member = AffectedProbe(probe=probe, country="PK", asn=64501, onset=onset)
    one = Episode(id=name, key=KEY, onset=onset, members=(member,), opened_bin=first, closed_bin=last)
    return msgspec.structs.replace(one, **changes)


def names(episodes: list[Episode]) -> list[list[str]]:
    """Return the clusters by the names in them."""
    return [[one.id for one in cluster] for cluster in clusters(episodes)]


def test_what_follows_within_two_hours_is_one_event() -> None:
    """A block that comes back after a quiet night is another one."""
    assert names([episode("a", 100, 110), episode("b", 130, 140), episode("c", 300)]) == [["a", "b"], ["c"]]


def test_two_parts_of_a_service_that_fail_in_turn_are_two_events() -> None:
    """Calls in the morning, pictures at noon (mission S19); what overlaps or soon follows is one, whatever fails."""
    pictures = msgspec.structs.replace(KEY, role="media-image")
    assert names([episode("calls", 100, 108), episode("pictures", 116, 124, key=pictures)]) == [["calls"], ["pictures"]]
    assert names([episode("calls", 100, 108), episode("soon", 110, 124, key=pictures)]) == [["calls", "soon"]]
    assert names([episode("calls", 100, 108), episode("beside", 104, 124, key=pictures), episode("again", 126)]) == [
        ["calls", "beside", "again"]
    ]


def test_one_probes_word_joins_what_begins_together_with_it_only() -> None:
    """Otherwise it is told apart: it must neither date nor widen what others confirm."""
    confirmed = episode("a", 100, 200)
    near, far = (episode(name, first, 200, confirmed=False) for name, first in (("near", 105), ("far", 150)))
    assert names([confirmed, near, far]) == [["a", "near"], ["far"]]
    assert [one.id for one in spoken_of([confirmed, near])] == ["a"]
    assert [one.id for one in spoken_of([far])] == ["far"]


def test_what_stands_since_ever_is_an_event_of_its_own() -> None:
    """A block that begins beside it must not hide in it; of a probe that the block's cluster holds it is the same."""
    old = episode("old", 100, probe="pk09", standing=True)
    assert names([old, episode("a", 100)]) == [["a"], ["old"]]
    same = episode("same", 100, probe="pk01", standing=True)
    assert names([same, episode("a", 100)]) == [["a"]]


def test_what_is_first_met_with_an_event_is_that_event() -> None:
    """A refusal was told twice: of the country, whose other probes had not looked before, as standing."""

    def members(*probes: str) -> dict[str, Any]:
        onset = Interval(earliest=None, latest=100.0 * BIN)
        return {"members": tuple(AffectedProbe(probe=p, country="PK", asn=64501, onset=onset) for p in probes)}

    country, other = msgspec.structs.replace(KEY, asn=0), msgspec.structs.replace(KEY, asn=64502)
    begun = episode("begun", 101, onset=Interval(earliest=100.2 * BIN, latest=101.0 * BIN), **members("pk01", "pk02"))
    whole = episode("whole", 100, key=country, standing=True, **members("pk02", "pk03", "pk04"))
    second = episode("second", 100, key=other, standing=True, **members("pk03", "pk04"))
    assert names([second, whole, begun]) == [["begun", "whole"]]
    assert names([second, begun]) == [["begun"], ["second"]]
    for_years = msgspec.structs.replace(whole, onset=Interval(earliest=None, latest=90.0 * BIN))
    assert names([for_years, begun]) == [["begun"], ["whole"]]
