"""What happens at the servers."""

import pytest

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.rules import rules
from tests.lab.boxes.packets import TOPOLOGY


def test_edge_down_leaves_the_other_address() -> None:
    """Only the regional address is dead."""
    endpoint = TOPOLOGY.endpoints[0]
    script = rules(Box("b", "edge.down", match=("twitter",)), TOPOLOGY, 0).script
    assert endpoint.country_addresses[0] in script
    assert endpoint.addresses[0] not in script
    script = rules(Box("b", "server.down", match=("twitter",)), TOPOLOGY, 0).script
    assert endpoint.country_addresses[0] in script
    assert endpoint.addresses[0] in script


@pytest.mark.parametrize(("mode", "action"), [("drop", "drop"), ("refuse", "reject with tcp reset")])
def test_a_dead_server_is_silent_or_refuses(mode: str, action: str) -> None:
    """Both are seen in the field: a machine that is off, and one whose program is."""
    script = rules(Box("b", "server.down", match=("twitter",), settings={"mode": mode}), TOPOLOGY, 0).script
    assert f'counter name "matched" counter name "fired" {action}' in script


def test_a_refusal_is_for_the_country_and_for_the_names_it_is_about() -> None:
    """References are not diverted; on the same address another name gets its own page."""
    found = rules(Box("b", "server.denies", match=("twitter",), settings={"status": 403}), TOPOLOGY, 3)
    assert "ip saddr { 198.18.0.0/20, 198.18.16.0/20 }" in found.script
    serve = KINDS["server.denies"].serve
    assert serve is not None
    statuses = {site.name: (site.answer.status, site.certificate, site.port) for site in serve(found.placement)}
    neighbour = TOPOLOGY.endpoints[0].neighbour
    assert statuses["twitter.lab"] == (403, "good", 8446)
    assert statuses[neighbour] == (200, "good", 8446)
