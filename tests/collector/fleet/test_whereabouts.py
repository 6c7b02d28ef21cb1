"""A line that is not where its record says is marked; what is not known stays not known, and is no mark."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.fleet.whereabouts import FAR_AFTER, KNOWN_AFTER, Sighting, Sign, Where, Whereabouts, compare
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.measurement import Network
from balise_wire.words import Arm, Scope

HOME = Network(country="PK", asn=64501)
ID = "k7m2q9xd"


def seen(at: float, asn: int = 0, country: str = "") -> Sighting:
    """Return one sighting."""
    return Sighting(probe=ID, at=at, asn=asn, country=country)


@pytest.mark.parametrize(
    ("asn", "country", "line"),
    [
        (64501, "PK", Where.MATCHES),
        (64501, "US", Where.MATCHES),
        (64502, "PK", Where.MATCHES),
        (64999, "PK", Where.DIFFERS),
        (64999, "", Where.DIFFERS),
        (0, "NL", Where.DIFFERS),
        (0, "PK", Where.UNKNOWN),
        (0, "", Where.UNKNOWN),
    ],
)
def test_a_sighting_is_held_against_the_record(asn: int, country: str, line: Where) -> None:
    """The provider decides, also one with several numbers; the same country alone proves nothing."""
    assert compare(HOME, seen(0.0, asn, country), (frozenset({64501, 64502}),)) is line


def test_a_sighting_holds_from_its_connection_to_the_next() -> None:
    """A tunnel that was opened for an hour marks that hour; before the first sighting nothing is known."""
    where = Whereabouts()
    where.sighted([seen(100.0, 64501, "PK"), seen(200.0, 64999, "NL"), seen(300.0), seen(400.0, 64501, "PK")])
    lines = [where.line(ID, HOME, at) for at in (99.0, 100.0, 250.0, 350.0, 450.0)]
    assert lines == [Where.UNKNOWN, Where.MATCHES, Where.DIFFERS, Where.UNKNOWN, Where.MATCHES]
    assert where.line("other000", HOME, 450.0) is Where.UNKNOWN


def test_without_a_table_nothing_is_known() -> None:
    """Sightings of a table that was taken away again do not count."""
    where = Whereabouts(observed=False)
    where.sighted([seen(100.0, 64999, "NL")])
    assert where.line(ID, HOME, 150.0) is Where.UNKNOWN


def check(home: tuple[float, ...], abroad: tuple[float, ...]) -> LineObservation:
    """Return a line check by the round trips of its controls, ms."""
    results = [ControlResult(name="h", scope=Scope.DOMESTIC, rtt_ms=rtt) for rtt in home]
    results += [ControlResult(name="a", scope=Scope.INTERNATIONAL, rtt_ms=rtt) for rtt in abroad]
    return LineObservation(arm=Arm.SUBJECT, at=0.0, controls=tuple(results))


def walked(*checks: tuple[int, Any]) -> Whereabouts:
    """Return what is known after so many of each check, one every five minutes."""
    where = Whereabouts()
    at = 0.0
    for count, one in checks:
        for _ in range(count):
            at += 300.0
            where.checked(ID, one, at)
    return where


NEAR, FAR = check((20.0, 25.0), (60.0, 90.0)), check((190.0, 210.0), (25.0, 40.0))


def test_a_way_home_that_leads_through_another_continent_is_a_tunnel() -> None:
    """Controls at home were near for an hour, and now are further than those abroad, time and again."""
    where = walked((KNOWN_AFTER, NEAR), (FAR_AFTER, FAR))
    told = where.told(ID, HOME, 1e6)
    assert (told.line, told.sign, told.since) == (Where.DIFFERS, Sign.ROUND_TRIPS, (KNOWN_AFTER + 1) * 300.0)
    assert where.line(ID, HOME, 300.0) is Where.MATCHES


@pytest.mark.parametrize(
    ("checks", "line"),
    [
        (((KNOWN_AFTER, FAR), (20, FAR)), Where.UNKNOWN),
        (((KNOWN_AFTER - 1, NEAR), (20, FAR)), Where.UNKNOWN),
        (((KNOWN_AFTER, NEAR), (FAR_AFTER - 1, FAR)), Where.MATCHES),
        (((KNOWN_AFTER, NEAR), (2, FAR), (1, NEAR), (2, FAR)), Where.MATCHES),
        (((KNOWN_AFTER, NEAR), (9, check((190.0,), (25.0, 40.0)))), Where.MATCHES),
        (((KNOWN_AFTER, NEAR), (9, check((190.0, 210.0), ()))), Where.MATCHES),
        (((KNOWN_AFTER, NEAR), (9, check((300.0, 310.0), (250.0, 260.0)))), Where.MATCHES),
        (((9, check((), ())),), Where.UNKNOWN),
    ],
)
def test_what_round_trips_do_not_show(checks: Any, line: Where) -> None:
    """A way that always led by another country, one slow control, a congested line, a cut border: no tunnel."""
    assert walked(*checks).line(ID, HOME, 1e6) is line


def test_what_the_broker_saw_goes_before_round_trips() -> None:
    """It saw the line itself; a provider may send its way home round by another country for a night."""
    where = walked((KNOWN_AFTER, NEAR), (FAR_AFTER, FAR))
    where.sighted([seen(1.0, 64501, "PK")])
    assert where.told(ID, HOME, 1e6).sign is Sign.BROKER
    assert where.line(ID, HOME, 1e6) is Where.MATCHES


def test_round_trips_survive_a_restart() -> None:
    """And what another version wrote is no reason to stop."""
    where = walked((KNOWN_AFTER, NEAR), (FAR_AFTER, FAR))
    again = Whereabouts()
    again.restore(where.memory())
    assert again.line(ID, HOME, 1e6) is Where.DIFFERS
    again.restore(None)
    assert again.line(ID, HOME, 1e6) is Where.UNKNOWN
