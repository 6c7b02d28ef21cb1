"""The operator's proxies of the lab: where they run, and what a probe is told of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from balise_agent.system import proxies
from balise_lab.counterparts.proxy import PORTS, servers, settings
from balise_lab.world.topology import build
from tests.lab.boxes.packets import TOPOLOGY


def test_proxies_run_where_a_scenario_has_them() -> None:
    """In a network of their own abroad, so that no box of the country acts on what they ask."""
    assert list(servers(build(replace(TOPOLOGY.layout, proxies=())))) == []
    built = build(replace(TOPOLOGY.layout, proxies=tuple(PORTS)))
    assert [(one.id, one.place) for one in servers(built)] == [
        ("proxy-socks5", "proxy"),
        ("proxy-http-connect", "proxy"),
        ("proxy-whatsapp-chat", "proxy"),
        ("proxy-whatsapp-media", "proxy"),
    ]
    place = built.namespace("proxy")
    assert (place.parent, place.address) == ("exchange", built.proxy)


def test_the_agent_reads_what_a_probe_is_told(tmp_path: Path) -> None:
    """The lab knows the agent's format of the file, and nothing else of it."""
    file = tmp_path / "proxies.toml"
    file.touch(0o600)
    file.write_text(settings(build(replace(TOPOLOGY.layout, proxies=tuple(PORTS)))), encoding="utf-8")
    assert [(one.kind.value, one.port) for one in proxies.read(file)] == list(PORTS.items())
