"""The confirmation burst: whom, when, how often, and where nobody is asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.conclude.burst import SPREAD, STRETCH, Asking, Burst, BurstRules, Chance, Risk
from balise_collector.conclude.pipeline import ask, burst_of
from balise_collector.fleet.catalogue import default_folder, load
from balise_collector.fleet.members import AT_RISK, Fleet, Member
from balise_collector.fleet.orders import Able
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.judge import Verdict, VerdictState
from balise_collector.system.config import BurstSettings, Config
from balise_wire.assignment import Target
from balise_wire.measurement import Network
from balise_wire.skills import FIRST, REQUESTS
from balise_wire.words import Design, Experiment, ProbeRole, Profile, TargetRole
from tests.collector.field_probe import FieldProbe

NOW = 1_600_000_000.0
TARGET = "twitter/web/twitter.com/4"
WHOLE = Target(
    id=TARGET, service="twitter", role=TargetRole.WEB, host="twitter.com", addresses=("104.244.42.1",), port=443
)
LOW = BurstRules(risk={"PK": Risk.LOW})
CHANCE = Chance(share=lambda group, most: list(group)[:most], part=lambda: 0.5, id=lambda: "a" * 32)

Make = Callable[..., Member]


@pytest.fixture
def member(make_probe: Callable[..., FieldProbe]) -> Make:
    """Return a maker of members: id, AS number, changes."""

    def make(id: str, asn: int = 64501, **changes: Any) -> Member:
        found = make_probe(id=id).member
        return msgspec.structs.replace(
            found, **{"network": Network(country="PK", asn=asn), "host": f"host of {id}", **changes}
        )

    return make


def verdict(probe: str, state: VerdictState = VerdictState.OK, rule: str = "tls.ok", **changes: Any) -> Verdict:
    """Return what a probe concluded of the target."""
    usual: dict[str, Any] = {
        "measurement": "m", "probe": probe, "network": Network(country="PK", asn=64501), "service": "twitter",
        "role": TargetRole.WEB, "target": TARGET, "layer": Experiment.TLS, "design": Design.PAIRED,
        "at": NOW - 20, "since": NOW - 20, "state": state, "rule": rule,
    }  # fmt: skip
    return Verdict(**{**usual, **changes})


def blocked(probe: str = "first", **changes: Any) -> Verdict:
    """Return a verdict that accuses."""
    return verdict(probe, VerdictState.BLOCKED, "sni.drop", **changes)


def asked(burst: Burst, fleet: Fleet, at: float = NOW + 3_000.0) -> list[Asking]:
    """Return what is asked within the time of a spread: the decision now, the sending later."""
    first = burst.due(NOW, fleet, {TARGET: WHOLE}.get)
    return first + burst.due(at, fleet, {TARGET: WHOLE}.get)


def well(burst: Burst, *probes: str, at: float = NOW - 200.0) -> Burst:
    """Let probes be well a slot before."""
    for probe in probes:
        burst.heed(verdict(probe), at)
    return burst


def test_half_of_those_that_were_well_are_asked(member: Make) -> None:
    """Of the same provider and of the others, one of each at least, with the design of an order."""
    fleet = Fleet.of([member("first"), *(member(f"same{n}") for n in range(4)), member("other", 64502)])
    burst = well(Burst(LOW, CHANCE), *(f"same{n}" for n in range(4)), "other")
    burst.heed(blocked(), NOW)
    found = asked(burst, fleet)
    assert [one.probe for one in found] == ["same0", "same1", "other"]
    request = found[0].request
    assert (request.target, request.experiment, request.design) == (TARGET, Experiment.TLS, Design.ON_DEMAND)
    assert request.expires - request.made == 300.0


def test_a_low_risk_spreads_over_seconds_another_over_an_interval(member: Make) -> None:
    """Nothing is asked before its drawn time; where nobody said what the risk is, it is not low."""
    fleet = Fleet.of([member("first"), member("second")])
    for rules, spread in ((LOW, SPREAD), (BurstRules(), 300.0)):
        burst = well(Burst(rules, CHANCE), "second")
        burst.heed(blocked(), NOW)
        target = {TARGET: WHOLE}.get
        assert burst.due(NOW, fleet, target) == []
        assert burst.due(NOW + spread / 2 - 1, fleet, target) == []
        assert [one.probe for one in burst.due(NOW + spread / 2, fleet, target)] == ["second"]


def test_rates_are_confirmed_as_they_are_measured_and_as_rarely(member: Make) -> None:
    """A series costs a megabyte; who was well an hour ago is asked, and references each time, whatever was told."""
    rate: dict[str, Any] = {"layer": Experiment.THROUGHPUT, "rule": "throughput.policed"}
    fleet = Fleet.of([member("first"), member("second"), member("abroad", 64901, role=ProbeRole.REFERENCE)])
    burst, target = Burst(LOW, CHANCE), {TARGET: WHOLE}.get
    burst.heed(verdict("second", layer=Experiment.THROUGHPUT, rule="throughput.ok"), NOW - 3_000.0)
    counts = []
    for at in (NOW, NOW + 1_200.0):
        burst.heed(verdict("first", VerdictState.THROTTLED, at=at - 20.0, **rate), at)
        found = burst.due(at, fleet, target) + burst.due(at + 20.0, fleet, target)
        assert {one.request.design for one in found} == {Design.SENTINEL}
        counts.append([one.probe for one in found])
    assert counts == [["abroad", "second"], ["abroad"]]


@pytest.mark.parametrize("rules", [BurstRules(enabled=False), BurstRules(risk={"PK": Risk.HIGH})])
def test_nobody_is_asked_where_the_risk_is_high(member: Make, rules: BurstRules) -> None:
    """A burst is an oracle that lists the lines."""
    burst = well(Burst(rules, CHANCE), "second")
    burst.heed(blocked(), NOW)
    assert asked(burst, Fleet.of([member("first"), member("second")])) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": (AT_RISK,)},
        {"host": "host of first"},
        {"profile": Profile.METERED},
        {"network": Network(country="KZ", asn=64501)},
        {"revoked": True},
    ],
)
def test_whom_a_burst_leaves_alone(member: Make, changes: dict[str, Any]) -> None:
    """Hosts at risk, the same host's boards, paid bytes, other countries, and who may not speak."""
    burst = well(Burst(LOW, CHANCE), "second")
    burst.heed(blocked(), NOW)
    assert asked(burst, Fleet.of([member("first"), member("second", **changes)])) == []


@pytest.mark.parametrize("risk", list(Risk))
def test_references_are_asked_within_seconds_whatever_the_risk(member: Make, risk: Risk) -> None:
    """Nobody at home can tell what is asked abroad, and nothing is decided without it: four, once an interval."""
    abroad = [member(f"ref{n}", 64900 + n, role=ProbeRole.REFERENCE) for n in range(6)]
    fleet, target = Fleet.of([member("first"), *abroad]), {TARGET: WHOLE}.get
    burst = Burst(BurstRules(risk={"PK": risk}), CHANCE)
    for rule in ("tls.anomaly", "tls.waits"):
        burst.heed(verdict("first", VerdictState.INSUFFICIENT, rule), NOW)
        assert burst.due(NOW, fleet, target) == []
    assert [one.probe for one in burst.due(NOW + SPREAD, fleet, target)] == [f"ref{n}" for n in range(4)]
    burst.heed(blocked(at=NOW + 400.0), NOW + 400.0)
    burst.heed(blocked("second", at=NOW + 800.0), NOW + 800.0)
    assert burst.due(NOW + 800.0, fleet, target) == []
    assert len(burst.due(NOW + 900.0, fleet, target)) == 4


def test_references_too_have_their_bytes_a_day(member: Make) -> None:
    """Whoever fails all day spends what bursts may cost, and no more: a look at a name's chain is 4,360 bytes."""
    fleet = Fleet.of([member("first"), member("ref0", 64900, role=ProbeRole.REFERENCE)])
    burst, found = Burst(BurstRules(bytes_per_day=20_000), CHANCE), 0
    for slot in range(100):
        at = NOW + slot * 400.0
        burst.heed(verdict("first", VerdictState.INSUFFICIENT, "tls.waits", at=at), at)
        burst.due(at, fleet, {TARGET: WHOLE}.get)
        found += len(burst.due(at + SPREAD, fleet, {TARGET: WHOLE}.get))
    assert found == 10 * 20_000 // 2 // 4_360


def test_who_was_not_well_a_slot_before_is_not_asked(member: Make) -> None:
    """Unknown, failing itself, or well long ago; a probe that measures seldom has longer."""
    seldom = Fleet.of([member("first"), member("second")], paces={"second": 3_600})
    fleet = Fleet.of([member("first"), member("second")])
    for said, at, whose, count in (
        ([], NOW, fleet, 0),
        ([verdict("second", VerdictState.INSUFFICIENT, "tls.anomaly")], NOW - 100, fleet, 0),
        ([verdict("second")], NOW - 3_000, fleet, 0),
        ([verdict("second")], NOW - 3_000, seldom, 1),
    ):
        burst = Burst(LOW, CHANCE)
        for one in said:
            burst.heed(one, at)
        burst.heed(blocked(), NOW)
        assert len(asked(burst, whose)) == count


def test_once_a_stretch(member: Make) -> None:
    """What is asked for does not ask again, nor does a block that goes on; after an hour's peace another begins."""
    fleet, target = Fleet.of([member("first"), member("second")]), {TARGET: WHOLE}.get
    burst = well(Burst(LOW, CHANCE), "second")
    counts = []
    for later in (0.0, 300.0, 900.0, 3_600.0, 6_900.0, 6_900.0 + STRETCH + 300.0):
        at = NOW + later
        burst.heed(verdict("second"), at - 100)
        burst.heed(blocked(at=at - 20), at)
        counts.append(len(burst.due(at, fleet, target)) + len(burst.due(at + 20.0, fleet, target)))
    assert counts == [1, 0, 0, 0, 0, 1]


def test_one_failure_alone_asks_where_the_risk_is_low(member: Make) -> None:
    """Most are noise: half of the bytes at most, and a quarter of an hour between two."""
    fleet = Fleet.of([member("first"), member("second")])
    single = verdict("first", VerdictState.INSUFFICIENT, "tls.anomaly")
    for rules, count in ((LOW, 1), (BurstRules(), 0)):
        burst = well(Burst(rules, CHANCE), "second")
        burst.heed(single, NOW)
        burst.heed(single, NOW)
        assert len(asked(burst, fleet)) == count


def test_a_days_bytes_bound_it(member: Make) -> None:
    """A tls run on demand is reckoned at 19 KB: with 45 KB a day two stretches are asked for, and one failure alone."""
    fleet, target = Fleet.of([member("first"), member("second")]), {TARGET: WHOLE}.get
    for build, most in ((blocked, 2), (lambda **at: verdict("first", VerdictState.DOWN, "tls.anomaly", **at), 1)):
        burst = Burst(with_rules(LOW, bytes_per_day=45_000), CHANCE)
        count = 0
        for n in range(4):
            at = NOW + n * (STRETCH + 600.0)
            burst.heed(verdict("second"), at - 100)
            burst.heed(build(at=at), at)
            count += len(burst.due(at, fleet, target)) + len(burst.due(at + 20.0, fleet, target))
        assert count == most


def with_rules(rules: BurstRules, **changes: Any) -> BurstRules:
    """Return rules with changes."""
    return BurstRules(**{"risk": rules.risk, **changes})


def test_what_was_delivered_late_asks_nobody(member: Make) -> None:
    """A failure of hours ago is no news, whenever it arrives."""
    burst = well(Burst(LOW, CHANCE), "second")
    burst.heed(blocked(at=NOW - 4_000.0), NOW)
    assert asked(burst, Fleet.of([member("first"), member("second")])) == []


def test_requests_are_written_down_for_who_can_carry_them_out(member: Make, tmp_path: Path) -> None:
    """The registry is between us and the writer's thread; a probe that is too old is left alone."""
    config = Config(burst=BurstSettings(risk={"PK": "low"}))
    burst = well(burst_of(config), "second", "third")
    burst.heed(blocked(), NOW)
    services = load(default_folder())
    with closing(SqliteRegistry(tmp_path / "fleet.sqlite")) as registry:
        members = [member("first"), member("second"), member("third", 64502)]
        for one in members:
            registry.approve(one)
        registry.note_able(members[1], Able(skills=frozenset({*FIRST, REQUESTS})))
        ask(burst, registry, services, {}, NOW)
        ask(burst, registry, services, {}, NOW + SPREAD)
        assert [(kept.probe, kept.request.about) for kept in registry.requests()] == [("second", TARGET)]
        assert not burst.waits


def test_a_series_most_of_which_failed_is_confirmed_too(member: Make) -> None:
    """It is no verdict by itself: that others look at once is what makes it one, or nothing."""
    fleet = Fleet.of([member("first"), member("second")])
    share: dict[str, Any] = {"layer": Experiment.TCP, "rule": "ip.drop.share"}
    burst = Burst(LOW, CHANCE)
    burst.heed(verdict("second", layer=Experiment.TCP, rule="tcp.ok"), NOW - 200.0)
    burst.heed(verdict("first", VerdictState.INSUFFICIENT, **share), NOW)
    assert [one.probe for one in asked(burst, fleet)] == ["second"]
