"""In whose network a box stands: by the routers on both sides of it, and open where either is."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from balise_collector.conclude.server_networks import ServerNetwork
from balise_collector.conclude.whereabouts import Side, is_of, looked_for, sentence, whereabouts
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.requests import Kept
from balise_collector.incidents.model import Incident, IncidentKind, IncidentState, Interval
from balise_collector.journal import JournalRow
from balise_wire.experiments.path import Hop, HopReply, PathObservation
from balise_wire.measurement import Network
from balise_wire.request import Request
from balise_wire.words import Arm, ClockState, Experiment
from tests.collector.field_probe import FieldProbe
from tests.testbed.cases import NOW, Case

OWN, TRANSIT, SERVER = 64501, 64510, 64999
TABLE = {
    **{f"9.9.{hop}.0": ServerNetwork(OWN, "PK") for hop in (2, 3, 4)},
    **{f"9.9.{hop}.0": ServerNetwork(TRANSIT, "AE") for hop in (5, 6)},
    **{f"9.9.{hop}.0": ServerNetwork(SERVER, "DE") for hop in (7, 8)},
    "8.8.8.8": ServerNetwork(SERVER, "DE"),
}
FAR = 9
STOOD = Network(country="PK", asn=OWN)


def trials(place: int, silent: tuple[int, ...] = ()) -> tuple[PathObservation, ...]:
    """Return two rounds of a way of nine hops on which a box resets beside the way at one of them."""

    def sweep(arm: Arm) -> PathObservation:
        hops = []
        for ttl in range(1, FAR + 1):
            forged = (HopReply(kind="rst", ttl=60),) if arm is Arm.SUBJECT and ttl >= place else ()
            if ttl == FAR:
                hops.append(Hop(ttl=ttl, replies=(*forged, HopReply(kind="data", ttl=50))))
            elif ttl in silent:
                hops.append(Hop(ttl=ttl, copies=3, replies=forged))
            else:
                address = "private" if ttl == 1 else f"9.9.{ttl}.0/24"
                hops.append(Hop(ttl=ttl, address=address, answer="exceeded", replies=forged))
        return PathObservation(
            arm=arm, at=NOW, address="8.8.8.8", port=443, connect_ms=9.0, same_flow=True, hops=tuple(hops)
        )

    return tuple(sweep(arm) for arm in (Arm.CONTROL, Arm.SUBJECT, Arm.CONTROL, Arm.SUBJECT))


@pytest.mark.parametrize(
    ("place", "side"),
    [
        (1, Side.HOME),
        (2, Side.UNKNOWN),
        (3, Side.OWN),
        (5, Side.BETWEEN),
        (6, Side.TRANSIT),
        (7, Side.BETWEEN),
        (8, Side.SERVER),
        (9, Side.UNKNOWN),
    ],
)
def test_in_whose_network_a_box_stands(case: Case, place: int, side: Side) -> None:
    """The routers around it say so together; behind a private one it may be the home's, at the door the server's."""
    measured = case.measured(case.hello(), observations=trials(place), experiment=Experiment.PATH)
    found = whereabouts("pk000001", STOOD, measured, 2.0, TABLE.get)
    assert found is not None
    assert (found.location.last, found.side, found.at) == (place, side, measured.started - 2.0)


def test_a_router_of_no_known_network_leaves_it_open(case: Case) -> None:
    """Silent, or in no table: unknown, and never the neighbour's network."""
    quiet = case.measured(case.hello(), observations=trials(4, silent=(3,)), experiment=Experiment.PATH)
    without = whereabouts("pk000001", STOOD, quiet, 0.0, lambda _address: None)
    known = whereabouts("pk000001", STOOD, quiet, 0.0, TABLE.get)
    assert without is not None
    assert known is not None
    assert (without.side, without.before, without.behind) == (Side.UNKNOWN, ServerNetwork(), ServerNetwork())
    assert (known.location.first, known.location.last, known.side) == (3, 4, Side.OWN)


def test_it_is_told_in_one_sentence(case: Case) -> None:
    """Hop, network, routers, form, and how sure."""
    measured = case.measured(case.hello(), observations=trials(6), experiment=Experiment.PATH)
    found = whereabouts("pk000001", STOOD, measured, 0.0, TABLE.get)
    assert found is not None
    assert sentence(found) == (
        "hop 6 of 9, in a network between, after 9.9.5.0/24 (AS64510 AE), before 9.9.6.0/24 (AS64510 AE), "
        "on path (what it cuts goes on); two looks agree"
    )
    one = case.measured(case.hello(), observations=trials(2)[:2], experiment=Experiment.PATH)
    alone = whereabouts("pk000001", STOOD, one, 0.0, TABLE.get)
    assert alone is not None
    assert "after a private one, before 9.9.2.0/24 (AS64501 PK)" in sentence(alone)
    assert sentence(alone).endswith("one look: not sure")
    nothing = case.measured(case.hello(), observations=(), experiment=Experiment.PATH)
    empty = whereabouts("pk000001", STOOD, nothing, 0.0, TABLE.get)
    assert empty is not None
    assert sentence(empty) == "no place: the control met nobody, or was cut as well"


def test_other_experiments_say_nothing_of_it(case: Case) -> None:
    """Only a run that was asked for looks for a place."""
    assert whereabouts("pk000001", STOOD, case.measured(case.hello()), 0.0, TABLE.get) is None


def kept(probe: str, made: float = NOW, **changes: object) -> Kept:
    """Return a request that was carried out."""
    asked = Request(
        id="a" * 32, experiment=Experiment.PATH, target="twitter/web/twitter.com/4", made=made, expires=made + 600.0
    )
    return Kept(probe=probe, request=msgspec.structs.replace(asked, **changes), measurement=f"of {probe} {made:.0f}")


def test_which_requests_looked_for_an_incident() -> None:
    """Of its service and while it lasted; those that were not carried out, and other experiments, are none."""
    one = Incident(
        id="i", kind=IncidentKind.INTERFERENCE, state=IncidentState.CLOSED, country="PK", service="twitter", roles=(),
        onset=Interval(earliest=NOW - 300, latest=NOW), end=Interval(earliest=NOW + 900, latest=NOW + 1_200),
    )  # fmt: skip
    assert is_of(kept("a"), one, NOW + 9_000)
    assert not is_of(kept("a", NOW - 400), one, NOW + 9_000)
    assert not is_of(kept("a", NOW + 2_000), one, NOW + 9_000)
    assert is_of(kept("a", NOW + 2_000), msgspec.structs.replace(one, end=None), NOW + 9_000)
    assert not is_of(kept("a"), msgspec.structs.replace(one, service="zoom"), NOW + 9_000)
    assert not is_of(kept("a", experiment=Experiment.TLS), one, NOW + 9_000)
    assert not is_of(msgspec.structs.replace(kept("a"), measurement=""), one, NOW + 9_000)


def test_the_newest_look_of_each_probe_is_told(case: Case, make_probe: Callable[..., FieldProbe]) -> None:
    """By provider; a run that is gone, or that another probe delivered, tells nothing."""
    fleet = Fleet.of([make_probe(id=name, asn=asn).member for name, asn in (("aaaa", 64502), ("bbbb", OWN))])

    def row_of(name: str) -> JournalRow | None:
        _, probe, made = name.split()
        if probe == "gone":
            return None
        measured = case.measured(case.hello(), observations=trials(6), experiment=Experiment.PATH)
        return JournalRow(
            seq=1, received_at=NOW, probe="bbbb" if probe == "cccc" else probe, sent_at=NOW, historical=False,
            clock_state=ClockState.SYNCED, measurement=msgspec.structs.replace(measured, id=made),
        )  # fmt: skip

    asked = [kept("aaaa", NOW + 60), kept("aaaa"), kept("bbbb"), kept("gone"), kept("cccc")]
    found = looked_for(asked, row_of, fleet, TABLE.get)
    assert [(one.probe, one.asn, one.measurement) for one in found] == [
        ("bbbb", OWN, f"{NOW:.0f}"), ("aaaa", 64502, f"{NOW + 60:.0f}")
    ]  # fmt: skip
