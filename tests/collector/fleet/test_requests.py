"""Who can be asked for a run, and what for: said to the operator before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from balise_collector.fleet.catalogue import default_folder, load
from balise_collector.fleet.members import Fleet, Halt
from balise_collector.fleet.orders import Able, Order
from balise_collector.fleet.requests import Kept, hindrance, made, target_named, unlisted
from balise_collector.system.errors import ConfigError
from balise_wire.request import LONGEST_SECONDS, MOST_OPEN, Outcome, Request
from balise_wire.skills import FIRST, REQUESTS
from balise_wire.words import Experiment, TargetRole
from tests.collector.field_probe import FieldProbe

REQUEST = Request(id="ab" * 16, experiment=Experiment.TLS, target="x/web/h/4", made=0.0, expires=600.0)


def able(fleet: Fleet, probe: FieldProbe, *skills: str) -> Fleet:
    """Return a fleet in which the probe said what it can do."""
    return replace(fleet, orders={probe.id: Order(able=Able(skills=frozenset(skills)))})


def test_a_probe_that_can_be_asked(fleet: Fleet, probe: FieldProbe) -> None:
    """It is approved, its country is not halted, and it said that it carries out requests."""
    assert hindrance(able(fleet, probe, *FIRST, REQUESTS), probe.id, REQUEST, 0) == ""


@pytest.mark.parametrize(
    ("skills", "open_now", "told"),
    [
        ((), 0, "carries out no requests"),
        (tuple(FIRST), 0, "carries out no requests"),
        ((REQUESTS, "experiment:dns"), 0, "has no experiment tls"),
        ((*FIRST, REQUESTS), MOST_OPEN, "are open already"),
    ],
)
def test_who_cannot_be_asked(
    fleet: Fleet, probe: FieldProbe, skills: tuple[str, ...], open_now: int, told: str
) -> None:
    """A probe is told nothing that it would not understand."""
    assert told in hindrance(able(fleet, probe, *skills), probe.id, REQUEST, open_now)
    assert hindrance(fleet, "nobody000", REQUEST, 0).endswith("fleet list")
    assert "carries out no requests" in hindrance(fleet, probe.id, REQUEST, 0)


def test_nobody_is_asked_in_a_halted_country(probe: FieldProbe) -> None:
    """The kill switch holds for requests."""
    halted = Fleet.of([probe.member], [Halt(country="PK", since=0.0, reason="x", until=None)])
    assert "is halted" in hindrance(able(halted, probe, *FIRST, REQUESTS), probe.id, REQUEST, 0)


def test_a_target_of_the_catalogue_is_found_by_its_id() -> None:
    """The packaged one, by what its measurements name."""
    found = target_named("twitter/web/twitter.com/4", load(default_folder()), {})
    assert found is not None
    assert found.host == "twitter.com"
    assert target_named("twitter/web/nowhere.example/4", load(default_folder()), {}) is None


def test_a_target_of_no_catalogue_is_made_of_its_id() -> None:
    """Its measurements are held against the same words."""
    target = unlisted("news/web/n.example/6", ("2001:db8::1",), 8443)
    assert (target.service, target.role, target.host, target.port) == ("news", TargetRole.WEB, "n.example", 8443)


@pytest.mark.parametrize("text", ["n.example", "news/web/n.example/5", "news//n.example/4", "news/holodeck/n/4"])
def test_what_is_no_id_is_refused(text: str) -> None:
    """With the form that is one."""
    with pytest.raises(ConfigError, match=r"in no catalogue|role"):
        unlisted(text, (), 443)


@pytest.mark.parametrize("within", [0.0, -1.0, LONGEST_SECONDS + 1, float("nan")])
def test_a_request_is_over_within_the_hour(within: float) -> None:
    """No probe takes up one that is not."""
    with pytest.raises(ConfigError, match="--within"):
        made(REQUEST, "cd" * 16, 1000.0, within)
    fine = made(REQUEST, "cd" * 16, 1000.0, LONGEST_SECONDS)
    assert (fine.id, fine.made, fine.expires) == ("cd" * 16, 1000.0, 1000.0 + LONGEST_SECONDS)


@pytest.mark.parametrize(
    ("changes", "now", "is_open"),
    [
        ({}, 599.0, True),
        ({}, 600.0, False),
        ({"outcome": Outcome.ACCEPTED}, 599.0, True),
        ({"outcome": Outcome.UNKNOWN}, 599.0, True),
        ({"outcome": Outcome.DONE}, 599.0, False),
        ({"outcome": Outcome.REFUSED}, 599.0, False),
    ],
)
def test_what_is_open(changes: dict[str, Any], now: float, is_open: bool) -> None:
    """Until its time is over or its last word is said; a word of tomorrow is none."""
    assert msgspec.structs.replace(Kept(probe="k7m2q9xd", request=REQUEST), **changes).is_open(now) is is_open
