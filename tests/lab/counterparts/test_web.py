"""The servers' configurations, as text."""

from __future__ import annotations

from pathlib import Path

from balise_lab.centre import broker, influx
from balise_lab.counterparts import dns, web
from balise_lab.world import addresses
from balise_lab.world.topology import HostSpec, Isp, Layout, build

TOPOLOGY = build(
    Layout(
        "PK",
        {"asn64501": Isp(64501, 1)},
        services={
            "twitter": {"web": (HostSpec("twitter.lab", edge=True), HostSpec("t.lab", address_of="twitter.lab"))},
            "chat": {"web": (HostSpec("chat.lab"),), "signalling": (HostSpec("chat.lab", port=5223),)},
        },
    )
)


def test_every_host_is_served_on_each_of_its_addresses() -> None:
    """A host with a regional edge answers on both addresses, beside its neighbour and a default."""
    found = {(site.name, site.address) for site in web.sites(TOPOLOGY, "hosting")}
    endpoint = TOPOLOGY.endpoints[0]
    for address in (*endpoint.addresses, *endpoint.country_addresses):
        assert {("twitter.lab", address), ("t.lab", address), (endpoint.neighbour, address), ("", address)} <= found


def test_one_default_server_an_address_and_port() -> None:
    """nginx refuses two defaults; without one, an unknown name would get some host's certificate by chance."""
    text = web.configuration(web.sites(TOPOLOGY, "hosting"), Path("/x"))
    defaults = [line.strip() for line in text.splitlines() if "default_server" in line]
    listened = [line.split()[1] for line in defaults]
    assert len(listened) == len(set(listened))
    everything = {line.split()[1].rstrip(";") for line in text.splitlines() if line.strip().startswith("listen")}
    assert {address.rstrip(";") for address in listened} == everything


def test_pages_have_the_size_asked_for() -> None:
    """Throughput and truncation rules need bodies of a known size."""
    site = web.Site("a.lab", "198.19.64.10", 443, "Title", 50_000, "good", True)
    assert len(web.page(site)) == 50_000
    assert "<title>Title</title>" in web.page(site)


def test_isp_resolvers_ask_the_countrys_authority_and_know_domestic_names() -> None:
    """Edges are regional, and domestic names outlive a cut at the border."""
    plan = dns.plan(TOPOLOGY)
    place, text = plan["resolver-isp-64501"]
    assert place == "isp-64501"
    assert f"server={addresses.AUTHORITY_COUNTRY}" in text
    assert "host-record=home-one.lab,198.19.0.10" in text
    assert "cache-size=0" in text
    assert f"host-record=twitter.lab,{TOPOLOGY.endpoints[0].country_addresses[0]}" in plan["authority-country"][1]
    assert f"host-record=twitter.lab,{TOPOLOGY.endpoints[0].addresses[0]}" in plan["authority-world"][1]


def test_the_brokers_files_are_the_shipped_ones() -> None:
    """The lab writes no configuration of its own: it asks the collector for one, with the doors of the field."""
    command = broker.files_command("203.0.113.10", Path("/x"))
    assert command[:2] == ("broker", "files")
    given = dict(zip(command[2::2], command[3::2], strict=True))
    assert (given["--mqtt"], given["--local"], given["--listen"]) == ("443", "8883", "203.0.113.10")
    assert "--websockets" not in given
    assert broker.environment(Path("/x")) == {"OPENSSL_CONF": "/x/openssl.cnf"}


def test_influx_listens_to_the_centre_alone() -> None:
    """Nobody logs in there, so nobody else may reach it; and the rewrite dies as one process when it is killed."""
    listened = [line for line in influx.front(Path("/x")).splitlines() if "listen" in line]
    assert [line.split()[1] for line in listened] == [f"127.0.0.1:{influx.PORT};"]
    assert influx.configuration(Path("/x")).count('bind-address = "127.0.0.1:') == 2
    assert "master_process off" in influx.front(Path("/x"))
