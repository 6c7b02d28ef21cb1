"""Verdicts over the modelled internet: what stands in the way is named, and what does not is not accused."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.judge import VerdictState
from balise_lab.field.network import Effect, Home, Host, Page
from balise_wire.words import Experiment
from tests.collector.judge.modelled import HOMES, SERVICE, Centre

pytestmark = pytest.mark.slow
PAGE = Host(
    name=SERVICE,
    service="svc",
    role="web",
    country="US",
    asn=13414,
    neighbours=("cdn.example.com",),
    https=False,
    pages={"/": Page(title="Service", length=100_000)},
)
DNS, TCP, TLS, HTTP, LINE = Experiment.DNS, Experiment.TCP, Experiment.TLS, Experiment.HTTP, Experiment.LINE


def _here(kind: str, **what: Any) -> Effect:
    """Return an effect on the homes of the country alone, on the service where it is about a name or an address."""
    return Effect(kind=kind, probes=("p1", "p2"), **what)


def _on(kind: str, **what: Any) -> Effect:
    return _here(kind, hosts=(SERVICE,), **what)


def _everywhere(kind: str, **what: Any) -> Effect:
    return Effect(kind=kind, hosts=(SERVICE,), **what)


@pytest.mark.parametrize(
    ("effect", "word", "rule"),
    [
        (_on("dns.inject"), DNS, "dns.injected"),
        (_on("dns.nxdomain"), DNS, "dns.nxdomain"),
        (_on("dns.servfail"), DNS, "dns.refused"),
        (_on("dns.nodata"), DNS, "dns.nxdomain"),
        (_on("dns.silent"), DNS, "dns.timeout"),
        (_on("ip.drop"), TCP, "ip.drop"),
        (_on("ip.rst"), TCP, "ip.rst"),
        (_on("ip.icmp", act="provider"), TCP, "ip.icmp"),
        (_here("port.drop", ports=(443,)), LINE, "line.port"),
        (_on("sni.rst"), TLS, "sni.rst"),
        (_on("sni.fin"), TLS, "sni.fin"),
        (_on("sni.drop"), TLS, "sni.drop"),
        (_here("whitelist", act="drop"), TLS, "tls.drop"),
        (_on("tls.mitm", issuer="CN=Somebody"), TLS, "tls.mitm"),
        (_on("server.hello", act="reset"), TLS, "sni.rst"),
        (_on("server.hello", act="alert"), TLS, "sni.alert"),
        (_on("http.rst"), HTTP, "http.rst"),
        (_on("http.drop"), HTTP, "http.drop"),
        (_on("http.redirect"), HTTP, "http.redirect"),
        (_on("http.blockpage", title="Access Denied"), HTTP, "http.blockpage"),
        (_on("http.blockpage", title="Access Denied", status=403), HTTP, "http.blockpage"),
        (_on("http.blockpage", server="box", marks="plain"), HTTP, "http.blockpage"),
        (_on("hoster.freeze", after=16_384), HTTP, "http.freeze"),
    ],
)
def test_what_stands_in_the_way_of_a_country_is_named(effect: Effect, word: Experiment, rule: str) -> None:
    """By the network or, as far as it can do the same, by the service's own front; references get through."""
    verdict = Centre([effect], hosts=[PAGE]).conclude(word)
    assert (verdict.state, verdict.rule) == (VerdictState.BLOCKED, rule)


@pytest.mark.parametrize(
    ("effect", "word", "rule"),
    [
        *[(_on("router.filter", act=act), DNS, "dns.local_resolver") for act in ("zero", "nodata", "nxdomain", "fake")],
        (_here("portal.dns"), DNS, "dns.walled_garden"),
        (_everywhere("dns.owner", answer=("127.0.0.1",)), DNS, "dns.down"),
        (_everywhere("dns.gone"), DNS, "dns.down"),
        (_here("resolver.down"), DNS, "dns.resolver_down"),
        (_on("ip.icmp", act="first"), TCP, "tcp.local_router"),
        (_here("border.cut"), TCP, "tcp.family"),
        (_everywhere("server.hello", act="reset"), TLS, "tls.down"),
        (_everywhere("server.hello", act="alert"), TLS, "tls.alert_everywhere"),
        (_here("whitelist", act="rst"), TLS, "tls.every_name"),
        (_on("tls.mitm", issuer="CN=Well Known", trusted=True), TLS, "tls.cert_unexpected"),
        (_here("antivirus", issuer="CN=Avast"), TLS, "tls.local_inspection"),
        (_everywhere("cert.expired"), TLS, "tls.cert_expired"),
        (_everywhere("cert.renewed"), TLS, "tls.chain_ok"),
        (_everywhere("server.host", act="reset"), HTTP, "http.down"),
        (_here("portal.hotel"), HTTP, "http.portal"),
        (_on("server.page", title="Welcome", length=5_000), HTTP, "http.other_page"),
        (_on("server.redirect", location="https://pk.svc.example.com/"), HTTP, "http.ok"),
        (_on("server.status", status=503), HTTP, "http.server_error"),
        (_on("server.status", status=429, retry_after=30), HTTP, "http.busy"),
        (_on("server.status", status=451), HTTP, "http.refused_in_clear"),
        (_on("server.robot"), HTTP, "http.robot_test"),
        *[(_everywhere("server.head", act=act), HTTP, "http.ok") for act in ("fold", "spacecolon", "big", "many")],
    ],
)
def test_ordinary_life_and_the_services_own_doing_are_not_interference(
    effect: Effect, word: Experiment, rule: str
) -> None:
    """Filters of a home, portals, routers, borders, fronts, certificates and odd heads."""
    verdict = Centre([effect], hosts=[PAGE]).conclude(word)
    assert verdict.state not in {VerdictState.BLOCKED, VerdictState.THROTTLED}
    assert verdict.rule == rule


def test_a_refusal_over_verified_tls_is_the_servers() -> None:
    """The network carries it faithfully."""
    verdict = Centre([_on("server.status", status=403)], hosts=[PAGE]).conclude(HTTP, port=443)
    assert (verdict.state, verdict.rule) == (VerdictState.SERVER_SIDE, "server.geo")


@pytest.mark.parametrize(
    ("effect", "rule"),
    [
        (_here("v6.broken", act="blackhole"), "line.family"),
        (_here("v6.broken", act="prohibited"), "line.family"),
        (_on("ip.drop", family=6), "ip.drop"),
    ],
)
def test_ipv6_is_excused_by_ipv6_alone(effect: Effect, rule: str) -> None:
    """A home whose IPv6 is broken is no block; a block of IPv6 alone is one, where its controls answer."""
    homes = [Home(**{**_fields(home), "v6": True}) for home in HOMES]
    assert Centre([effect], hosts=[PAGE], homes=homes).conclude(TCP, family=6).rule == rule


def _fields(home: Home) -> dict[str, Any]:
    return {name: getattr(home, name) for name in home.__struct_fields__}
