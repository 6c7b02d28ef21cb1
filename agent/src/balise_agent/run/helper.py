"""``balise-agent helper``: a server of the operator's own that answers every name, for the neutral-address swap.

A probe whose hello with a name dies at the service's address shows the same name here, and a harmless one before it:
what dies here, dies on the way, since here nobody minds (detectors.md 2.3). TLS on port 443 with a certificate of its
own, HTTP on port 80; both say nothing but "204 No Content". Safe in the open: connections are few, short and counted
by prefix, nothing is answered before a TCP handshake, answers are smaller than a web page's head, and who asked, or for
what, is neither written down nor kept. Must not live here: measuring.
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import os
import signal
import socket
import ssl
from collections import OrderedDict
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from balise_agent.system.errors import ConfigError

ANSWER: Final = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
MOST_READ: Final = 4_096
"""Bytes of one request that are read, and forgotten."""
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
    seconds: float = 10.0
    """How long one may last."""


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
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, listening: socket.socket, *, tls: bool) -> None:
        """Accept for ever; who comes too often, or when all places are taken, is hung up on."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        while True:
            try:
                connection, peer = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(0.1)  # out of descriptors, say: those that are open end within seconds
                continue
            if len(self._open) >= self._rules.most or not self._counted.admits(peer[0], loop.time()):
                connection.close()
                continue
            task = loop.create_task(self._answer(connection, tls=tls))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _answer(self, connection: socket.socket, *, tls: bool) -> None:
        """Read a little, say the one thing there is to say, and hang up; whatever goes wrong is nobody's concern."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MOST_READ)
        transport: asyncio.Transport | None = None
        try:
            async with asyncio.timeout(self._rules.seconds):
                transport, _ = await loop.connect_accepted_socket(
                    lambda: asyncio.StreamReaderProtocol(reader), connection,
                    ssl=self._context if tls else None, ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
                    ssl_shutdown_timeout=_SHUTDOWN_SECONDS if tls else None,
                )  # fmt: skip
                if await reader.read(MOST_READ):
                    transport.write(ANSWER)
        except (OSError, ssl.SSLError, TimeoutError):
            connection.close()
        finally:
            if transport is not None:
                transport.close()


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
    """Be nobody from now on, where we were started as root; the unit starts us as nobody in the first place."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)


def run(address: str, state: Path, ports: tuple[int, int] = (443, 80), rules: HelperRules | None = None) -> None:
    """Answer until SIGTERM or SIGINT (ConfigError: a port or a folder that cannot be used).

    Args:
        address: to listen on.
        state: folder of the certificate.
        ports: of TLS, and of HTTP (0: none).
        rules: how much it gives.
    """
    context = tls_context(certificate(state))
    places = [(listen(address, port), port == ports[0]) for port in ports if port]
    drop_rights()
    asyncio.run(_run(Helper(rules or HelperRules(), context), places))


async def _run(helper: Helper, places: list[tuple[socket.socket, bool]]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # what a stranger's connection died of
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    serving = [loop.create_task(helper.serve(place, tls=tls)) for place, tls in places]
    await stopped.wait()
    for task in serving:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
