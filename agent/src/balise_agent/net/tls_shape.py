"""How every TLS handshake of ours looks on the line: one ClientHello for measuring and for our own connections.

Whoever watches a line can tell programs apart by their ClientHello (JA4: ciphers, extensions, ALPN). A shape that only
the connection to the broker has would find every probe of a fleet. So the broker, the enrolment and the handshakes that
measure certificates share one: TLS 1.2 and 1.3, the ciphers of Chrome, ALPN of a web client. What Python's ssl module
cannot shape (signature algorithms, groups, GREASE) stays OpenSSL's own: the shape is that of a program built on
OpenSSL, and says no more than that. docs/agent.md prints it.

Lives here: that shape, and the look at the answer that keeps our certificate from ever crossing in clear. Must not live
here: whom to believe (dial.py, enrolment/visit.py, net/trust.py), or the crafted hellos (codec/clienthello.py).
"""

import contextlib
import ssl
from typing import Final

ALPN: Final = ("http/1.1",)
"""What a web client says that speaks HTTP/1.1; ``mqtt`` would tell what we are, none at all is rare."""
_CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:"
    "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA"
)
"""TLS 1.2 and older as Chrome offers them; those of TLS 1.3 are OpenSSL's, the same three."""
_NO_ENCRYPT_THEN_MAC: Final = 0x80000
"""SSL_OP_NO_ENCRYPT_THEN_MAC: browsers do not offer RFC 7366."""
_HANDSHAKE: Final = 22
_SERVER_HELLO: Final = 2
_SUPPORTED_VERSIONS: Final = 43
_TLS_1_3: Final = b"\x03\x04"
RECORD_HEADER: Final = 5
"""Bytes before a record's payload (RFC 8446 5.1)."""


def client(alpn: tuple[str, ...] = ALPN) -> ssl.SSLContext:
    """Return a client's settings in our one shape; the caller says whom it believes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= _NO_ENCRYPT_THEN_MAC
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def hello(name: str = "www.example.org") -> bytes:
    """Return the ClientHello that our shape sends here, for its fingerprint: OpenSSL's version has its part in it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        client().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def record_length(header: bytes) -> int:
    """Return the length of the whole record that begins with ``header`` (five bytes of it)."""
    return RECORD_HEADER + int.from_bytes(header[3:5], "big")


def answers_in_1_3(record: bytes) -> bool:
    """Tell whether a server's first record may be gone on with: a ServerHello of TLS 1.3, or no ServerHello at all.

    Before TLS 1.3 the client's certificate, and with it the probe's name, crosses in clear (RFC 8705 section 8), and
    OpenSSL would send it before it returns. Our hello offers older versions only to look like others.
    A HelloRetryRequest is a ServerHello as well (RFC 8446 4.1.4).
    """
    if len(record) < RECORD_HEADER + 4 or record[0] != _HANDSHAKE or record[RECORD_HEADER] != _SERVER_HELLO:
        return True  # an alert, or noise: OpenSSL has its word for it
    body = record[RECORD_HEADER + 4 :]
    session = 35 + body[34] if len(body) > 34 else len(body)
    extensions = body[session + 5 :]
    while len(extensions) >= 4:
        kind, length = int.from_bytes(extensions[:2], "big"), int.from_bytes(extensions[2:4], "big")
        if kind == _SUPPORTED_VERSIONS:
            return extensions[4 : 4 + length] == _TLS_1_3
        extensions = extensions[4 + length :]
    return False
