"""Watch windows: what may be asked for, whom it is told, and which incidents began in one."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.detect.interval import Interval
from balise_collector.fleet.members import Member
from balise_collector.fleet.watches import LONGEST, MOST, WatchWindow, around, findings, watches_of
from balise_collector.incidents.model import Incident, IncidentKind, IncidentState
from balise_wire.measurement import Network
from balise_wire.words import ProbeRole

NOW = 1_589_733_000.0
KNOWN = ("twitter", "zoom")


def window(**changes: Any) -> WatchWindow:
    """Return a window of four hours that begins in an hour."""
    usual: dict[str, Any] = {
        "id": "00000001", "country": "PK", "services": ("zoom",), "since": NOW + 3_600.0, "until": NOW + 18_000.0,
        "interval": 300, "made": NOW,
    }  # fmt: skip
    return WatchWindow(**{**usual, **changes})


def member(country: str = "PK", role: ProbeRole = ProbeRole.PROBE) -> Member:
    """Return an approved probe."""
    return Member(id="k7m2q9xd", public_key="0" * 64, network=Network(country=country, asn=64501), role=role)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"services": ()}, "--service: none is named: not measured; there are twitter, zoom"),
        ({"services": ("zom",)}, "--service: zom: not measured; there are"),
        ({"until": NOW - 1.0, "since": NOW - 9.0}, "over already"),
        ({"until": NOW + 3_600.0 + LONGEST + 1.0}, "7 days at most"),
        ({"interval": 60}, "--interval: 60 s; probes keep 300 s or more"),
    ],
)
def test_what_cannot_be_watched_is_said_with_its_mend(changes: dict[str, Any], told: str) -> None:
    """A mistake is found before any probe is told."""
    said = findings(window(**changes), KNOWN, NOW, ())
    assert (told in said) if told else said == ""


def test_a_country_has_a_few_at_a_time() -> None:
    """As many as a probe takes; those that are over do not count."""
    many = [window(id=f"{n:08x}") for n in range(MOST)]
    assert "end one: balise-collector watch --end ID" in findings(window(), KNOWN, NOW, many)
    assert findings(window(country="IR"), KNOWN, NOW, many) == ""
    assert findings(window(until=NOW + 20_000.0, since=NOW + 19_000.0), KNOWN, NOW + 18_000.0, many) == ""


def test_probes_of_the_country_and_references_are_told() -> None:
    """What references saw of the same minutes decides whether it is local."""
    told = watches_of(member(), [window()], KNOWN, NOW)
    assert [(one.services, one.since, one.until, one.interval) for one in told] == [
        (("zoom",), NOW + 3_600.0, NOW + 18_000.0, 300)
    ]
    assert watches_of(member("IR"), [window()], KNOWN, NOW) == ()
    assert watches_of(member("DE", ProbeRole.REFERENCE), [window()], KNOWN, NOW) == told
    assert watches_of(member(), [window()], KNOWN, NOW + 18_000.0) == (), "over"
    assert watches_of(member(), [window()], ("twitter",), NOW) == (), "not measured any more"


def test_an_incident_knows_the_windows_that_it_began_in() -> None:
    """Shown beside it; another service's, another country's and a later one are none."""
    one = Incident(
        id="x", kind=IncidentKind.INTERFERENCE, state=IncidentState.OPEN, country="PK", service="zoom", roles=(),
        onset=Interval(earliest=NOW + 3_500.0, latest=NOW + 3_700.0),
    )  # fmt: skip
    others = [window(services=("twitter",)), window(country="IR"), window(since=NOW + 3_701.0)]
    assert around(one, [*others, window()]) == (window(),)
