"""Evidence by group: what nobody was asked is left out, and boards of one witness are one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from balise_collector.detect.evidence import SILENT_RULE
from balise_collector.detect.interval import Interval
from balise_collector.detect.model import INTERNET, AffectedProbe, RuleCount, Sight
from balise_collector.incidents.hypotheses import Count, Group, Hypothesis, posterior
from balise_collector.incidents.hypotheses.claim import PRIORS_OF_LINES, PRIORS_OF_SERVICES
from balise_collector.incidents.hypotheses.gather import Scene, gather
from balise_collector.judge.verdict import VerdictState
from balise_wire.mechanisms import Mechanism

SHARE = RuleCount(rule="ip.drop.share", state=VerdictState.INSUFFICIENT, mechanism=Mechanism.IP_DROP, bins=3)
RESET = RuleCount(rule="sni.rst", state=VerdictState.BLOCKED, mechanism=Mechanism.SNI_RST, bins=6)
SILENT = RuleCount(rule=SILENT_RULE, state=VerdictState.DOWN, mechanism=Mechanism.SHUTDOWN_ISP, bins=6)
WEB = frozenset({("web", 4, "tls")})


@dataclass
class Facts:
    """What is known of boards."""

    regions: Mapping[str, str] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    boots: Mapping[str, bool] = field(default_factory=dict)

    def region(self, probe: str) -> str:
        """Return a district."""
        return self.regions.get(probe, "")

    def versions(self, probe: str) -> tuple[str, str]:
        """Return versions."""
        return self.software.get(probe, ""), "7"

    def ran_on(self, probe: str, since: float) -> bool | None:
        """Return whether a board ran on."""
        del since
        return self.boots.get(probe)


def hit(probe: str, asn: int = 1, rule: RuleCount = RESET, at: float = 0.0) -> AffectedProbe:
    """Return an affected probe."""
    onset = Interval(earliest=at, latest=at + 300.0)
    return AffectedProbe(
        probe=probe, country="PK", asn=asn, onset=onset, rules=(rule,), failing_bins=6, observed_bins=6
    )


def saw(probe: str, asn: int = 1, ok: int = 6, failed: int = 0, **other: Any) -> Sight:
    """Return what a probe saw of the site."""
    usual: dict[str, Any] = {
        "country": "PK", "service": "twitter", "role": "web", "family": 4, "layer": "tls",
    }  # fmt: skip
    return Sight(probe=probe, asn=asn, ok=ok, failed=failed, **{**usual, **other})


def scene(members: tuple[AffectedProbe, ...], home: tuple[Sight, ...], **other: Any) -> Scene:
    """Return a scene."""
    usual: dict[str, Any] = {
        "service": "twitter", "cells": WEB, "abroad": (), "signs": {}, "proofs": frozenset({"forged_packet"}),
        "witness": lambda probe: probe, "fleet": Facts(),
    }  # fmt: skip
    return Scene(members=members, home=home, **{**usual, **other})


def test_what_nobody_was_asked_is_not_there() -> None:
    """No reference, no line, no other service: unknown, and no zero."""
    found = gather(scene((hit("a"), hit("b")), (saw("a", ok=0, failed=6), saw("b", ok=0, failed=6))))
    assert found[Group.TARGET] == found[Group.SIBLINGS]
    missing = {Group.REFERENCES, Group.SERVICES, Group.FOREIGN, Group.OTHERS, Group.FAMILY, Group.ROLES, Group.SWAP}
    assert not missing & set(found)


def test_other_providers_are_one_voice_each() -> None:
    """Ten homes of a clean provider are one clean provider."""
    clean = tuple(saw(f"c{n}", asn=2) for n in range(10))
    found = gather(scene((hit("a"), hit("b")), (saw("a", ok=0, failed=6), saw("b", ok=0, failed=6), *clean)))
    assert found[Group.OTHERS] == Count(1.0, 1.0)


def test_failures_that_follow_the_program_are_seen_as_such() -> None:
    """Half of each provider's probes were updated, and those fail: our own fault, whatever the rules say."""
    new, old = [f"n{n}" for n in range(3)], [f"o{n}" for n in range(3)]
    members = tuple(hit(probe, asn=n % 2 + 1) for n, probe in enumerate(new))
    home = (
        *(saw(probe, asn=n % 2 + 1, ok=0, failed=6) for n, probe in enumerate(new)),
        *(saw(probe, asn=n % 2 + 1) for n, probe in enumerate(old)),
    )
    software = {**dict.fromkeys(new, "2"), **dict.fromkeys(old, "1")}
    found = gather(scene(members, home, fleet=Facts(software=software)))
    other = found[Group.OTHER_VERSION]
    assert other.ok == other.n > 0
    assert posterior(found, PRIORS_OF_SERVICES).best is Hypothesis.INSTRUMENT_FAULT


def test_an_old_trouble_and_a_new_one_did_not_begin_together() -> None:
    """Two homes' filters, a day apart."""
    day = gather(scene((hit("a"), hit("b", at=86_400.0)), ()))
    same = gather(scene((hit("a"), hit("b", at=600.0)), ()))
    assert day[Group.TOGETHER].ok == 0.0
    assert same[Group.TOGETHER].ok == same[Group.TOGETHER].n


def test_silence_is_weighed_by_who_still_speaks() -> None:
    """Silent homes of a district, others alive; a board that came back with another boot had lost its power."""
    line: dict[str, Any] = {"service": INTERNET, "role": "line", "layer": "line"}
    members = (hit("a", 1, SILENT), hit("b", 2, SILENT))
    home = (
        saw("a", 1, ok=0, failed=6, **line), saw("b", 2, ok=0, failed=6, **line), saw("c", 1, **line),
        saw("d", 2, **line),
    )  # fmt: skip
    fleet = Facts(regions={"a": "x", "b": "x", "c": "y", "d": "y"}, boots={"a": False, "b": False})
    cells = frozenset({("line", 4, "line")})
    found = gather(scene(members, home, service=INTERNET, cells=cells, fleet=fleet))
    assert found[Group.SPEAKING].ok == found[Group.SAME_BOOT].ok == 0.0
    assert found[Group.DISTRICT_ALIVE].ok == 0.0
    assert found[Group.COUNTRY_ALIVE].ok == found[Group.COUNTRY_ALIVE].n
    unknown = gather(scene(members, home, service=INTERNET, cells=cells))
    assert Group.DISTRICT_ALIVE not in unknown
    assert Group.SAME_BOOT not in unknown


def test_a_cut_border_that_is_mended_is_no_blocked_port() -> None:
    """Once lines are well again services answer and more was reached abroad: no port stood out meanwhile."""
    line: dict[str, Any] = {"service": INTERNET, "role": "line", "layer": "line"}

    def best(rule: str, state: VerdictState, mechanism: Mechanism) -> Hypothesis:
        dead = RuleCount(rule=rule, state=state, mechanism=mechanism, bins=6)
        probes = [(f"{asn}{n}", asn) for asn in (1, 2) for n in range(3)]
        home = [saw(probe, asn, ok=4, failed=6, rules=(dead,), **line) for probe, asn in probes]
        members = tuple(hit(probe, asn, dead) for probe, asn in probes)
        after = tuple(saw(probe, asn) for probe, asn in probes)
        cells = frozenset({("line", 4, "line")})
        found = gather(scene(members, (*home, *after), service=INTERNET, cells=cells))
        return posterior(found, PRIORS_OF_LINES).best

    assert best("line.international", VerdictState.DOWN, Mechanism.SHUTDOWN_ISP) is Hypothesis.SHUTDOWN
    assert best("line.port", VerdictState.BLOCKED, Mechanism.PORT_DROP) is Hypothesis.PORT_BLOCK


def test_a_resolver_past_the_home_is_no_filter_of_the_homes() -> None:
    """What it denies is about more than the home's own resolver; where its place is not known, it is not told apart."""
    denied = RuleCount(rule="dns.nxdomain", state=VerdictState.BLOCKED, mechanism=Mechanism.DNS_NXDOMAIN, bins=6)
    members = (hit("a", rule=denied), hit("b", rule=denied))
    beyond = {name: frozenset({"resolver_beyond"}) for name in ("a", "b")}
    unknown, told = gather(scene(members, ())), gather(scene(members, (), signs=beyond))
    assert unknown[Group.BEYOND_DNS].ok == 0
    assert told[Group.BEYOND_DNS].ok == told[Group.BEYOND_DNS].n
    likely = [dict(posterior(one, PRIORS_OF_SERVICES).ranked)[Hypothesis.HOME_FILTER] for one in (told, unknown)]
    assert likely[0] < likely[1] / 2


def test_what_lets_flows_pass_is_there_at_every_look() -> None:
    """A box on a share of the flows: looks that pass are no sign of a well line; one series by chance is no box."""
    some = (hit("a", rule=SHARE), hit("b", rule=SHARE))
    often = tuple(saw(probe, ok=9, failed=3, rules=(SHARE,)) for probe in ("a", "b"))
    target = gather(scene(some, often))[Group.TARGET]
    assert (target.ok, round(target.n, 2)) == (0.0, 1.54)
    once = msgspec.structs.replace(SHARE, bins=1)
    rarely = tuple(saw(probe, ok=30, failed=1, rules=(once,)) for probe in ("a", "b"))
    assert gather(scene(some, rarely))[Group.TARGET].ok > 1.4


def test_the_other_family_is_compared_by_what_failed() -> None:
    """AAAA answers of a resolver say nothing of IPv6: they came over whatever version it was asked by."""
    own = (saw("a", ok=0, failed=6), saw("b", ok=0, failed=6))
    names = tuple(saw(probe, family=6, layer="dns") for probe in ("a", "b"))
    hellos = tuple(saw(probe, family=6) for probe in ("a", "b"))
    members = (hit("a"), hit("b"))
    assert Group.FAMILY not in gather(scene(members, (*own, *names)))
    assert gather(scene(members, (*own, *hellos)))[Group.FAMILY].ok > 1.5
