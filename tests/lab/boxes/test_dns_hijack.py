"""Interception of all DNS."""

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import TOPOLOGY, script


def test_every_other_resolver_is_the_providers() -> None:
    """Over UDP and TCP; a question to the provider's own is left alone."""
    resolver = TOPOLOGY.namespace("asn64501").resolver
    text = script(Box("b", "dns.hijack", where="asn64501"))
    for protocol in ("udp", "tcp"):
        assert f"{protocol} dport 53 ip daddr != {resolver}" in text
    assert text.count(f"dnat to {resolver}") == 2
    assert "udp sport 53 ip ttl set 60" in text, "a provider's resolver is no home router"
