"""Dialling a broker without ever blocking the loop: TCP, TLS and the WebSocket upgrade on the probe's one reactor.

paho-mqtt connects, shakes hands and upgrades with blocking calls; on a network that drops packets in silence each of
them would stop every measurement for seconds. So the stream is opened here, step by step, and paho is handed a socket
that already stands. Lives here: the steps of one attempt at one broker (enrolment uses them too). Must not live here:
which broker next, when, or MQTT.
"""

import base64
import errno
import hashlib
import os
import socket
import ssl
from collections.abc import Callable
from typing import Final, TypeVar

from balise_agent.net import tls_shape
from balise_agent.system.config import Broker, BrokerTransport
from balise_agent.system.reactor import READ, WRITE, Reactor
from balise_agent.system.task import ReactorTask, Steps, file_ready

T = TypeVar("T")

_CONNECT_SECONDS: Final = 8.0
_TASK_SECONDS: Final = 90.0
"""For the whole, name and all; an honest one on a slow line needs a third of it."""
_MOST_ADDRESSES: Final = 6
"""Addresses of one name that one attempt tries: a resolver that lies with many must not keep us from the next."""
_TALK_SECONDS: Final = 10.0
_USER_TIMEOUT_MS: Final = 20_000
"""A connection on which nothing sent was acknowledged for so long is dead (RFC 5482): the line went away silently."""
_LARGEST_UPGRADE: Final = 8192
NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME (OpenSSL, X509_VERIFY_PARAM_set_flags): dates are not looked at. For machines whose clock
nobody vouches for; everything else about the chain is checked as ever."""
_ACCEPT: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""


Opening = Steps[socket.socket]
"""Returns the open stream."""
Lookup = Callable[[str], Steps[tuple[str, ...]]]
"""Turns a broker's name into addresses in the same way."""


class DialError(OSError):
    """This attempt failed; the message says at which step."""


NO_ANSWER: Final = "no answer"
"""In the message of a DialError: the step was waited for in vain."""


def task(
    steps: Steps[T], *, reactor: Reactor, done: Callable[[T], None], failed: Callable[[str], None]
) -> ReactorTask[T]:
    """Return steps as a task that ends within a minute and a half; ``failed`` hears the words of its failure."""

    def told(error: Exception) -> None:
        failed(str(error) or type(error).__name__)

    return ReactorTask(steps, reactor=reactor, done=done, failed=told, limit=_TASK_SECONDS)


def open_stream(
    broker: Broker,
    lookup: Lookup,
    *,
    check_time: bool,
    follow: Callable[[socket.socket], None] = lambda _: None,
    segment: int = 0,
) -> Opening:
    """Open the whole stream: name, TCP, TLS, upgrade."""
    addresses = yield from lookup(broker.host)
    if not addresses:
        raise DialError(f"no address for {broker.host}")
    sock = yield from connect(addresses, broker.port, follow, segment)
    try:
        if broker.tls:
            sock = yield from secure(sock, tls_context(broker, check_time=check_time), broker.host)
        if broker.transport is BrokerTransport.WEBSOCKETS:
            yield from _upgrade(sock, broker)
    except BaseException:
        sock.close()
        raise
    return sock


def connect(
    addresses: tuple[str, ...],
    port: int,
    follow: Callable[[socket.socket], None] = lambda _: None,
    segment: int = 0,
) -> Opening:
    """Connect to the first address that answers, with segments of at most ``segment`` bytes each way (0: any)."""
    problem = "no address"
    for address in addresses[:_MOST_ADDRESSES]:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            follow(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if segment:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
            code = sock.connect_ex((address, port))
            ready = True
            if code in {0, errno.EINPROGRESS}:
                ready = yield file_ready(sock, WRITE, _CONNECT_SECONDS)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except BaseException:
            sock.close()
            raise
        if ready and code == 0:
            return sock
        sock.close()
        problem = os.strerror(code) if ready else f"no answer in {_CONNECT_SECONDS:.0f} s"
    raise DialError(f"connect: {problem}")


def tls_context(broker: Broker, *, check_time: bool = True) -> ssl.SSLContext:
    """Return the TLS settings of a broker, in the one shape that all our handshakes have (``secure`` wants 1.3).

    With a ``ca_file`` that authority is the only root.

    Args:
        broker: its entry in the settings.
        check_time: whether the machine's clock is one to hold certificates' dates against.

    Raises:
        OSError: a certificate file cannot be read or is none.
    """
    context = tls_shape.client()
    if broker.ca_file:
        context.load_verify_locations(broker.ca_file)
    else:
        context.load_default_certs()
    if not check_time:
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    if broker.cert_file:
        context.load_cert_chain(broker.cert_file, broker.key_file)
    return context


def secure(sock: socket.socket, context: ssl.SSLContext, name: str) -> Steps[ssl.SSLSocket]:
    """Shake hands over TLS 1.3; ``name`` is the server's, checked where the context says so.

    Raises:
        DialError: no answer in time, or an answer in an older TLS.
        ssl.SSLError: with the reason.
    """
    tls = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
    done = False
    ready = True
    seen = False
    try:
        while ready and not done:
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                if seen:
                    ready = yield file_ready(tls, READ, _TALK_SECONDS)
                else:
                    ready, seen = (yield from _look(tls)), True
            except ssl.SSLWantWriteError:
                ready = yield file_ready(tls, WRITE, _TALK_SECONDS)
    finally:
        if not done:
            tls.close()
    if not done:
        raise DialError(f"TLS: {NO_ANSWER}")
    return tls


def _look(tls: ssl.SSLSocket) -> Steps[bool]:
    """Wait for the server's first record and look at it before OpenSSL does; whether it came (DialError: too old)."""
    ready = yield file_ready(tls, READ, _TALK_SECONDS)
    if not ready:
        return False
    header = _peek(tls, tls_shape.RECORD_HEADER)
    if len(header) < tls_shape.RECORD_HEADER:
        return True
    size = tls_shape.record_length(header)
    if len(_peek(tls, size)) < size:
        # Readable only once the whole record is there (socket(7), SO_RCVLOWAT), or the connection ended.
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
        ready = yield file_ready(tls, READ, _TALK_SECONDS)
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    if not tls_shape.answers_in_1_3(_peek(tls, size)):
        raise DialError("TLS: the server answers in a version older than 1.3, which would show our certificate")
    return ready


def _peek(tls: ssl.SSLSocket, size: int) -> bytes:
    """Return what has arrived, up to ``size`` bytes, and leave it there."""
    try:
        return socket.socket.recv(tls, size, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


def _upgrade(sock: socket.socket, broker: Broker) -> Steps[None]:
    """Turn the stream into a WebSocket (RFC 6455 4.1)."""
    key = base64.b64encode(os.urandom(16))
    host = f"[{broker.host}]" if ":" in broker.host else broker.host
    request = (
        f"GET {broker.path} HTTP/1.1\r\nHost: {host}:{broker.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    )
    sock.send(request.encode())
    answer = b""
    # One byte at a time: what follows the blank line belongs to MQTT already.
    while not answer.endswith(b"\r\n\r\n"):
        try:
            byte = sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            if not (yield file_ready(sock, READ, _TALK_SECONDS)):
                raise DialError(f"websocket: {NO_ANSWER}") from None
            continue
        if not byte or len(answer) > _LARGEST_UPGRADE:
            raise DialError(f"websocket: not upgraded, the server said {answer[:60]!r}")
        answer += byte
    expected = base64.b64encode(hashlib.sha1(key + _ACCEPT, usedforsecurity=False).digest())
    if not answer.startswith(b"HTTP/1.1 101") or expected not in answer:
        raise DialError(f"websocket: not upgraded, the server said {answer[:60]!r}")
