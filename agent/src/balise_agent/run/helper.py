"""``balise-agent helper``: a server of the operator's own that answers every name, for the neutral-address swap.

A probe whose hello with a name dies at the service's address shows the same name here, and a harmless one before it:
what dies here, dies on the way, since here nobody minds (detectors.md 2.3). TLS on port 443 with a certificate of its
own, HTTP on port 80; both read an upload of at most 64 KB, forget it, and say nothing but "204 No Content". Over UDP it
answers trains in the shape of a voice call (call_echo.py), and where the operator says so, over UDP and TCP, the
handshakes of VPN protocols (vpn_echo.py). Safe in the open: connections are few, short and counted by
prefix, nothing is answered before a TCP handshake, answers are smaller than a web page's head, and who asked, or for
what, is neither written down nor kept. Must not live here: measuring.
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import os
import re
import signal
import socket
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from balise_agent.run.call_echo import Source
from balise_agent.run.vpn_echo import HelperEcho, VpnStream
from balise_agent.system.errors import ConfigError
from balise_wire.experiments.call import PORTS

ANSWER: Final = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
BUSY: Final = b"busy"
"""What is said on a port of handshakes to who comes too often; no handshake's answer is so short."""
MOST_READ: Final = 4_096
"""Bytes of one request that are read, and forgotten."""
MOST_UPLOADED: Final = 65_536
"""Bytes of an upload that are read, and forgotten: the rate of the way up is measured by them."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n", re.IGNORECASE)
_HANDSHAKE_SECONDS: Final = 5.0
_SHUTDOWN_SECONDS: Final = 1.0
_PREFIXES: Final = {4: 24, 6: 56}
"""Whose connections are counted together: a home's, and a provider's pool."""
_COUNTED: Final = 4_096
"""Prefixes that are counted at once; the ones that came longest ago are forgotten."""
_NOBODY: Final = 65_534
_CERTIFICATE_DAYS: Final = 3_650


class HelperRules(msgspec.Struct, frozen=True, kw_only=True):
    """How much a helper gives."""

    most: int = 256
    """Connections at a time."""
    per_minute: int = 60
    """Connections a minute from one /24 or /56: a dozen homes of one provider may fail at once."""
    seconds: float = 15.0
    """How long one may last."""
    handshakes_per_minute: int = 600
    """The same of a VPN protocol's handshakes: a series has twelve."""
    handshake_seconds: float = 40.0
    """Longer than a probe waits for three answers: who is hung up on would take it for a cut."""


class Speaks(Enum):
    """What is spoken on a port of TCP."""

    TLS = auto()
    HTTP = auto()
    VPN = auto()
    """Handshakes of VPN protocols."""


class Counted:
    """How many connections each prefix opened in its minute; nothing of it outlasts the minute's next connection."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admits(self, address: str, now: float) -> bool:
        """Count a connection; tell whether it is within what its prefix may open."""
        key = _prefix(address)
        since, count = self._seen.pop(key, (now, 0))
        if now - since >= 60.0:
            since, count = now, 0
        self._seen[key] = (since, count + 1)
        while len(self._seen) > _COUNTED:
            self._seen.popitem(last=False)
        return count < self._per_minute


def _prefix(address: str) -> str:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network(f"{ip}/{_PREFIXES[ip.version]}", strict=False))


class Helper:
    """Answers on listening sockets until it is stopped."""

    def __init__(self, rules: HelperRules, context: ssl.SSLContext) -> None:
        """Answer by ``rules``, over TLS with ``context``'s certificate."""
        self._rules, self._context = rules, context
        self._counted = Counted(rules.per_minute)
        self._handshakes = Counted(rules.handshakes_per_minute)
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, listening: socket.socket, speaks: Speaks) -> None:
        """Accept for ever; who comes too often, or when all places are taken, is hung up on.

        On a port of handshakes he is told so, as far as there are places for that: he would take it for a cut.
        """
        counted = self._handshakes if speaks is Speaks.VPN else self._counted
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        while True:
            try:
                connection, peer = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(0.1)  # out of descriptors, say: those that are open end within seconds
                continue
            full = len(self._open) >= self._rules.most
            if full or not counted.admits(peer[0], loop.time()):
                if speaks is not Speaks.VPN or len(self._open) >= 2 * self._rules.most:
                    connection.close()
                    continue
                task = loop.create_task(self._refuse(connection))
            else:
                task = loop.create_task(self._answer(connection, speaks))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _refuse(self, connection: socket.socket) -> None:
        """Say that it is too much, and close a moment later: a close at once would be a reset that overtakes it."""
        try:
            with contextlib.suppress(OSError):
                connection.send(BUSY)
                connection.shutdown(socket.SHUT_WR)
            await asyncio.sleep(_SHUTDOWN_SECONDS)
        finally:
            connection.close()

    async def _answer(self, connection: socket.socket, speaks: Speaks) -> None:
        """Read a little, say what there is to say, and hang up; whatever goes wrong is nobody's concern."""
        tls = speaks is Speaks.TLS
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MOST_READ)
        transport: asyncio.Transport | None = None
        try:
            seconds = self._rules.handshake_seconds if speaks is Speaks.VPN else self._rules.seconds
            async with asyncio.timeout(seconds):
                transport, _ = await loop.connect_accepted_socket(
                    lambda: asyncio.StreamReaderProtocol(reader), connection,
                    ssl=self._context if tls else None, ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
                    ssl_shutdown_timeout=_SHUTDOWN_SECONDS if tls else None,
                )  # fmt: skip
                if speaks is Speaks.VPN:
                    await _handshake(reader, transport)
                elif head := await reader.read(MOST_READ):
                    await _forget(reader, _announced(head))
                    transport.write(ANSWER)
        except (OSError, ssl.SSLError, TimeoutError):
            connection.close()
        finally:
            if transport is not None:
                transport.close()


async def _handshake(reader: asyncio.StreamReader, transport: asyncio.Transport) -> None:
    """Answer the rounds of a handshake until all is said, or until it is none; then leave the end to the other side.

    Who hung up first after the last round would tell a probe's connection from a VPN's, and a reset could overtake what
    was said.
    """
    stream = VpnStream()
    while (data := await reader.read(MOST_READ)) and (said := stream.take(data)) is not None:
        transport.write(said)
        if stream.is_over:
            await _forget(reader, MOST_READ)
            return


def _announced(head: bytes) -> int:
    """Return how many bytes of an upload are still to come, at most ``MOST_UPLOADED``; 0 where none was announced."""
    front, end, body = head.partition(b"\r\n\r\n")
    found = _LENGTH.search(front)
    return max(0, min(int(found[1]), MOST_UPLOADED) - len(body)) if end and found else 0


async def _forget(reader: asyncio.StreamReader, size: int) -> None:
    """Read bytes and keep none of them."""
    while size > 0 and (more := await reader.read(min(size, MOST_READ))):
        size -= len(more)


def certificate(folder: Path) -> Path:
    """Return the file with the helper's key and certificate; make it where there is none (ConfigError)."""
    path = folder / "helper.pem"
    try:
        if path.exists():
            return path
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        begins = dt.datetime.fromtimestamp(folder.stat().st_mtime, dt.UTC) - dt.timedelta(days=1)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + dt.timedelta(days=_CERTIFICATE_DAYS))
            .sign(key, hashes.SHA256())
        )
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret + made.public_bytes(Encoding.PEM))
    except OSError as error:
        raise ConfigError(
            f"helper: {error.filename}: {error.strerror}; give a folder that it may write, with --state"
        ) from None
    return path


def tls_context(path: Path) -> ssl.SSLContext:
    """Return what the helper answers hellos with: TLS 1.2 and 1.3, any name (ConfigError)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(path)
    except (OSError, ssl.SSLError):
        raise ConfigError(f"helper: {path} holds no key and certificate; delete it, and it is made anew") from None
    return context


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket (ConfigError); ``::`` takes both families."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=64, dualstack_ipv6=address == "::")
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"helper: {address} port {port}: {told}; free it, or name another with --address") from None


def drop_rights() -> None:
    """Be nobody from now on, where we were started as root; the unit starts us as nobody in the first place.

    Who is root in a user namespace that somebody without rights made (user_namespaces(7)) is nobody outside of it, and
    may become nobody else inside.
    """
    if os.geteuid() != 0:
        return
    try:
        os.setgroups([])
    except PermissionError:
        return
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)


class Datagrams(asyncio.DatagramProtocol):
    """The helper's ports of UDP."""

    def __init__(self, echo: HelperEcho) -> None:
        """Answer as ``echo`` says."""
        self._echo = echo
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        # Its class is none of DatagramTransport's in every version of Python.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer one datagram, or nobody."""
        address = str(addr[0])
        now = asyncio.get_running_loop().time()
        answer = self._echo.answer(data, Source(address, _prefix(address)), now)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def bind(address: str, port: int) -> socket.socket:
    """Return a socket for datagrams (ConfigError); ``::`` takes both families."""
    bound: socket.socket | None = None
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address == "::" else 1)
        bound.bind((address, port))
    except (OSError, ValueError) as error:
        if bound is not None:
            bound.close()
        told = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"helper: {address} UDP port {port}: {told}; free it, or name others with --udp-ports and --vpn-ports"
        ) from None
    bound.setblocking(False)
    return bound


def run(
    address: str,
    state: Path,
    ports: tuple[int, int] = (443, 80),
    udp_ports: Sequence[int] = PORTS,
    rules: HelperRules | None = None,
    *,
    vpn_ports: Sequence[int] = (),
    vpn_tcp_ports: Sequence[int] = (),
) -> None:
    """Answer until SIGTERM or SIGINT (ConfigError: a port or a folder that cannot be used).

    Args:
        address: to listen on.
        state: folder of the certificate.
        ports: of TLS, and of HTTP (0: none).
        udp_ports: for trains in the shape of a call.
        rules: how much it gives.
        vpn_ports: of UDP, for handshakes of VPN protocols; none: they are answered nowhere.
        vpn_tcp_ports: of TCP, for those that go over it; none likewise.
    """
    context = tls_context(certificate(state))
    spoken = {**dict.fromkeys(vpn_tcp_ports, Speaks.VPN), ports[1]: Speaks.HTTP, ports[0]: Speaks.TLS}
    places = [(listen(address, port), speaks) for port, speaks in spoken.items() if port]
    bound = [bind(address, port) for port in dict.fromkeys((*udp_ports, *vpn_ports))]
    drop_rights()
    asyncio.run(_run(Helper(rules or HelperRules(), context), places, bound, vpn=bool(vpn_ports)))


async def _run(
    helper: Helper, places: list[tuple[socket.socket, Speaks]], bound: list[socket.socket], *, vpn: bool
) -> None:
    loop = asyncio.get_running_loop()
    echo = HelperEcho(os.urandom(32), vpn=vpn)
    for each in bound:
        await loop.create_datagram_endpoint(lambda: Datagrams(echo), sock=each)
    loop.set_exception_handler(lambda _loop, _context: None)  # what a stranger's connection died of
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    serving = [loop.create_task(helper.serve(place, speaks)) for place, speaks in places]
    await stopped.wait()
    for task in serving:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
