"""Rules of boxes that drop datagrams by their form."""

from __future__ import annotations

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import script


def test_each_direction_is_in_its_own_words() -> None:
    """Source and destination, ports and addresses change places on the way to homes."""
    text = script(Box("b", "vpn.openvpn", match=("twitter",), settings={"ports": (1_194,)}))
    up, down = (line for line in text.splitlines() if "@th,64,8" in line)
    assert "udp dport { 1194 }" in up
    assert "ip daddr {" in up
    assert "udp sport { 1194 }" in down
    assert "ip saddr {" in down
