"""Blocking by the name in a ClientHello: what each box sends into the flow."""

import socket
import ssl
from contextlib import suppress

import pytest

from balise_agent.codec.clienthello import Extra, client_hello, cut_in_name, in_two_records
from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import ACK, FIN, PSH, RST, Packet, Streams
from balise_lab.boxes.engine.kind import Decision
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.setting import Value
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


NAME = "twitter.lab"


def pieces(*parts: bytes) -> list[Packet]:
    """Segments of one flow, in order."""
    sent, found = 1000, []
    for part in parts:
        found.append(Packet(CLIENT, SERVER, TCP, 40000, 443, sent, 5000, PSH | ACK, part))
        sent += len(part)
    return found


def struck(word: str, packets: list[Packet], match: tuple[str, ...] = (NAME,), **settings: Value) -> list[bool]:
    """Which of a flow's segments a box strikes."""
    box, streams = Box("b", word, match=match, settings=settings), Streams()
    KINDS[word].check(box)
    decide_one = KINDS[word].decide
    assert decide_one is not None
    decisions: list[Decision | None] = [decide_one(box, each, streams) for each in packets]
    return [each is not None and each.strike for each in decisions]


@pytest.mark.parametrize("word", ["sni.rst", "sni.drop", "sni.fin", "sni.alert"])
def test_a_box_that_does_not_reassemble_lets_a_cut_name_pass(word: str) -> None:
    """One that does strikes the segment with which the hello is whole."""
    cut = pieces(*cut_in_name(client_hello(NAME, 1), NAME, 4))
    whole = pieces(client_hello(NAME, 1))
    assert struck(word, cut) == [False, True]
    assert struck(word, cut, reassembles=False) == [False, False]
    assert struck(word, whole, reassembles=False) == [True]


def test_a_box_that_does_not_join_records_lets_a_cut_name_pass() -> None:
    """Both records are in one segment; it reads the first alone."""
    two = pieces(in_two_records(client_hello(NAME, 1), NAME, 4))
    assert struck("sni.drop", two) == [True]
    assert struck("sni.drop", two, joins=False) == [False]
    assert struck("sni.drop", pieces(client_hello(NAME, 1)), joins=False) == [True]


@pytest.mark.parametrize(
    ("word", "extra", "like"), [("tls.ech", Extra.ECH, Extra.LIKE_ECH), ("tls.esni", Extra.ESNI, Extra.LIKE_ESNI)]
)
def test_an_extension_is_struck_by_its_type(word: str, extra: Extra, like: Extra) -> None:
    """With any name or with none, where none is asked for; another extension as long passes."""
    assert struck(word, pieces(client_hello(NAME, 1, extra=extra)), ()) == [True]
    assert struck(word, pieces(client_hello(None, 1, extra=extra)), ()) == [True]
    assert struck(word, pieces(client_hello(NAME, 1, extra=like)), ()) == [False]
    assert struck(word, pieces(client_hello(NAME, 1)), ()) == [False]


def test_an_extension_may_need_a_name_beside_it() -> None:
    """Neither the name nor the extension is enough by itself (Russia, 2024)."""
    assert struck("tls.ech", pieces(client_hello(NAME, 1, extra=Extra.ECH))) == [True]
    assert struck("tls.ech", pieces(client_hello("chat.lab", 1, extra=Extra.ECH))) == [False]
    assert struck("tls.ech", pieces(client_hello(NAME, 1))) == [False]


def test_a_server_may_not_take_the_extension() -> None:
    """Of itself, with packets of its own; the same hello without it is served."""
    for extra in (Extra.ECH, Extra.ESNI):
        decision, forged = decided("server.extension", pieces(client_hello(NAME, 1, extra=extra))[0])
        assert decision.strike
        assert [each.destination for each in forged] == [CLIENT]
    assert decide("server.extension", pieces(client_hello(NAME, 1))[0], NAME) is None
