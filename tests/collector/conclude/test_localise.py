"""Who is asked where a name is cut: two a provider, once an incident, and nobody where the risk forbids it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.conclude.burst import Asking, Risk
from balise_collector.conclude.localise import BYTES, FRESH, KEEP, LOOK_EVERY, WITHIN, Localiser
from balise_collector.conclude.pipeline import localise
from balise_collector.fleet.catalogue import default_folder, load
from balise_collector.fleet.members import AT_RISK, Fleet, Member
from balise_collector.fleet.orders import Able
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.requests import Kept
from balise_collector.incidents.model import Incident, IncidentKind, IncidentState, Interval
from balise_collector.judge import Verdict, VerdictState
from balise_wire.measurement import Network
from balise_wire.skills import FIRST, REQUESTS, skill
from balise_wire.words import Design, Experiment, ProbeRole, Profile, TargetRole
from tests.collector.field_probe import FieldProbe

NOW = 1_600_000_000.0
TARGET = "twitter/web/twitter.com/4"
Make = Callable[..., Member]


@pytest.fixture
def member(make_probe: Callable[..., FieldProbe]) -> Make:
    """Return a maker of members: id, AS number, changes."""

    def make(id: str, asn: int = 64501, **changes: Any) -> Member:
        return msgspec.structs.replace(
            make_probe(id=id).member, **{"network": Network(country="PK", asn=asn), **changes}
        )

    return make


def met(probe: str, asn: int = 64501, **changes: Any) -> Verdict:
    """Return how a probe met the block."""
    usual: dict[str, Any] = {
        "measurement": f"of {probe}", "probe": probe, "network": Network(country="PK", asn=asn), "service": "twitter",
        "role": TargetRole.WEB, "target": TARGET, "layer": Experiment.TLS, "design": Design.PAIRED,
        "at": NOW, "since": NOW, "state": VerdictState.BLOCKED, "rule": "sni.rst",
    }  # fmt: skip
    return Verdict(**{**usual, **changes})


def incident(*probes: str, **changes: Any) -> Incident:
    """Return an open interference of grade A with these probes' measurements as evidence."""
    usual: dict[str, Any] = {
        "id": "i", "kind": IncidentKind.INTERFERENCE, "state": IncidentState.OPEN, "country": "PK",
        "service": "twitter", "roles": (TargetRole.WEB,), "onset": Interval(earliest=NOW - 300, latest=NOW),
        "grade": "A", "opened_at": NOW, "evidence": tuple(f"of {probe}" for probe in probes),
    }  # fmt: skip
    return Incident(**{**usual, **changes})


def asked(
    localiser: Localiser,
    one: Incident,
    members: list[Member],
    verdicts: list[Verdict],
    now: float = NOW + 60.0,
    kept: tuple[Kept, ...] = (),
) -> list[Asking]:
    """Return who is asked."""
    table = {each.measurement: each for each in verdicts}
    fleet = Fleet(members={each.id: each for each in members})
    return list(localiser.due([one], table.get, fleet, kept, now))


def medium() -> Localiser:
    """Return one for a country of medium risk."""
    return Localiser({"PK": Risk.MEDIUM}, lambda: "a" * 32)


def test_two_probes_of_each_provider_are_asked_once(member: Make) -> None:
    """Those that met it, in the order of the evidence; later evidence, and a restart, ask nobody more."""
    names = {"a": 64501, "b": 64501, "c": 64501, "d": 64502}
    members, verdicts = [member(id, asn) for id, asn in names.items()], [met(id, asn) for id, asn in names.items()]
    localiser, one = medium(), incident(*names)
    found = asked(localiser, one, members, verdicts)
    assert [each.probe for each in found] == ["a", "b", "d"]
    request = found[0].request
    assert (request.experiment, request.target, request.design) == (Experiment.PATH, TARGET, Design.ON_DEMAND)
    assert (request.expires - request.made, request.bytes) == (WITHIN, BYTES)
    assert asked(localiser, one, members, verdicts, NOW + 120.0) == []
    kept = tuple(Kept(probe=each.probe, request=each.request) for each in found)
    assert asked(medium(), one, members, verdicts, NOW + 120.0, kept) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"grade": "C"},
        {"grade": ""},
        {"kind": IncidentKind.SERVICE_FAULT},
        {"state": IncidentState.CLOSED},
        {"state": IncidentState.UNCONFIRMED},
        {"country": "IR"},
        {"opened_at": NOW - FRESH},
    ],
)
def test_what_is_not_sure_or_not_open_is_left_alone(member: Make, changes: dict[str, Any]) -> None:
    """Grade A or B, open, of this day, an interference, in a country that is named."""
    assert asked(medium(), incident("a", **changes), [member("a")], [met("a")]) == []


@pytest.mark.parametrize("risk", [{}, {"PK": Risk.HIGH}, {"IR": Risk.LOW}])
def test_nobody_is_asked_where_the_risk_is_high_or_not_named(member: Make, risk: dict[str, Risk]) -> None:
    """Copies with a rising TTL can be recognised."""
    localiser = Localiser(risk, lambda: "a" * 32)
    assert asked(localiser, incident("a"), [member("a")], [met("a")]) == []
    assert not Localiser({"PK": Risk.LOW}, lambda: "a" * 32, enabled=False).is_due(NOW)


@pytest.mark.parametrize(
    "changes",
    [{"tags": (AT_RISK,)}, {"profile": Profile.METERED}, {"role": ProbeRole.REFERENCE}],
)
def test_hosts_at_risk_and_metered_lines_are_left_alone(member: Make, changes: dict[str, Any]) -> None:
    """As for every burst."""
    assert asked(medium(), incident("a"), [member("a", **changes)], [met("a")]) == []


@pytest.mark.parametrize("changes", [{"layer": Experiment.DNS}, {"state": VerdictState.OK}, {"reference": True}])
def test_only_a_name_that_is_cut_in_tls_is_looked_for(member: Make, changes: dict[str, Any]) -> None:
    """What a sweep shows is a hello."""
    assert asked(medium(), incident("a"), [member("a")], [met("a", **changes)]) == []
    assert asked(medium(), incident("a"), [], [met("a")]) == []
    assert asked(medium(), incident("a"), [member("a")], []) == []


def test_incidents_are_looked_at_once_a_minute_and_forgotten_after_a_day(member: Make) -> None:
    """A clock that went back begins anew."""
    localiser = medium()
    assert localiser.is_due(NOW)
    assert asked(localiser, incident("a"), [member("a")], [met("a")], NOW)
    assert not localiser.is_due(NOW + LOOK_EVERY - 1.0)
    assert localiser.is_due(NOW + LOOK_EVERY)
    assert localiser.is_due(NOW - 1.0)
    later = incident("a", opened_at=NOW + KEEP)
    assert asked(localiser, later, [member("a")], [met("a")], NOW + KEEP)


def test_requests_are_written_down_for_who_can_carry_them_out(member: Make, tmp_path: Path) -> None:
    """A probe whose software has no such experiment is left alone, as is a target that is in no catalogue."""

    class Store:
        def incidents(self) -> list[Incident]:
            return [incident("a", "b", "c")]

        def verdict(self, measurement: str) -> Verdict | None:
            probe = measurement.removeprefix("of ")
            return met(
                probe, {"a": 64501, "b": 64502}.get(probe, 64503), target=TARGET if probe != "c" else "x/web/y/4"
            )

    members = [member("a"), member("b", 64502), member("c", 64503)]
    with closing(SqliteRegistry(tmp_path / "fleet.sqlite")) as registry:
        for one in members:
            registry.approve(one)
        for one in (members[0], members[2]):
            registry.note_able(one, Able(skills=frozenset({*FIRST, REQUESTS, skill(Experiment.PATH)})))
        registry.note_able(members[1], Able(skills=frozenset({*FIRST, REQUESTS})))
        localiser = medium()
        for now in (NOW, NOW + LOOK_EVERY):
            localise(localiser, Store(), registry, load(default_folder()), now)
        assert [(kept.probe, kept.request.about) for kept in registry.requests()] == [("a", TARGET)]
