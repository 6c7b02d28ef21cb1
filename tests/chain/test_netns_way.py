"""Boxes at four places of a real way of six hops, in both families: each is found at its hop, or within an interval."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address
from pathlib import Path

import msgspec
import pytest

from balise_collector.experiments.path.locate import Form, Location, Why, located
from balise_wire.experiments.path import COPY, MOST_COPIES, PathObservation

pytestmark = [pytest.mark.netns, pytest.mark.timeout(240)]

PLACES = {"home": 1, "provider": 2, "border": 3, "server": 4}
"""The router behind which the box stands: the home's own, the provider's, the last before the border, the server's."""
FORMS = {
    "on": Form.ON_PATH, "in": Form.IN_PATH, "drop": Form.IN_PATH,
    "copying-on": Form.ON_PATH, "copying-in": Form.IN_PATH,
}  # fmt: skip
ROUTERS = 5
PLAYS = (*((link, "none") for link in PLACES.values()), (2, "silent"), (3, "silent"), (3, "limited"))
_AT_ONCE = 4
Play = Callable[..., dict[str, list[PathObservation]]]


@pytest.fixture(scope="module")
def play(namespace_wrapper: tuple[str, ...], tools_bin: Path) -> Iterator[Play]:
    """Return a function that gives what was seen with a box behind a router, and a fault.

    All are played at once, each in namespaces of its own: they wait for silence nearly all of their time.
    """

    def run(link: int, fault: str) -> dict[str, list[PathObservation]]:
        environment = {**os.environ, "PATH": f"{tools_bin}:{os.environ['PATH']}"}
        environment.pop("BALISE_CLOCK", None)
        script = str(Path(__file__).with_name("netns_way.py"))
        command = [*namespace_wrapper, sys.executable, script, str(link), fault]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, env=environment)
        assert done.returncode == 0, done.stderr[-4000:]
        return msgspec.convert(json.loads(done.stdout), dict[str, list[PathObservation]])

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        begun = {each: pool.submit(run, *each) for each in PLAYS}
        yield lambda link, fault="none": begun[link, fault].result()


def router(hop: int, family: int) -> str:
    """Return the address by which a router tells that a copy died at it."""
    if family == 4:
        return f"198.18.{hop - 1}.2"
    return str(IPv6Address(f"2001:db8:{hop - 1}::2"))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("place", PLACES)
def test_a_box_is_found_at_its_hop(play: Play, place: str, kind: str, family: int) -> None:
    """By two rounds that agree, with its form and whether it copies the TTL."""
    hop = PLACES[place] + 1
    found = located(play(PLACES[place])[f"{kind}/{family}"])
    assert found == Location(
        first=hop, last=hop, before=router(hop - 1, family), at=router(hop, family), form=FORMS[kind],
        copies_ttl=None if kind == "drop" else kind.startswith("copying"), distance=ROUTERS + 1, rounds=2,
    )  # fmt: skip
    assert found.is_sure


@pytest.mark.parametrize("family", [4, 6])
def test_where_nothing_is_cut_nothing_is_found(play: Play, family: int) -> None:
    """And nothing more is shown: no rest, no second round."""
    trials = play(2)[f"none/{family}"]
    assert located(trials) == Location(distance=ROUTERS + 1, why=Why.NOT_CUT)
    assert len(trials) == 2


@pytest.mark.parametrize("kind", FORMS)
def test_a_silent_router_leaves_an_interval(play: Play, kind: str) -> None:
    """The third router tells nothing and the box stands before it, or behind: never a hop that was guessed."""
    for link, hop in ((2, 3), (3, 4)):
        for family in (4, 6):
            found = located(play(link, "silent")[f"{kind}/{family}"])
            assert found.first is not None
            assert found.last is not None
            assert found.first <= hop <= found.last, (link, found)
            assert found.last - found.first <= 1


@pytest.mark.parametrize("kind", FORMS)
def test_routers_that_bound_their_errors_lead_to_no_wrong_hop(play: Play, kind: str) -> None:
    """Each tells one copy in a second, of twelve flows at a time."""
    for family in (4, 6):
        found = located(play(3, "limited")[f"{kind}/{family}"])
        assert found.first is None or found.first <= 4 <= (found.last or 0), found


def test_what_it_costs_is_bounded(play: Play) -> None:
    """Copies of a round; a hello and what a router may quote of it."""
    for trials in play(2).values():
        copies = [sum(hop.copies for hop in one.hops) for one in trials]
        assert sum(copies) <= 2 * MOST_COPIES
    assert COPY > 590
