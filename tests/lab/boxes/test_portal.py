"""A captive portal: whom it leads where."""

from __future__ import annotations

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import script


def test_pages_go_to_the_portal_and_tls_ends() -> None:
    """Port 80 is answered by the portal for the homes that it is about; port 443 is reset, as portals do."""
    text = script(Box("b", "portal", where="asn64501", probes=("probe-64501-1",)))
    assert "tcp dport 80" in text
    assert "dnat to" in text
    assert "tcp dport 443" in text
    assert text.count("ip saddr {") >= 3
