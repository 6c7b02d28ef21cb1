"""dnsmasq: who asks whom, as text."""

from dataclasses import replace

from balise_lab.counterparts import dns
from balise_lab.world import addresses
from balise_lab.world.layout import AccessNetwork, HostSpec, Layout
from balise_lab.world.topology import build

TOPOLOGY = build(
    Layout(
        "PK",
        {"asn64501": AccessNetwork(64501, 1)},
        services={"twitter": {"web": (HostSpec("twitter.lab", edge=True),)}},
    )
)


def test_isp_resolvers_ask_the_countrys_authority_and_know_domestic_names() -> None:
    """Edges are regional, and domestic names outlive a cut at the border."""
    plan = dns.plan(TOPOLOGY)
    place, text = plan["resolver-isp-64501"].place, plan["resolver-isp-64501"].text
    assert place == "isp-64501"
    assert f"server={addresses.AUTHORITY_COUNTRY}" in text
    assert "host-record=home-one.lab,198.19.0.10" in text
    assert "cache-size=0" in text
    assert f"host-record=twitter.lab,{TOPOLOGY.endpoints[0].country_addresses[0]}" in plan["authority-country"].text
    assert f"host-record=twitter.lab,{TOPOLOGY.endpoints[0].addresses[0]}" in plan["authority-world"].text


def test_the_silent_address_comes_with_the_public_resolver() -> None:
    """Whatever the triple probe's address answers is forged: its questions are dropped, and no ICMP says so."""
    rules = {server.id: server.rules for server in dns.servers(TOPOLOGY)}
    assert [name for name, script in rules.items() if script] == [dns.PUBLIC]
    assert f"ip daddr {addresses.SILENT} udp dport 53 drop" in rules[dns.PUBLIC]


def test_names_have_addresses_of_both_ip_versions_where_there_are_both() -> None:
    """Questions travel over IPv4 whatever they ask for; domestic names are known at home in both."""
    plan = dns.plan(build(replace(TOPOLOGY.layout, isps={"asn64501": AccessNetwork(64501, 1, ipv6=True)})))
    assert "host-record=twitter.lab,3fff:19:40::a" in plan["authority-world"].text
    assert "host-record=home-one.lab,3fff:19::a" in plan["resolver-isp-64501"].text
    assert "3fff" not in "".join(each.text for each in dns.plan(TOPOLOGY).values())


def test_a_host_that_moved_is_told_at_its_new_addresses() -> None:
    """The authorities alone say it: resolvers keep nothing."""
    services = {"zoom": {"web": (HostSpec("zoom.lab", moves=True),)}}
    built = build(replace(TOPOLOGY.layout, services=services))
    (zoom,) = built.endpoints
    before, after = dns.plan(built), dns.plan(built, {"zoom.lab"})
    assert [name for name in before if before[name] != after[name]] == list(dns.AUTHORITIES)
    assert [server.id for server in dns.authorities(built, {"zoom.lab"})] == list(dns.AUTHORITIES)
    assert f"host-record=zoom.lab,{zoom.later[0]}" in after[dns.AUTHORITIES[0]].text
    assert f"host-record=zoom.lab,{zoom.addresses[0]}" in before[dns.AUTHORITIES[0]].text
