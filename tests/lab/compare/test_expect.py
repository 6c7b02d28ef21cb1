"""The comparison of findings with expectations: pure, strict, and readable."""

from typing import Any

import pytest

from balise_lab.compare.expect import compare
from balise_lab.compare.findings import (
    Findings,
    FoundHypothesis,
    FoundIncident,
    FoundInterval,
    FoundMechanism,
    FoundProvider,
    FoundRate,
    FoundScope,
    FoundVerdict,
)
from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import Scenario

HEAD = """\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 1}, asn64502: {probes: 1}}
services: {twitter: {web: twitter.lab}, zoom: {web: zoom.lab}}
ends: 02:00
expect:
"""
ONE = """\
  incidents:
    - {services: [twitter], onset: 22:00, end: 01:30, within: 10m, mechanism: sni.drop, locality: local,
       scope: {affected: [asn64501], clean: [asn64502]}}
"""


HEAD_STARTS = 1_589_733_000.0
"""UNIX seconds of the start."""


def scenario(expect: str) -> Scenario:
    """Return a scenario with these expectations."""
    return parse(HEAD + expect)


def found(**changes: Any) -> FoundIncident:
    """Return an incident that is just as ONE expects it, but for the changes."""
    start = scenario(ONE).starts
    usual: dict[str, Any] = {
        "id": "i1",
        "kind": "interference",
        "state": "closed",
        "country": "PK",
        "service": "twitter",
        "roles": ("web",),
        "onset": FoundInterval(earliest=start + 1700, latest=start + 1900),
        "end": FoundInterval(earliest=start + 14300, latest=start + 14600),
        "scope": FoundScope(affected=(64501,), clean=(64502,)),
        "mechanisms": (FoundMechanism(mechanism="sni.drop"),),
        "locality": "local",
    }
    return FoundIncident(**(usual | changes))


def verdict(state: str, minutes: float, **changes: Any) -> FoundVerdict:
    """Return a verdict on twitter/web by the first probe, so many minutes after the start."""
    at = scenario(ONE).starts + minutes * 60
    usual: dict[str, Any] = {
        "probe": "asn64501p1",
        "service": "twitter",
        "role": "web",
        "target": "twitter/web/twitter.lab/4",
        "layer": "tls",
        "at": at,
        "since": at,
        "state": state,
        "rule": "sni.drop" if state == "blocked" else "tls.ok",
        "mechanism": "sni.drop" if state == "blocked" else None,
    }
    return FoundVerdict(**(usual | changes))


def wrong(expect: str, *incidents: FoundIncident, verdicts: tuple[FoundVerdict, ...] = ()) -> list[str]:
    """Return what does not come out as expected."""
    rows = compare(scenario(expect), Findings(incidents=incidents, verdicts=verdicts))
    assert rows
    return [row.what for row in rows if not row.ok]


def test_a_right_report_is_right() -> None:
    """Every fact as expected: no row is wrong."""
    assert wrong(ONE, found()) == []


def test_no_expectation_makes_no_rows() -> None:
    """A scenario that expects nothing has nothing to fail."""
    assert compare(parse(HEAD.removesuffix("expect:\n")), Findings()) == ()


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"service": "zoom"}, "twitter: interference"),
        ({"kind": "service_fault"}, "twitter: interference"),
        ({"state": "unconfirmed"}, "twitter: interference"),
        ({"confirmed": False}, "twitter: interference"),
        ({"end": None}, "twitter: end"),
        ({"scope": FoundScope(affected=(64501, 64502))}, "twitter: affected"),
        ({"scope": FoundScope(affected=(64501,))}, "twitter: clean"),
        ({"mechanisms": (FoundMechanism(mechanism="sni.rst"),)}, "twitter: mechanism"),
        ({"mechanisms": ()}, "twitter: mechanism"),
        ({"locality": "unknown"}, "twitter: locality"),
    ],
)
def test_each_fact_is_compared(changes: dict[str, Any], row: str) -> None:
    """An incident that differs in one fact is wrong in that row."""
    assert row in wrong(ONE, found(**changes))


@pytest.mark.parametrize(("earliest", "latest", "ok"), [(1201, 2399, True), (1100, 1900, False), (1700, 2500, False)])
def test_both_edges_of_an_interval_count(earliest: float, latest: float, *, ok: bool) -> None:
    """Within ten minutes means that the whole interval is, not that it touches."""
    start = scenario(ONE).starts
    onset = FoundInterval(earliest=start + earliest, latest=start + latest)
    assert ("twitter: onset" not in wrong(ONE, found(onset=onset))) is ok


def test_a_block_told_twice_is_wrong() -> None:
    """Two incidents where one is expected are one too many."""
    assert wrong(ONE, found(), found(id="i2")) == ["twitter: how many interference"]


def test_every_mechanism_played_must_be_named_somewhere() -> None:
    """Of several expected mechanisms each incident names some, and together they name all."""
    expect = ONE.replace("[twitter]", "[twitter, zoom]").replace(
        "mechanism: sni.drop", "mechanism: [sni.drop, dns.inject]"
    )
    other = found(id="i2", service="zoom", mechanisms=(FoundMechanism(mechanism="dns.inject"),))
    assert wrong(expect, found(), other) == []
    assert wrong(expect, found(), found(id="i2", service="zoom")) == ["twitter, zoom: every mechanism played"]


def test_an_open_end_can_be_expected() -> None:
    """``end: open`` wants an incident that has not ended."""
    expect = ONE.replace("end: 01:30", "end: open")
    assert wrong(expect, found(end=None, state="open")) == []
    assert wrong(expect, found()) == ["twitter: end"]


def test_no_incident_at_all_can_be_expected() -> None:
    """``incidents: []`` is broken by any published incident."""
    assert wrong("  incidents: []\n") == []
    assert wrong("  incidents: []\n", found(state="unconfirmed"), found(state="withdrawn")) == []
    assert wrong("  incidents: []\n", found(confirmed=False)) == []
    assert wrong("  incidents: []\n", found()) == ["incidents"]


@pytest.mark.parametrize(
    ("incidents", "verdicts", "ok"),
    [
        ((), (), True),
        ((), (verdict("ok", 5), verdict("insufficient", 6), verdict("down", 7)), True),
        ((), (verdict("blocked", 5),), False),
        ((), (verdict("blocked", 5, service="zoom"),), True),
        ((found(),), (), False),
    ],
)
def test_a_quiet_service_has_no_incident_and_no_blocked_verdict(
    incidents: tuple[FoundIncident, ...], verdicts: tuple[FoundVerdict, ...], *, ok: bool
) -> None:
    """Quiet means that nobody was told of it, and nothing of it was judged blocked."""
    assert (wrong("  quiet: [twitter]\n", *incidents, verdicts=verdicts) == []) is ok


WINDOW = "  verdicts:\n    - {probe: asn64501p1, target: %s, between: [22:00, 22:20], state: %s%s}\n"


@pytest.mark.parametrize(
    ("state", "more", "verdicts", "ok"),
    [
        ("blocked", ", layer: tls", (verdict("blocked", 40),), True),
        ("blocked", ", layer: tls", (verdict("blocked", 40), verdict("insufficient", 35)), True),
        ("blocked", ", layer: tls", (verdict("blocked", 40), verdict("ok", 45)), False),
        ("blocked", "", (verdict("blocked", 40), verdict("ok", 45, layer="dns")), True),
        ("blocked", ", layer: tls", (verdict("blocked", 60),), False),
        ("blocked", ", layer: tls", (), False),
        ("blocked", ", rule: sni.rst", (verdict("blocked", 40),), False),
        ("blocked", ", mechanism: sni.drop", (verdict("blocked", 40),), True),
        ("ok", "", (verdict("ok", 40),), True),
        ("ok", "", (verdict("ok", 40), verdict("down", 41)), False),
        ("insufficient", "", (verdict("insufficient", 40), verdict("blocked", 41)), False),
    ],
)
def test_verdicts_in_a_window(state: str, more: str, verdicts: tuple[FoundVerdict, ...], *, ok: bool) -> None:
    """At least one says so, and none of that window says the opposite."""
    assert (wrong(WINDOW % ("twitter/web", state, more), verdicts=verdicts) == []) is ok


@pytest.mark.parametrize("target", ["twitter", "twitter/web", "twitter.lab", "twitter/web/twitter.lab/4"])
def test_a_target_is_named_in_any_of_its_ways(target: str) -> None:
    """A service, a role of it, a host or the whole target id."""
    assert wrong(WINDOW % (target, "blocked", ""), verdicts=(verdict("blocked", 40),)) == []


FACTS = """\
  incidents:
    - {services: [twitter], onset: 22:00, contains: yes, opened_within: 15m, grade: [B, A], standing: no,
       staggered: no, masked: no, duty_cycle: [0.3, 0.7], providers: {asn64501: {onset: 22:00, end: 01:30}}}
"""


def facts(**changes: Any) -> FoundIncident:
    """Return an incident that is just as FACTS expects it, but for the changes."""
    start = scenario(ONE).starts
    whole = found()
    usual: dict[str, Any] = {
        "grade": "B",
        "opened_at": start + 2400,
        "duty_cycle": 0.5,
        "providers": (FoundProvider(asn=64501, onset=whole.onset, end=whole.end),),
    }
    return found(**(usual | changes))


def test_what_a_busy_machine_carried_out_late_began_late() -> None:
    """A bracket behind the timeline's moment holds the truth where the deed came behind it, too, and not otherwise."""
    late = facts(onset=FoundInterval(earliest=HEAD_STARTS + 1830, latest=HEAD_STARTS + 1990))
    told = Findings(incidents=(late,))

    def onset(carried_out: dict[float, float]) -> bool:
        rows = compare(scenario(FACTS), told, carried_out)
        return next(row.ok for row in rows if row.what == "twitter: onset")

    assert not onset({})
    assert not onset({1800.0: 1829.0})
    assert onset({1800.0: 1860.0})


def test_every_fact_can_be_expected() -> None:
    """Grade, delay, duty cycle, standing, roll-out, and the span on each provider."""
    rows = compare(scenario(FACTS), Findings(incidents=(facts(),)))
    assert [row.what for row in rows if not row.ok] == []
    assert len(rows) == 10


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"grade": ""}, "grade"),
        ({"opened_at": HEAD_STARTS + 1800 + 901}, "opened"),
        ({"duty_cycle": None}, "duty cycle"),
        ({"onset": FoundInterval(earliest=HEAD_STARTS + 1810, latest=HEAD_STARTS + 1900)}, "onset"),
        ({"onset": FoundInterval(earliest=HEAD_STARTS + 1700, latest=HEAD_STARTS + 1900, staggered=True)}, "staggered"),
        ({"providers": ()}, "onset on AS64501"),
    ],
)
def test_a_fact_that_differs_is_wrong(changes: dict[str, Any], wrong: str) -> None:
    """An interval near the truth that does not hold it is wrong where the truth is to be held."""
    rows = compare(scenario(FACTS), Findings(incidents=(facts(**changes),)))
    assert any(wrong in row.what for row in rows if not row.ok)


def slowed(*kbps: float) -> dict[str, Any]:
    """What of an incident tells a rate."""
    shares = (FoundMechanism(mechanism="rate.police", rate=FoundRate(kbps=one)) for one in kbps)
    return {"mechanisms": (*shares, FoundMechanism(mechanism="rate.police"))}


@pytest.mark.parametrize(
    ("wanted", "changes", "rows"),
    [
        ("rate: 128", slowed(120.0), []),
        ("rate: {kbps: 128, within: 10%}", slowed(120.0, 138.0), []),
        ("rate: {kbps: 128, within: 10%}", slowed(120.0, 150.0), ["twitter: rate"]),
        ("rate: 128", slowed(), ["twitter: rate"]),
        ("family: 6", {"families": (6,), "spared_family": True}, []),
        ("family: 6", {"families": (6,)}, ["twitter: family"]),
        ("family: 6", {"families": (4,), "spared_family": True}, ["twitter: family"]),
        ("family: both", {"families": (4, 6)}, []),
        ("family: both", {"families": (4,), "spared_family": True}, ["twitter: family"]),
    ],
)
def test_a_rate_and_an_ip_version_must_be_told(wanted: str, changes: dict[str, Any], rows: list[str]) -> None:
    """All rates that are told lie within the tolerance, and there is one; a version is told as the only one."""
    assert wrong(f"  incidents: [{{services: [twitter], {wanted}}}]\n", found(**changes)) == rows


def test_our_own_fault_is_compared_although_nobody_confirms_it() -> None:
    """It is told to the operator; for whoever wants no incident it is none."""
    own = found(kind="own_fault", confirmed=False, hypotheses=(FoundHypothesis(hypothesis="instrument_fault"),))
    wanted = "  incidents: [{services: [twitter], kind: own_fault, hypothesis: %s}]\n"
    assert wrong(wanted % "instrument_fault", own) == []
    assert wrong(wanted % "board", own) == ["twitter: hypothesis"]
    assert wrong(wanted % "board") == ["twitter: own_fault"]
    assert wrong("  incidents: []\n  quiet: [twitter]\n", own) == []
