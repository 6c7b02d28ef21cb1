"""What a service's own front does by name: its packets are the server's own."""

from __future__ import annotations

import pytest

from balise_lab.boxes.engine.classify import ACK, FIN, RST
from tests.lab.boxes.packets import CLIENT, decide, decided
from tests.lab.boxes.test_sni import hello


@pytest.mark.parametrize(("act", "flags"), [("reset", [RST | ACK]), ("close", [FIN | ACK]), ("drop", [])])
def test_the_client_alone_hears_of_it(act: str, flags: list[int]) -> None:
    """One segment, as a kernel sends it: no volley, and nobody resets the server in the client's name."""
    decision, forged = decided("server.hello", hello("twitter.lab"), act=act)
    assert decision.strike
    assert [each.flags for each in forged] == flags
    assert all(each.destination == CLIENT for each in forged)


def test_it_looks_like_the_server_own_packet() -> None:
    """DF, no IP-ID and the TTL with which the server's SYN-ACK leaves: no sign of forgery may be found in it."""
    decision, _ = decided("server.hello", hello("twitter.lab"), act="reset")
    raw = decision.forged[0]
    assert (raw[8], raw[4:6], raw[6] & 0x40) == (64, b"\0\0", 0x40)


def test_other_names_pass() -> None:
    """A front that refuses one service serves the others on its address."""
    assert decide("server.hello", hello("chat.lab"), "twitter.lab") is None
