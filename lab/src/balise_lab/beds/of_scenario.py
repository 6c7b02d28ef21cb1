"""A scenario of the lab as a situation of the virtual field: what one bed plays with packets, the other plays as data.

Pure. Lives here: the translation of providers, probes, services and the timeline, kind by kind, and the refusal of what
the field has no word for. Must not live here: playing either (run, play), or what must be said (both say it the same
way or are wrong: tests/chain/test_pairs.py).
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any, Final

from balise_lab.boxes.engine.kind import Kind
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.setting import Value
from balise_lab.errors import ConfigError
from balise_lab.field.network.hosts import resolver_address
from balise_lab.field.play import PROXY_ADDRESS
from balise_lab.field.situation import CatalogueChange, Event, Probes, Situation
from balise_lab.run.settings import DAILY, service_toml
from balise_lab.scenario.layout import layout_of, places
from balise_lab.scenario.schema import BEFORE, Catalogued, Changed, Disturbance, Probe, Scenario, Start, Stop
from balise_lab.world import topology
from balise_lab.world.addresses import PROXY
from balise_wire.words import ProbeRole

LEAD: Final = 3600.0
"""Seconds of ordinary measuring before a scenario begins."""
_TAIL: Final = 3600.0
"""Seconds beyond the end of a scenario whose boxes then stand: the field's timetables look at pages once an hour."""
_SILENT: Final = {"drop": "silent", "refuse": "refused"}
_SILENT_ADDRESS: Final = "45.41.0.53"
"""An address of the field at which nothing listens."""
_HELPER_ADDRESS: Final = "45.41.0.20"
_SERVERS: Final = IPv4Network("198.19.0.0/16")
_FIELD: Final = IPv4Network("45.42.0.0/16")
_FIELD_6: Final = IPv6Address("2602:ff42::")
"""Where the lab's servers stand, and where the field's do that answer for them."""
_FIRST_HOSTER: Final = 64_100
"""AS number of the first hoster that a scenario names."""

Said = Mapping[str, Any]
"""What an event says beside whom and what it hits."""
Tells = Callable[[Mapping[str, Value]], Said]


def _same(*names: str) -> Tells:
    """Return the parameters of these names as they are, where the scenario gives them."""
    return lambda given: {name: _plain(given[name]) for name in names if name in given}


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _mode(given: Mapping[str, Value]) -> Said:
    return {"act": _SILENT[str(given.get("mode", "drop"))], **_same("which")(given)}


def _percent(given: Mapping[str, Value]) -> Said:
    return {"loss": float(str(given["percent"])) / 100}


def _slow(given: Mapping[str, Value]) -> Said:
    return {"ms": float(str(given["ms"])) + float(str(given.get("jitter", 0.0))) / 2}


def _rate(given: Mapping[str, Value]) -> Said:
    return {"kbps": given.get("kbit", 130.0)}


def _late(given: Mapping[str, Value]) -> Said:
    return {"act": "late" if given.get("passes") else "drop", **_same("residual")(given)}


def _status(given: Mapping[str, Value]) -> Said:
    return {"status": given.get("status", 451), "title": "Not available"}


def _page(given: Mapping[str, Value]) -> Said:
    return {"status": given.get("status", 200), "title": given.get("title", "Not here")}


def _location(usual: str) -> Tells:
    return lambda given: {"location": given.get("location", usual)}


def _alert(given: Mapping[str, Value]) -> Said:
    return {"alert": given.get("code", 40), **_SNI(given)}


_READS: Final = ("reassembles", "joins")
_FORGES: Final = _same("residual", "ports")
_SNI: Final = _same("residual", "ports", *_READS)
_LIES: Final = _same("answer", "which")
_EVERY_RESOLVER: Final = ("provider", "public", "silent")
WORDS: Final[dict[str, tuple[str, Tells]]] = {
    "dns.inject": ("dns.inject", _LIES),
    "dns.bogus": ("dns.bogus", _LIES),
    "dns.nxdomain": ("dns.nxdomain", _LIES),
    "dns.refused": ("dns.refused", _LIES),
    "dns.servfail": ("dns.servfail", _LIES),
    "dns.silent": ("dns.silent", _LIES),
    "dns.hijack": ("dns.hijack", _same()),
    "dnssec.broken": ("dnssec.broken", _same()),
    "resolver.down": ("resolver.down", _mode),
    "resolver.servfail": ("resolver.servfail", _same("which")),
    "http.blockpage": ("http.blockpage", lambda given: {"title": given.get("title", "Blocked")}),
    "http.redirect": ("http.redirect", _location("http://blocked.lab/")),
    "http.rst": ("http.rst", _FORGES),
    "http.drop": ("http.drop", _FORGES),
    "sni.rst": ("sni.rst", _SNI),
    "sni.fin": ("sni.fin", _SNI),
    "sni.drop": ("sni.drop", _SNI),
    "sni.alert": ("sni.alert", _alert),
    "sni.allow": ("whitelist", _same()),
    "tls.mitm": ("tls.mitm", _same()),
    "ip.drop": ("ip.drop", _same("ports")),
    "ip.rst": ("ip.rst", _same("ports")),
    "ip.icmp": ("ip.icmp", _same("ports")),
    "ip.prefix": ("ip.prefix", _same()),
    "ip.as": ("ip.as", _same()),
    "port.drop": ("port.drop", _same("ports")),
    "udp.drop": ("udp.drop", _same("ports")),
    "udp.stun": ("udp.stun", _same("ports")),
    "call.media_cut": ("call.cut", _same("passes")),
    "call.media_cut_up": ("call.cut", lambda given: {"direction": "up", **_same("passes")(given)}),
    "call.media_cut_down": ("call.cut", lambda given: {"direction": "down", **_same("passes")(given)}),
    "tls.ech": ("hello.extension", lambda given: {"act": "ech", **_same("residual", "ports")(given)}),
    "tls.esni": ("hello.extension", lambda given: {"act": "esni", **_same("residual", "ports")(given)}),
    "server.extension": ("server.extension", _same("act")),
    "vpn.openvpn": ("vpn.cut", lambda given: {"act": "openvpn", "passes": given.get("spared", 4)}),
    "vpn.wireguard": ("vpn.cut", lambda _given: {"act": "wireguard"}),
    "vpn.ikev2": ("vpn.cut", lambda _given: {"act": "ikev2"}),
    "vpn.openvpn_tcp": (
        "vpn.cut",
        lambda given: {"act": "openvpn_tcp", "passes": given.get("passed", 1), **_same("ports", "residual")(given)},
    ),
    "vpn.fully_encrypted": (
        "vpn.cut",
        lambda given: {"act": "fully_encrypted", **_same("ports", "residual")(given)},
    ),
    "tcp.freeze": ("hoster.freeze", _same("after")),
    "rate.police": ("throttle", _rate),
    "rate.shape": ("throttle", lambda given: {"act": "shape", **_rate(given)}),
    "quic.sni": (
        "quic.sni",
        lambda given: {"act": "late" if given.get("passes") else "drop", **_same("residual")(given)},
    ),
    "quic.version": ("quic.version", _same()),
    "quic.drop": ("udp.drop", lambda _given: {"ports": [443]}),
    "slow": ("line.slow", lambda given: {"kbps": given["kbit"]}),
    "isp.shutdown": ("border.cut", _same()),
    "country.shutdown": ("border.cut", _same()),
    "district.shutdown": ("district.outage", _same()),
    "router.filter": ("router.filter", lambda given: {"act": given.get("says", "zero")}),
    "router.proxy": ("router.proxy53", _same()),
    "router.mute": ("gateway.mute", _same()),
    "loss": ("line.loss", _percent),
    "delay": ("line.slow", _slow),
    "wifi": ("wifi", _same()),
    "v6.broken": ("v6.broken", lambda given: {"act": given.get("breaks", "blackhole")}),
    "line": ("line.down", _same()),
    "power": ("power", _same()),
    "portal": ("portal.hotel", lambda given: {"title": given.get("title", "Welcome: please log in")}),
    "server.down": ("server.down", _mode),
    "edge.down": ("server.down", _mode),
    "server.hello": ("server.hello", _same("act")),
    "server.host": ("server.host", _same("act")),
    "server.syn": ("server.down", _mode),
    "server.stall": ("hoster.freeze", _same("after")),
    "server.denies": ("server.status", _status),
    "server.page": ("server.page", _page),
    "server.redirect": ("server.redirect", _location("https://elsewhere.lab/")),
}
"""Kind of the lab -> kind of the field, and what its event says besides."""


def situation_of(scenario: Scenario, *, seed: int = 1, tail: float = _TAIL, daily: int = DAILY) -> Situation:
    """Return the situation that says what a scenario says, with the scenario's start ``LEAD`` seconds after its own.

    Args:
        scenario: what the lab plays.
        seed: of all chance.
        tail: seconds that it goes on beyond the scenario's end where something then stands.
        daily: in which n-th interval that has a turn which is asked once a day; often, and a day's bytes thin the rest.

    Raises:
        ConfigError: the field has no word for something; the message names it.
    """
    built = topology.build(layout_of(scenario))
    routers = {each.name for each in built.namespaces if each.kind == "home"}
    namespaces = {identifier: built.namespace(place.name) for identifier, place in places(scenario, built).items()}
    checks = any(isinstance(entry, Start) and entry.disturbance.kind == "dnssec.broken" for entry in scenario.timeline)
    boards = [
        (probe, _board(scenario, probe, namespaces[probe.id].parent in routers, checks)) for probe in scenario.probes
    ]
    return Situation(
        id=scenario.name,
        title=scenario.summary or scenario.name,
        start=datetime.fromtimestamp(scenario.starts - LEAD, tz=UTC).isoformat(),
        zone=scenario.zone,
        lasts=LEAD + scenario.ends + (tail if _goes_on(scenario) else 0.0),
        seed=seed,
        daily=daily,
        probes=tuple(board for probe, board in boards if probe.role is ProbeRole.PROBE),
        references=tuple(board for probe, board in boards if probe.role is ProbeRole.REFERENCE),
        services=tuple(service.id for service in scenario.services),
        silent=(_SILENT_ADDRESS,),
        proxies=scenario.proxies,
        helpers=(_HELPER_ADDRESS,) if built.helper else (),
        catalogue=(
            CatalogueChange(add=(*_files(scenario, built, scenario.catalogued(BEFORE)), _providers(scenario))),
            *_catalogues(scenario, built),
        ),
        world={
            **_helper(built),
            **_siblings(built),
            **_later(built),
            **{end.host: _host(scenario, built, end) for end in built.endpoints},
        },
        events=(*_clocks(scenario), *_changes(scenario, built), *_events(scenario, built)),
    )


def _helper(built: topology.Topology) -> dict[str, dict[str, Any]]:
    """Return the operator's helper, where the lab has one."""
    said = {"addresses": [_HELPER_ADDRESS], "country": "DE", "helper": True, "stranger": "certificate"}
    return {"helper.example.net": said} if built.helper else {}


def _goes_on(scenario: Scenario) -> bool:
    """Whether something of the timeline stands when the scenario ends."""
    starts = sum(isinstance(entry, Start) for entry in scenario.timeline)
    return starts > len(scenario.timeline) - starts


def _board(scenario: Scenario, probe: Probe, behind: bool, checks: bool) -> Probes:
    """Return a probe as the field has it, under its own id, with the resolvers that its network hands out."""
    count = next((isp.resolvers for isp in scenario.isps if isp.name == probe.isp), 1)
    resolvers = [{"where": "router", "validating": checks}] if behind else [{"validating": checks}] * count
    return Probes(
        country=probe.country,
        provider=probe.asn,
        access=probe.access,
        id=probe.id,
        home={"resolvers": resolvers, **({"v6": True} if probe.ipv6 else {})},
    )


def _elsewhere(address: str) -> str:
    """Return the field's address for one of a server of the lab: the lab's own are bogons outside of it."""
    if address == PROXY:
        return PROXY_ADDRESS
    if ":" in address:
        # 3fff:19:40::a is 2602:ff42:40::a.
        whole = int(IPv6Address(address.partition("/")[0])) & (1 << 96) - 1
        return str(_FIELD_6 + whole) + "".join(address.partition("/")[1:])
    number = int(IPv4Address(address.partition("/")[0])) - int(_SERVERS.network_address)
    return str(_FIELD.network_address + number) + address.partition("/")[1] + address.partition("/")[2]


def _host(scenario: Scenario, built: topology.Topology, end: topology.ServedHost) -> dict[str, Any]:
    """Return what the field is to know of a host: like the lab's it serves its page in clear as over TLS."""
    far, near = ([_elsewhere(one) for one in built.told(each)] for each in (end.addresses, end.country_addresses))
    found: dict[str, Any] = {
        "https": False,
        "addresses": far,
        "ports": sorted({80, 443, end.port}),
        "pages": {"/": {"title": end.spec.title, "length": end.spec.body_bytes}},
    }
    if far != near:
        found["edges"] = {scenario.country: near}
    return {**found, **_hoster(built, end)}


def _hoster(built: topology.Topology, end: topology.ServedHost) -> dict[str, Any]:
    """Return the AS number of a service whose hoster is named."""
    hoster = built.layout.hosters.get(end.service)
    if hoster is None:
        return {}
    return {"asn": _FIRST_HOSTER + sorted({*built.layout.hosters.values()}).index(hoster)}


def _siblings(built: topology.Topology) -> dict[str, Any]:
    """Return the servers beside those of the services, which hold their neighbours' names."""
    found: dict[str, Any] = {}
    for end in built.endpoints:
        addresses = [_elsewhere(one) for one in built.told((end.sibling,))]
        usual = {"addresses": addresses, "neighbours": [], **_hoster(built, end)}
        here = found.setdefault(f"sibling.{end.service}.example", usual)
        here["neighbours"].append(end.neighbour)
    return found


def _files(scenario: Scenario, built: topology.Topology, told: Catalogued) -> Iterator[dict[str, Any]]:
    """Yield the catalogue's files at a moment with the field's addresses in the place of the lab's."""
    for service in scenario.services:
        text = service_toml(scenario, built, service.id, told)
        if not text:
            continue
        file = tomllib.loads(text)
        for target in file["target"]:
            target["addresses"] = [_elsewhere(one) for one in target["addresses"]]
            target["sibling"] = _elsewhere(target["sibling"])
            tcp = target.get("parameters", {}).get("tcp", {})
            if "siblings" in tcp:
                tcp["siblings"] = [_elsewhere(one) for one in tcp["siblings"]]
        yield file


def _catalogues(scenario: Scenario, built: topology.Topology) -> Iterator[CatalogueChange]:
    """Yield the catalogue from each moment on at which it changes."""
    for at in sorted({one.at for one in scenario.changes if one.kind in {Changed.ADDRESSES, Changed.CATALOGUED}}):
        files = tuple(_files(scenario, built, scenario.catalogued(at)))
        without = {service.id for service in scenario.services} - {file["service"] for file in files}
        yield CatalogueChange(at=LEAD + at, add=files, without=tuple(sorted(without)))


def _changes(scenario: Scenario, built: topology.Topology) -> Iterator[Event]:
    """Yield what becomes of boards, and of names whose addresses change."""
    asns = {isp.name: isp.asn for isp in scenario.isps}
    for change in scenario.changes:
        at = LEAD + change.at
        match change.kind:
            case Changed.VERSION:
                yield Event(kind="version", at=at, probes=change.probes, extra={"version": change.to})
            case Changed.PROVIDER:
                moved = {"provider": asns[change.to], "told": True}
                yield Event(kind="moves", at=at, probes=change.probes, extra=moved)
            case Changed.ADDRESSES:
                end = next(one for one in built.endpoints if one.host == change.host).at({change.host})
                answer = [_elsewhere(one) for one in built.told(end.addresses)]
                yield Event(kind="dns.owner", at=at, extra={"hosts": [end.host], "answer": answer})
            case _:
                pass


def _later(built: topology.Topology) -> dict[str, Any]:
    """Return the servers to which hosts move."""
    return {
        f"later.{end.host}": {
            "addresses": [
                _elsewhere(one) for one in built.told(tuple(dict.fromkeys((*end.later, *end.country_later))))
            ],
            "neighbours": [end.host, end.neighbour],
            "ports": sorted({80, 443, end.port}),
            "https": False,
            "pages": {"/": {"title": end.spec.title, "length": end.spec.body_bytes}},
            **_hoster(built, end),
        }
        for end in built.endpoints
        if end.later
    }


def _providers(scenario: Scenario) -> dict[str, Any]:
    """Return the catalogue's file of the providers whose homes have routers: who is asked past them."""
    providers = [
        {
            "asn": isp.asn,
            "name": isp.label or isp.name,
            "country": scenario.country,
            "resolvers": [resolver_address(isp.asn, number + 1) for number in range(isp.resolvers)],
        }
        for isp in scenario.isps
        if isp.routers
    ]
    return {"version": "laboratory", **({"provider": providers} if providers else {})}


def _clocks(scenario: Scenario) -> Iterator[Event]:
    """Yield the clocks that are wrong."""
    for probe in scenario.probes:
        if probe.clock:
            yield Event(kind="clock", probes=(probe.id,), extra={"seconds": probe.clock})


def _events(scenario: Scenario, built: topology.Topology) -> Iterator[Event]:
    """Yield everything of the timeline, from its start to its stop."""
    asns = {isp.name: isp.asn for isp in scenario.isps}
    for entry in scenario.timeline:
        if not isinstance(entry, Start):
            continue
        one = entry.disturbance
        ends = (stop.at for stop in scenario.timeline if isinstance(stop, Stop) and stop.id == one.id)
        until = next((at for at in ends if at >= entry.at), None)
        word, tells = _word(one)
        yield Event(
            kind=word,
            at=0.0 if entry.at == BEFORE else LEAD + entry.at,
            until=None if until is None else LEAD + until,
            **_whom(scenario, one, asns),
            extra={**_what(one, built), **tells(one.settings)},
        )


def _word(one: Disturbance) -> tuple[str, Tells]:
    """Return the field's word for a kind (ConfigError where it has none)."""
    found = WORDS.get(one.kind)
    if found is None:
        raise ConfigError(f"{one.id}: the virtual field has no {one.kind}", "play it in the lab alone")
    return found


def _whom(scenario: Scenario, one: Disturbance, asns: Mapping[str, int]) -> dict[str, Any]:
    """Return whom it hits: probes, providers, the country or everybody."""
    kind = KINDS[one.kind]
    of_the_lab = {probe.id for probe in scenario.probes}
    if one.probes or one.where in of_the_lab:
        return {"probes": one.probes or (one.where,)}
    if _is_for_all(kind, one):
        return {}
    if set(one.isps) >= set(asns):
        return {"countries": (scenario.country,)}
    return {"providers": tuple(asns[name] for name in one.isps)}


def _is_for_all(kind: Kind, one: Disturbance) -> bool:
    return kind.for_everyone or not one.isps


def _what(one: Disturbance, built: topology.Topology) -> dict[str, Any]:
    """Return what it hits: hosts, or the addresses that the country alone is told; and on which share of flows."""
    found: dict[str, Any] = {"share": float(str(one.settings["share"])) / 100} if "share" in one.settings else {}
    if one.kind.startswith("dns.") and one.kind != "dns.hijack" and "which" not in one.settings:
        found["resolvers"] = list(_EVERY_RESOLVER)
    if one.kind == "sni.allow":
        return {**found, "allow": [*one.hosts, "broker"]}
    if one.kind == "edge.down":
        regional = [end for end in built.match(one.hosts) if end.country_addresses != end.addresses]
        return {**found, "addresses": [_elsewhere(each) for end in regional for each in end.country_addresses]}
    if one.family:
        found["family"] = one.family
    if one.hosts:
        found["hosts"] = list(one.hosts)
    addresses = [_elsewhere(each) for each in one.addresses]
    if addresses:
        found |= {"addresses": [each for each in addresses if "/" not in each]}
        found |= {"prefixes": [each for each in addresses if "/" in each]}
    return found
