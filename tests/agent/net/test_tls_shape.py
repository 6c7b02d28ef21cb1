"""The shape of our handshakes: one for all of them, so that none of them tells the line which of them it is."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec.clienthello import client_hello
from balise_agent.codec.ja4 import ja4
from balise_agent.delivery.dial import tls_context
from balise_agent.net import tls_shape
from balise_agent.net.tls import Contexts
from balise_agent.provisioning.enrolment.visit import _believing_nobody
from balise_agent.system.config import Broker


def hello(context: ssl.SSLContext) -> bytes:
    """Return the ClientHello that a context sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="www.example.org")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_broker_enrolment_and_measured_handshakes_look_alike() -> None:
    """A shape that only the broker's connection had would find every probe of the fleet on any line."""
    contexts = (
        tls_context(Broker(host="broker.example.org", tls=True)),
        _believing_nobody(),
        Contexts().offering(tls_shape.ALPN),
    )
    assert len({ja4(hello(context)) for context in contexts}) == 1
    assert ja4(hello(contexts[0])) == ja4(tls_shape.hello())
    assert ja4(hello(contexts[0])).startswith("t13d")
    assert "h1_" in ja4(hello(contexts[0]))


def test_the_ciphers_are_chromes() -> None:
    """JA4's middle part is the ciphers: Chrome's fifteen, and OpenSSL's renegotiation signal (RFC 5746 3.3)."""
    ours = ja4(hello(tls_shape.client()))
    assert ours[4:6] == "16"


def test_ja4_of_the_crafted_hello_is_that_of_chrome() -> None:
    """The published value of the version that the hello is taken from begins so (FoxIO, JA4 examples)."""
    crafted = ja4(client_hello("www.example.org", seed=7))
    assert crafted.startswith("t13d15")
    assert "_8daaf6152771_" in crafted


@pytest.mark.parametrize("junk", [b"", b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\n" * 4])
def test_what_is_no_hello_has_no_fingerprint(junk: bytes) -> None:
    """Anything else is refused in words."""
    with pytest.raises(ValueError, match="not a ClientHello"):
        ja4(junk)


@given(record=st.binary(max_size=200))
def test_any_first_record_can_be_looked_at(record: bytes) -> None:
    """Whatever a server sends first is looked at without an exception."""
    assert tls_shape.answers_in_1_3(record) in {True, False}
    assert tls_shape.answers_in_1_3(b"\x16\x03\x03\x00\x10\x02\x00\x00\x0c" + record) in {True, False}
