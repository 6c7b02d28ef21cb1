"""The stand-in of WhatsApp's chat runs where a relay hands on to it, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from balise_lab.counterparts.chat import servers
from balise_lab.counterparts.proxy import CHAT_PORT, relayed
from balise_lab.scenario.layout import layout_of
from balise_lab.scenario.load import load
from balise_lab.world.topology import build
from tests.lab.boxes.packets import TOPOLOGY

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "ir-whatsapp-proxy.yaml"


@pytest.mark.parametrize("proxies", [(), ("socks5",), ("whatsapp-media",), ("whatsapp-chat",)])
def test_it_runs_where_there_is_a_chat_and_a_relay(proxies: tuple[str, ...]) -> None:
    """The scenario of Iran has WhatsApp's chat; the plain topology has none."""
    layout = layout_of(load(SCENARIO))
    built = build(replace(layout, proxies=proxies))
    assert [one.id for one in servers(built)] == (["chat-hosting"] if proxies == ("whatsapp-chat",) else [])
    assert list(servers(build(replace(TOPOLOGY.layout, proxies=proxies)))) == []


def test_a_relay_hands_on_to_one_part_of_whatsapp() -> None:
    """Chat to chat, media to media."""
    built = build(layout_of(load(SCENARIO)))
    found = [relayed(built, kind) for kind in ("whatsapp-chat", "whatsapp-media")]
    assert [one.host for one in found if one is not None] == ["e1.whatsapp.lab", "mmg.whatsapp.lab"]
    assert CHAT_PORT == 5222
