"""Coincidence is stated as a likelihood ratio, and never among things that did not begin in our time."""

from __future__ import annotations

import math
from typing import Any

from balise_collector.incidents import Incident, IncidentKind, IncidentState, Interval
from balise_collector.incidents.grouping import BASE, SCALE, coincidence, group

NOW = 1_589_740_000.0


def _incident(service: str, begun: float, **changes: Any) -> Incident:
    usual: dict[str, Any] = {
        "id": service,
        "kind": IncidentKind.INTERFERENCE,
        "state": IncidentState.OPEN,
        "country": "PK",
        "service": service,
        "roles": (),
        "onset": Interval(earliest=begun - 150, latest=begun + 150),
    }
    return Incident(**{**usual, **changes})


def test_the_ratio_is_the_laplace_density_over_the_base_rate() -> None:
    """Attribution.md 2.6, for two moments known exactly."""
    moment = Interval(earliest=NOW, latest=NOW)
    assert math.isclose(coincidence(moment, moment, 0.0), math.log(1 / (2 * SCALE) / BASE))


def test_an_hour_apart_is_no_coincidence() -> None:
    """The density has died away."""
    far = Interval(earliest=NOW + 3600, latest=NOW + 3600)
    assert coincidence(Interval(earliest=NOW, latest=NOW), far, BASE) < 3.0


def test_groups_are_by_time_not_by_service() -> None:
    """Two at once, one an hour later."""
    found = group([_incident("a", NOW), _incident("b", NOW + 60), _incident("c", NOW + 5400)], NOW + 9000)
    assert set(found) == {"a", "b"}
    assert found["a"][0] == found["b"][0]


def test_a_chain_does_not_outgrow_its_span() -> None:
    """Single linkage must not string a whole evening together."""
    chain = [_incident(chr(97 + n), NOW + 600 * n) for n in range(8)]
    for name, _ in set(group(chain, NOW + 20_000).values()):
        onsets = [i.onset.latest for i in chain if group(chain, NOW + 20_000).get(i.id, ("",))[0] == name]
        assert max(onsets) - min(onsets) <= 1800


def test_standing_blocks_and_faults_of_the_world_do_not_coincide() -> None:
    """Nobody knows when the one began; the other is nobody's here."""
    standing = _incident("a", NOW, onset=Interval(earliest=None, latest=NOW))
    fault = _incident("b", NOW, kind=IncidentKind.SERVICE_FAULT)
    assert not group([standing, fault, _incident("c", NOW)], NOW + 3600)


def test_incidents_that_hardly_overlap_are_not_grouped() -> None:
    """One ended as the other began."""
    short = _incident("a", NOW, end=Interval(earliest=NOW + 200, latest=NOW + 500))
    assert not group([short, _incident("b", NOW + 480)], NOW + 9000)
