"""Many connections at a door of the collector, from many addresses of loopback, and an honest caller beside them.

Lives here: opening, holding and opening again what the other side ends; one enrolment as a board asks for it. Must not
live here: expectations.
"""

from __future__ import annotations

import errno
import resource
import selectors
import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from balise_attack.field import FieldProbe
from balise_wire.card import CONSENT_VERSION
from balise_wire.enrolment import ENROL_PATH, EnrolmentRequest

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow:"
NO_TOKEN = "-".join(["AAAAA"] * 5)
_AGAIN = 0.02
_SPARE = 200
"""Descriptors that the case needs beside the crowd's."""


def limit_files(soft: int) -> None:
    """Set the limit of open files that programs started from now on inherit; the hard one stays."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


class Crowd(threading.Thread):
    """Holds so many connections from so many sources, and opens again what is ended, at most ``rate`` in a second."""

    def __init__(self, port: int, many: int, sources: int, *, said: bytes = HALF, rate: int = 400) -> None:
        """Take aim; ``start`` begins."""
        super().__init__(daemon=True)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.many = min(many, most - _SPARE)
        limit_files(most)
        self.opened = 0
        """Connections that were made, again and again."""
        self.held = 0
        self._port, self._sources, self._said, self._rate = port, sources, said, rate
        self._ending = threading.Event()
        self._full = threading.Event()

    def run(self) -> None:
        """Open, watch and open again until ``leave``."""
        with selectors.DefaultSelector() as watching:
            budget, last = 0.0, time.monotonic()
            while not self._ending.is_set():
                now = time.monotonic()
                budget = (
                    float(self._rate)
                    if not self._full.is_set()
                    else min(self._rate, budget + (now - last) * self._rate)
                )
                last = now
                while self.held < self.many and budget >= 1.0:
                    budget -= 1.0
                    if not self._open(watching):
                        break
                if self.opened >= self.many:
                    self._full.set()
                for key, _ in watching.select(_AGAIN):
                    ours = key.fileobj
                    assert isinstance(ours, socket.socket)
                    with suppress(BlockingIOError):
                        try:
                            ended = not ours.recv(4096)
                        except ConnectionError:
                            ended = True
                        if ended:
                            watching.unregister(ours)
                            ours.close()
                            self.held -= 1
            for key in list(watching.get_map().values()):
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.close()

    def _open(self, watching: selectors.BaseSelector) -> bool:
        ours = socket.socket()
        ours.settimeout(0.5)
        number = self.opened % self._sources
        try:
            ours.bind((f"127.{1 + number // 250}.{number % 250}.7", 0))
            ours.connect(("127.0.0.1", self._port))
            ours.sendall(self._said)
        except OSError as error:
            ours.close()
            return error.errno not in {errno.EMFILE, errno.EADDRNOTAVAIL} and not isinstance(error, TimeoutError)
        ours.setblocking(False)
        watching.register(ours, selectors.EVENT_READ)
        self.opened += 1
        self.held += 1
        return True

    def gathered(self, seconds: float) -> bool:
        """Return when as many as were asked for were opened, or the time is over; whether they were."""
        return self._full.wait(seconds)

    def leave(self) -> None:
        """Let go of everything."""
        self._ending.set()
        self.join()


def enrolment(
    port: int, authority: Path, token: str = NO_TOKEN, *, key: Ed25519PrivateKey | None = None
) -> tuple[int, float]:
    """Ask once to be enrolled; returns the status (0 for no answer) and the seconds that it took."""
    board = FieldProbe("newcomer", key=key or Ed25519PrivateKey.generate())
    request = board.request().public_bytes(Encoding.PEM).decode()
    body = msgspec.json.encode(EnrolmentRequest(token=token, request=request, consent=CONSENT_VERSION))
    return ask_enrolment(port, authority, ENROL_PATH, body)


def ask_enrolment(
    port: int, authority: Path, path: str, body: bytes, *, source: str = "127.0.0.1", patience: float = 10.0
) -> tuple[int, float]:
    """Send one request to the enrolment listener; returns the status (0 for no answer) and the seconds it took."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    context = ssl.create_default_context(cafile=str(authority))
    begun = time.monotonic()
    heard = b""
    with suppress(OSError), socket.socket() as plain:
        plain.settimeout(patience)
        plain.bind((source, 0))
        plain.connect(("127.0.0.1", port))
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as line:
            line.sendall(head.encode() + body)
            while data := line.recv(65536):
                heard += data
    status = int(heard.split(b" ")[1]) if heard.startswith(b"HTTP/1.1 ") else 0
    return status, time.monotonic() - begun
