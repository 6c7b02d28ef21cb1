"""Blocking by the name in QUIC's first packet."""

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from balise_lab.boxes.engine import classify
from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import Packet, Streams
from balise_lab.boxes.engine.registry import KINDS
from tests.lab.boxes.packets import CLIENT, SERVER, decide, script


def datagram(payload: bytes, port: int = 40_000) -> Packet:
    """A client's datagram."""
    return Packet(CLIENT, SERVER, classify.UDP, port, 443, 0, 0, 0, payload)


def greeting(name: str) -> bytes:
    """A real Initial, as aioquic writes it."""
    client = QuicConnection(configuration=QuicConfiguration(server_name=name, alpn_protocols=["h3"]))
    client.connect(("192.0.2.1", 443), now=0.0)
    data: bytes = client.datagrams_to_send(now=0.0)[0][0]
    return data


def test_a_box_reads_what_is_encrypted() -> None:
    """Its keys follow from the packet itself; another name is of no interest, and neither is noise."""
    decision = decide("quic.sni", datagram(greeting("twitter.lab")), "twitter.lab")
    assert decision is not None
    assert decision.strike
    assert decide("quic.sni", datagram(greeting("chat.lab")), "twitter.lab") is None
    assert decide("quic.sni", datagram(bytes(1200)), "twitter.lab") is None


@pytest.mark.parametrize("passes", [1, 2])
def test_the_first_datagrams_may_pass(passes: int) -> None:
    """Then whatever the flow brings dies; a flow that showed no name goes on."""
    box = Box("b", "quic.sni", match=("twitter.lab",), settings={"passes": passes})
    look, streams = KINDS["quic.sni"].decide, Streams()
    assert look is not None
    assert look(box, datagram(b"x", 41_000), streams) is None
    assert look(box, datagram(greeting("twitter.lab")), streams) is None
    struck = [look(box, datagram(b"x"), streams) is not None for _ in range(2)]
    assert struck == [passes == 1, True]
    assert look(box, datagram(b"x", 41_000), streams) is None


def test_the_flow_that_dies_is_one_of_udp() -> None:
    """Its ports are those of datagrams."""
    text = script(Box("b", "quic.sni", match=("twitter.lab",)))
    assert "udp sport . ip daddr . udp dport @killed" in text
    assert "tcp" not in text
