"""Blocking by the name in a ClientHello: what each box sends into the flow."""

import socket
import ssl
from contextlib import suppress

import pytest

from balise_lab.boxes.engine.classify import ACK, FIN, PSH, RST, Packet
from tests.lab.boxes.packets import CLIENT, SERVER, decide, decided

TCP = socket.IPPROTO_TCP


def hello(name: str) -> Packet:
    """A real ClientHello, as OpenSSL writes it, in one segment."""
    outgoing = ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return Packet(CLIENT, SERVER, TCP, 40000, 443, 1000, 5000, PSH | ACK, outgoing.read())


@pytest.mark.parametrize(("word", "flags"), [("sni.rst", [RST | ACK] * 4), ("sni.fin", [FIN | ACK, RST | ACK])])
def test_both_ends_hear_that_it_is_over(word: str, flags: list[int]) -> None:
    """The client by resets or an orderly end, the server by a reset."""
    decision, forged = decided(word, hello("twitter.lab"))
    assert decision.strike
    assert [each.flags for each in forged] == flags
    assert forged[-1].destination == SERVER


@pytest.mark.parametrize("word", ["sni.drop", "rate.police"])
def test_nobody_hears_of_a_drop(word: str) -> None:
    """Nothing is forged; another name is of no interest."""
    decision, forged = decided(word, hello("twitter.lab"))
    assert (decision.strike, forged) == (True, [])
    assert decide(word, hello("chat.lab"), "twitter.lab") is None
