"""What a service's own front does by name: its packets are the server's own."""

from __future__ import annotations

import pytest

from balise_lab.boxes.engine.classify import ACK, FIN, PSH, RST
from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import Start
from tests.lab.boxes.packets import CLIENT, decide, decided
from tests.lab.boxes.test_sni import hello


@pytest.mark.parametrize(
    ("act", "flags"), [("reset", [RST | ACK]), ("close", [FIN | ACK]), ("drop", []), ("alert", [FIN | PSH | ACK])]
)
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


def test_it_concerns_the_country_unless_the_file_says_otherwise() -> None:
    """Without a word on whom, the country's providers are meant: a front that refuses everybody is a server fault."""
    text = """\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: 1, asn64502: 1}
abroad: [{code: DE, probes: 1}]
services: {twitter: {web: twitter.lab}}
timeline:
  - at: 22:00
    start:
      - {kind: server.hello, match: [twitter]}
      - {kind: server.stall, match: [twitter]}
      - {kind: server.down, match: [twitter]}
"""
    hello, stall, down = (one.disturbance for one in parse(text).timeline if isinstance(one, Start))
    assert hello.isps == stall.isps == ("asn64501", "asn64502")
    assert down.isps == ()
