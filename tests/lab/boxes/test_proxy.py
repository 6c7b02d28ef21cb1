"""Proxies that nobody asked for: whose connections they take."""

from __future__ import annotations

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.rules import rules
from tests.lab.boxes.packets import TOPOLOGY, script


def test_a_provider_takes_all_of_the_web() -> None:
    """Both ports of the web, whatever the address, from its own homes alone."""
    text = script(Box("b", "pep", where="asn64502"))
    assert 'iifname != "wan0"' in text
    assert "tcp dport { 80, 443 }" in text
    assert "ip daddr" not in text
    assert f"dnat to {TOPOLOGY.namespace('asn64502').address}:8443" in text


def test_a_front_takes_what_is_meant_for_its_servers() -> None:
    """From everybody, the references too."""
    found = rules(Box("b", "server.synproxy", where="abroad", match=("twitter",)), TOPOLOGY, 3)
    endpoint = TOPOLOGY.endpoints[0]
    assert found.namespace == "hosting"
    assert all(address in found.script for address in (*endpoint.addresses, *endpoint.country_addresses))
    assert "ip saddr" not in found.script
    assert KINDS["server.synproxy"].splice is not None
    assert KINDS["server.synproxy"].splice(found.placement) == (found.placement.place.address, 8446, "alive")
