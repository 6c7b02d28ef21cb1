"""What a home's router does by itself."""

from __future__ import annotations

import pytest

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.rules import rules
from balise_lab.errors import ConfigError
from balise_lab.world.layout import AccessNetwork, Layout
from balise_lab.world.topology import build
from tests.lab.boxes.packets import decided, parsed, query

TOPOLOGY = build(Layout("PK", {"asn64501": AccessNetwork(64501, 2, routers=1)}))
BEHIND, BARE = (probe.name for probe in TOPOLOGY.probes)


@pytest.mark.parametrize(
    ("says", "code", "address"),
    [
        ("zero", 0, b"\0\0\0\0"),
        ("nodata", 0, b""),
        ("nxdomain", 3, b""),
        ("refused", 5, b""),
        ("fake", 0, bytes((10, 66, 66, 66))),
    ],
)
def test_a_filter_says_one_of_what_filters_say(says: str, code: int, address: bytes) -> None:
    """It is the router's own packet: no other router has passed it on."""
    decision, (answer,) = decided("router.filter", query(), says=says)
    assert decision.strike
    assert answer.payload[3] & 15 == code
    assert int.from_bytes(answer.payload[6:8]) == bool(address)
    assert answer.payload.endswith(address)
    assert decision.forged[0][8] == 64
    assert parsed(decision.forged[0]).source_port == 53


def test_only_questions_to_the_router_are_filtered() -> None:
    """Whoever asks another resolver passes, whatever address the internet sees."""
    found = rules(Box("b", "router.filter", where=BEHIND, isps=("asn64501",), match=("twitter.lab",)), TOPOLOGY, 0)
    assert found.namespace == "home-64501-1"
    (line,) = found.queued
    assert line[line.index("-d") + 1] == "192.168.1.1"
    assert "-s" not in line


def test_a_mute_router_drops_arp_and_echo_alone() -> None:
    """What is to be carried is carried."""
    script = rules(Box("b", "router.mute", where=BEHIND), TOPOLOGY, 0).script
    assert "icmp type echo-request" in script
    assert "hook forward" not in script
    assert "table arp" in script


@pytest.mark.parametrize("kind", ["router.mute", "router.proxy"])
@pytest.mark.parametrize("where", [BARE, "asn64501", "gateway"])
def test_there_must_be_a_router(kind: str, where: str) -> None:
    """A probe at its provider's own router, a provider, the gateway: none is a home with a router."""
    with pytest.raises(ConfigError, match="has no router of its own; mend: say where"):
        rules(Box("b", kind, where=where), TOPOLOGY, 0)
