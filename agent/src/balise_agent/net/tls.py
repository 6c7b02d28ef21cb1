"""TLS on a connection, by OpenSSL through MemoryBIOs: the bytes are read and written by us, so the tap hears them all.

Lives here: carrying out ``Handshake``. OpenSSL verifies nothing (it would stop before the chain is known); one
handshake yields both the chain and our own verification of it (net/trust.py). One context is shared by all
connections. These contexts are for measuring alone and take what any server has; a connection that carries our own
data has settings of its own (dial.py). Must not live here: names for failures (net/classify.py).
"""

import errno
import os
import ssl
from typing import Final

from balise_agent.experiments.steps import Handshake, Secured
from balise_agent.net import tls_shape
from balise_agent.net.connection import Connection
from balise_agent.net.context import Stopwatch, ask
from balise_agent.net.operation import Operation
from balise_agent.net.share import HANDSHAKE
from balise_agent.net.tcp import failed, gone, write_all
from balise_agent.net.trust import peer_chain
from balise_agent.system.reactor import READ
from balise_agent.system.task import Wait
from balise_wire.failures import Failure

_MOST_HEARD: Final = 4096
"""Bytes of a failed handshake that its reply carries: the first records are what tells."""


_LEGACY_SERVER_CONNECT: Final = 0x4
"""SSL_OP_LEGACY_SERVER_CONNECT (named in Python from 3.12 on): a server without RFC 5746 is no reason to stop. Its
danger is a prefix put before *our* request; we ask for public pages, and nothing in the hello shows it."""
_OLD_CIPHERS: Final = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
"""Level 0 lets keys below 1,024 bits and SHA-1 signatures pass (OpenSSL, SSL_CTX_set_security_level)."""


class Contexts:
    """The shared TLS contexts; ALPN belongs to a context, so there is one for each offer."""

    def __init__(self) -> None:
        self._contexts: dict[tuple[tuple[str, ...], bool], ssl.SSLContext] = {}

    def offering(self, alpn: tuple[str, ...], *, old: bool = False) -> ssl.SSLContext:
        """Return the context that offers these protocols; ``old`` takes what only old servers still need."""
        context = self._contexts.get((alpn, old))
        if context is None:
            context = tls_shape.client(alpn)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.options |= _LEGACY_SERVER_CONNECT
            if old:
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                context.set_ciphers(_OLD_CIPHERS)
            self._contexts[alpn, old] = context
        return context


def handshake(connection: Connection, step: Handshake, contexts: Contexts) -> Operation:
    """Carry out a Handshake."""
    context = connection.context
    watch = Stopwatch(context.clock)
    if not connection.is_open:
        return gone(connection, watch)
    connection.flow.share.expected += HANDSHAKE
    heard = bytearray()
    before = connection.bytes_in
    offered = contexts.offering(step.alpn, old=step.old)
    tls = offered.wrap_bio(connection.incoming, connection.outgoing, server_hostname=step.sni)
    deadline = watch.began + step.timeout
    try:
        while True:
            done = _advance(tls)
            if connection.outgoing.pending:
                data = connection.outgoing.read()
                ask(context, connection.flow.share, connection.address, connection.remote_port, len(data))
                yield from write_all(connection, data, deadline)
            if done:
                break
            if connection.overrun:
                error = OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
                return (yield from failed(connection, watch, error, bytes(heard), Failure.TOO_LARGE))
            more = connection.read_some()
            if more is None:
                if context.clock.monotonic() >= deadline or not (yield Wait(deadline, connection.sock, READ)):
                    raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            elif more:
                heard += more[: _MOST_HEARD - len(heard)]
                connection.incoming.write(more)
            else:
                connection.incoming.write_eof()
    except OSError as error:
        return (yield from failed(connection, watch, error, bytes(heard)))
    elapsed_ms = watch.elapsed_ms()
    connection.tls = tls
    chain = _chain_of(tls)
    return Secured(
        at=watch.at,
        elapsed_ms=elapsed_ms,
        version=tls.version() or "",
        alpn=_alpn_of(tls),
        chain=context.trust.describe(chain),
        verify_failure=context.trust.verify(chain, step.sni, context.clock.now(), step.authorities),
        bytes_received=connection.bytes_in - before,
    )


def _chain_of(tls: ssl.SSLObject) -> list[bytes]:
    """Return the server's chain; none where it cannot even be written out again, and that convinces nobody."""
    try:
        return peer_chain(tls)
    except (ValueError, TypeError, ssl.SSLError):
        return []


def _alpn_of(tls: ssl.SSLObject) -> str:
    """Return the protocol that the server chose; OpenSSL passes on whatever bytes it sent."""
    try:
        return tls.selected_alpn_protocol() or ""
    except UnicodeDecodeError:
        return "other"


def _advance(tls: ssl.SSLObject) -> bool:
    """Let OpenSSL go on; whether it is done (SSLError)."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
