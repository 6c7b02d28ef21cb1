"""What a middlebox understands of bytes: names, however they are cut, and nothing in what is no name."""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_lab.boxes.engine import classify, forge
from balise_lab.boxes.engine.classify import ACK, PSH, SYN, Packet, Streams

CLIENT, SERVER = socket.inet_aton("198.18.1.10"), socket.inet_aton("198.19.64.10")
MARKS = forge.Marks(64, 1, 8192)


def hello(name: str) -> bytes:
    """A real ClientHello, as OpenSSL writes it."""
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    session = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def client_segment(sequence: int, payload: bytes, flags: int = PSH | ACK) -> Packet:
    """A client's segment, through the forge and back through the parser."""
    raw = forge.segment((CLIENT, 40000), (SERVER, 443), sequence, 1, flags, payload, MARKS)
    seen = classify.packet(raw)
    assert seen is not None
    return seen


def test_the_name_of_a_real_clienthello_is_found() -> None:
    """OpenSSL's ClientHello yields its server_name, and asks for no more bytes."""
    assert classify.server_name(hello("pbs.twimg.lab")) == ("pbs.twimg.lab", False)


def test_a_name_split_over_tls_records_is_found() -> None:
    """A ClientHello in several TLS records (RFC 8446 section 5.1 allows it) is one ClientHello."""
    body = hello("twitter.lab")[5:]
    parts = [body[:50], body[50:90], body[90:]]
    stream = b"".join(b"\x16\x03\x01" + struct.pack("!H", len(part)) + part for part in parts)
    assert classify.server_name(stream) == ("twitter.lab", False)


@given(cut=st.integers(min_value=1, max_value=400))
def test_a_beginning_asks_for_more(cut: int) -> None:
    """Half a ClientHello is never a verdict: the box waits."""
    whole = hello("twitter.lab")
    if cut < len(whole):
        assert classify.server_name(whole[:cut]) == (None, True)


@given(st.binary(max_size=600))
def test_no_bytes_break_the_parsers(data: bytes) -> None:
    """A box never dies of what it reads: a dead box passes traffic and spoils the scenario."""
    classify.server_name(data)
    classify.server_name(b"\x16\x03\x01" + data)
    classify.host(data)
    classify.host(b"GET / HTTP/1.1\r\n" + data)
    classify.question(data)
    classify.packet(data)
    classify.packet(b"\x45" + data)


def test_hosts_of_requests() -> None:
    """Host is found whatever its case and port; without it a finished head asks for nothing more."""
    assert classify.host(b"GET / HTTP/1.1\r\nhOsT: Twitter.lab:80\r\n\r\n") == ("Twitter.lab", False)
    assert classify.host(b"GET / HTTP/1.1\r\nHost: twit") == (None, True)
    assert classify.host(b"GET / HTTP/1.1\r\nA: b\r\n\r\n") == (None, False)
    assert classify.host(b"\x16\x03\x01\x00") == (None, False)


def test_questions() -> None:
    """A query's name is read; an answer is no question."""
    query = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\x07twitter\x03lab\0" + struct.pack("!HH", 1, 1)
    assert classify.question(query) == "twitter.lab"
    assert classify.question(forge.dns_answer(query, ["203.0.113.66"])) is None


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 0, 1, 2]])
def test_streams_are_put_together_in_any_order(order: list[int]) -> None:
    """Segments out of order or sent twice give the same stream, when the SYN was seen."""
    parts = [(1, b"abc"), (4, b"def"), (7, b"ghi")]
    streams = Streams()
    streams.add(client_segment(0, b"", SYN))
    known = b""
    for index in order:
        known = streams.add(client_segment(*parts[index]))
    assert known == b"abcdefghi"


def test_sequence_numbers_wrap() -> None:
    """A flow whose sequence numbers pass 2**32 is a flow like any other."""
    streams = Streams()
    streams.add(client_segment(0xFFFFFFFE, b"", SYN))
    streams.add(client_segment(0xFFFFFFFF, b"ab"))
    assert streams.add(client_segment(1, b"cd")) == b"abcd"


def test_streams_are_bounded() -> None:
    """A box holds a bounded number of flows, whatever passes by."""
    streams = Streams()
    for port in range(classify.MOST_FLOWS + 10):
        raw = forge.segment((CLIENT, port), (SERVER, 443), 0, 0, SYN, b"", MARKS)
        seen = classify.packet(raw)
        assert seen is not None
        streams.add(seen)
    assert len(streams.held) == classify.MOST_FLOWS


def test_a_flow_is_counted_once_and_flows_are_bounded() -> None:
    """A packet that is sent again is of the same flow, also behind others; of very many the newest are remembered."""
    streams = Streams()
    flows = [forge.segment((CLIENT, port), (SERVER, 443), 0, 0, PSH, b"x", MARKS) for port in range(2000, 2002)]
    first, second = (classify.packet(raw) for raw in flows)
    assert first is not None
    assert second is not None
    assert [streams.first_match(seen) for seen in (first, first, second, first)] == [True, False, True, False]
    for port in range(classify.MOST_FLOWS + 10):
        seen = classify.packet(forge.segment((CLIENT, port), (SERVER, 443), 0, 0, PSH, b"x", MARKS))
        assert seen is not None
        streams.first_match(seen)
    assert len(streams.matched) == classify.MOST_FLOWS
