"""nginx: what is served where, as text."""

from dataclasses import replace
from pathlib import Path

from balise_lab.counterparts import web
from balise_lab.world.layout import AccessNetwork, HostSpec, Layout
from balise_lab.world.topology import build
from balise_wire.experiments.http import HttpParameters

TOPOLOGY = build(
    Layout(
        "PK",
        {"asn64501": AccessNetwork(64501, 1)},
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


def test_a_port_of_http_that_nobody_serves_is_told() -> None:
    """A scenario that asks for another one hears it when it is checked, not when all its fetches fail."""
    complaint = web.COUNTERPART.complaint
    assert complaint((HttpParameters(port=443),)) == complaint(()) == ""
    assert (
        complaint((HttpParameters(port=8080),)) == "port 8080 of http is not served; use 80 in clear, or 443 over TLS"
    )


def test_every_host_is_served_over_ipv6_where_there_is_ipv6() -> None:
    """On the same ports, in clear and over TLS."""
    six = build(replace(TOPOLOGY.layout, isps={"asn64501": AccessNetwork(64501, 1, ipv6=True)}))
    text = web.configuration(web.sites(six, "hosting"), Path("/x"))
    assert {"listen [3fff:19:40::a]:443 ssl;", "listen [3fff:19:40::a]:80;"} <= {
        one.strip() for one in text.split("\n")
    }
    assert "3fff" not in web.configuration(web.sites(TOPOLOGY, "hosting"), Path("/x"))


def test_a_host_that_moves_is_served_at_both_addresses() -> None:
    """Whoever still has the old one is not turned away."""
    services = {"zoom": {"web": (HostSpec("zoom.lab", moves=True),)}}
    built = build(replace(TOPOLOGY.layout, services=services))
    (zoom,) = built.endpoints
    served = {site.address for site in web.sites(built, "hosting") if site.name == "zoom.lab"}
    assert served == {*zoom.addresses, *zoom.later}
