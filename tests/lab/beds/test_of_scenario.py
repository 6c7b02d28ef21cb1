"""A scenario of the lab as a situation: times, whom, what, and words that differ."""

from __future__ import annotations

import pytest

from balise_lab.beds.of_scenario import LEAD, WORDS, situation_of
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.errors import ConfigError
from balise_lab.field.network import KINDS as EFFECTS
from balise_lab.field.situation import Event
from balise_lab.scenario.load import parse
from balise_wire.words import Access

TEXT = """\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 2, routers: 1, access: mobile, clocks: [+2h]}, asn64502: {probes: 1, resolvers: 2}}
abroad: [{code: DE, probes: 1}]
services:
  twitter: {hoster: cloud, media-image: {host: pbs.twimg.lab, shares: zoom.lab}, web: {host: twitter.lab, addresses: 2}}
  zoom: {web: {host: zoom.lab, edge: yes, bytes: 30000}}
timeline:
"""


def events(*starts: str) -> list[Event]:
    """Return the events of a timeline with these disturbances at 22:00, the first of which stops at 22:30."""
    lines = [f"  - {{at: 22:00, start: {{{start}}}}}" for start in starts]
    lines.append("  - {at: 22:30, stop: a}")
    return list(situation_of(parse(TEXT + "\n".join(lines))).events)


def test_times_and_whom() -> None:
    """The situation begins ahead of the scenario; a provider, a probe, the country and everybody are told apart."""
    found = events(
        "id: a, isps: [asn64501], kind: sni.drop, match: [twitter]",
        "where: asn64502p1, kind: wifi",
        "kind: server.hello, match: [twitter]",
        "kind: server.down, match: [zoom]",
    )
    clock, drop, wifi, hello, down = found
    assert (clock.kind, clock.probes, clock.extra) == ("clock", ("asn64501p1",), {"seconds": 7200.0})
    assert (drop.at, drop.until, drop.providers) == (LEAD + 1800.0, LEAD + 3600.0, (64501,))
    assert sorted(drop.extra["hosts"]) == ["pbs.twimg.lab", "twitter.lab"]
    assert (wifi.probes, wifi.until) == (("asn64502p1",), None)
    assert hello.countries == ("PK",)
    assert {down.providers, down.probes, down.countries} == {()}


def test_boards_and_servers_are_those_of_the_lab() -> None:
    """A home behind a router asks the router; hosts with shared or several addresses or an edge have them here."""
    made = situation_of(parse(TEXT + "  - {at: 22:00, start: {kind: country.shutdown}}"), daily=6)
    assert made.daily == 6
    behind, plain, other = made.probes
    assert (behind.home["resolvers"][0]["where"], behind.access) == ("router", Access.MOBILE)
    assert "where" not in plain.home["resolvers"][0]
    assert len(other.home["resolvers"]) == 2
    world = made.world
    assert len(world["twitter.lab"]["addresses"]) == 2
    assert world["pbs.twimg.lab"]["addresses"] == world["zoom.lab"]["addresses"]
    assert world["zoom.lab"]["edges"]["PK"] != world["zoom.lab"]["addresses"]
    assert "asn" in world["twitter.lab"]
    assert "asn" not in world["zoom.lab"]
    assert world["zoom.lab"]["pages"]["/"]["length"] == 30000
    targets = [target for file in made.catalogue[0].add for target in file.get("target", ())]
    told = next(target for target in targets if target["host"] == "zoom.lab")
    assert told["addresses"] == [*world["zoom.lab"]["edges"]["PK"], *world["zoom.lab"]["addresses"]]
    assert [one["asn"] for file in made.catalogue[0].add for one in file.get("provider", ())] == [64501]


@pytest.mark.parametrize(
    ("start", "kind", "extra"),
    [
        ("id: a, where: asn64501, kind: loss, percent: 5", "line.loss", {"loss": 0.05}),
        ("id: a, where: asn64501, kind: delay, ms: 300, jitter: 80", "line.slow", {"ms": 340.0}),
        ("id: a, kind: server.denies, match: [zoom]", "server.status", {"status": 451}),
        ("id: a, where: asn64502, kind: resolver.down, which: 2, mode: refuse", "resolver.down", {"which": 2}),
        ("id: a, kind: sni.rst, share: 60, match: [zoom]", "sni.rst", {"share": 0.6}),
        ("id: a, kind: port.drop, ports: [443, 80]", "port.drop", {"ports": [443, 80]}),
        ("id: a, kind: sni.allow, match: [zoom]", "whitelist", {"allow": ["zoom.lab", "broker"]}),
        ("id: a, kind: dns.nxdomain, match: [zoom]", "dns.nxdomain", {"resolvers": ["provider", "public", "silent"]}),
        ("id: a, kind: edge.down, match: [zoom]", "server.down", {"act": "silent"}),
        ("id: a, kind: ip.drop, match: [198.19.64.0/24]", "ip.drop", {"prefixes": ["45.42.64.0/24"]}),
    ],
)
def test_words_that_differ(start: str, kind: str, extra: dict[str, object]) -> None:
    """Parameters have the field's names and units."""
    *_, event = events(start)
    assert event.kind == kind
    assert {name: event.extra[name] for name in extra} == extra


def test_what_the_field_lacks_is_refused_by_name() -> None:
    """Nothing is left out in silence."""
    with pytest.raises(ConfigError, match=r"a: the virtual field has no tls\.drop; mend: play it in the lab alone"):
        events("id: a, kind: tls.drop, match: [zoom]")


def test_every_word_is_one_of_both_beds() -> None:
    """Kinds of boards have their own registry."""
    assert set(WORDS) <= set(KINDS)
    assert {word for word, _ in WORDS.values()} <= {*EFFECTS, "power"}


def test_homes_hosts_and_boxes_have_the_ip_versions_of_the_lab() -> None:
    """Addresses move together; a box of one version is one there too."""
    text = TEXT.replace("asn64502: {probes: 1,", "asn64502: {probes: 1, ipv6: yes,")
    made = situation_of(parse(text + "  - {at: 22:00, start: {kind: ip.drop, family: 6, match: [zoom]}}"))
    assert [bool(board.home.get("v6")) for board in (*made.probes, *made.references)] == [False, False, True, True]
    assert made.events[-1].extra["family"] == 6
    zoom = next(one for file in made.catalogue[0].add for one in file.get("target", ()) if one["host"] == "zoom.lab")
    assert set(zoom["addresses"]) == {a for near in made.world["zoom.lab"]["edges"].values() for a in near} | {
        *made.world["zoom.lab"]["addresses"]
    }
    assert zoom["parameters"]["tcp"]["siblings"][0].startswith("2602:ff42:41::")


def test_changes_are_events_of_boards_and_catalogues_of_their_own() -> None:
    """A new address is told by the owner and served; the catalogue follows at the same moment."""
    changes = (
        "{at: 22:00, probes: asn64501p1, version: 0.2.0}",
        "{at: 22:10, probes: asn64501p2, provider: asn64502}",
        "{at: 22:20, host: zoom.lab, addresses: new}",
        "{at: 22:30, host: twitter.lab, catalogued: no}",
    )
    text = TEXT.replace("shares: zoom.lab", "addresses: 1")
    made = situation_of(parse(text.replace("timeline:\n", f"changes: [{', '.join(changes)}]\n")))
    version, moves, owner = (one for one in made.events if one.kind != "clock")
    assert (version.kind, version.at, version.extra) == ("version", LEAD + 1800.0, {"version": "0.2.0"})
    assert (moves.probes, moves.extra) == (("asn64501p2",), {"provider": 64502, "told": True})
    assert set(owner.extra["answer"]) <= set(made.world["later.zoom.lab"]["addresses"])
    first, addresses, out = made.catalogue
    zoom = [one["addresses"] for file in addresses.add for one in file["target"] if one["host"] == "zoom.lab"]
    assert set(owner.extra["answer"]) <= set(zoom[0])
    assert [one.at for one in (first, addresses, out)] == [0.0, LEAD + 3000.0, LEAD + 3600.0]
    assert "twitter.lab" not in {one["host"] for file in out.add for one in file["target"]}
