"""A client of the kernel's NFQUEUE over netlink (linux/netfilter/nfnetlink_queue.h): take packets, give verdicts.

Lives here: the message formats and one socket. Must not live here: what a packet means. The queue is bound with
fail-open, and the rules that feed it carry --queue-bypass: when this process is slow or dead, traffic passes.
"""

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

NETLINK_NETFILTER = 12
SUBSYSTEM = 3 << 8
PACKET, VERDICT, CONFIG = SUBSYSTEM, SUBSYSTEM | 1, SUBSYSTEM | 2
CFG_CMD, CFG_PARAMS, CFG_MAXLEN, CFG_MASK, CFG_FLAGS = 1, 2, 3, 4, 5
BIND, COPY_PACKET, FAIL_OPEN = 1, 2, 1
ATTR_HEADER, ATTR_VERDICT, ATTR_MARK, ATTR_PAYLOAD = 1, 2, 3, 10
NLM_REQUEST, NLM_ACK, NLMSG_ERROR = 1, 4, 2
DROP, ACCEPT, REPEAT = 0, 1, 4
SO_RCVBUFFORCE = 33
BUFFER = 8 << 20
MAXLEN = 16384


@dataclass(frozen=True)
class Queued:
    """One packet that waits for its verdict. `payload` starts at the IP header."""

    id: int
    mark: int
    hook: int
    payload: bytes


class Queue:
    """One bound queue of the current network namespace."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        # Losing a message when the buffer overflows is the kernel's fail-open, not our error.
        self._socket.setsockopt(270, 5, 1)  # SOL_NETLINK, NETLINK_NO_ENOBUFS
        self._configure(_attribute(CFG_CMD, struct.pack("!BBH", BIND, 0, socket.AF_INET)))
        self._configure(_attribute(CFG_PARAMS, struct.pack("!IB", 0xFFFF, COPY_PACKET)))
        self._configure(_attribute(CFG_MAXLEN, struct.pack("!I", MAXLEN)))
        self._configure(
            _attribute(CFG_FLAGS, struct.pack("!I", FAIL_OPEN)) + _attribute(CFG_MASK, struct.pack("!I", FAIL_OPEN))
        )

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def take(self) -> list[Queued]:
        """Packets of one read; blocks until there is one."""
        try:
            return list(_packets(self._socket.recv(1 << 17)))
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return []
            raise

    def verdict(self, queued: Queued, verdict: int, mark: int | None = None) -> None:
        """Let a packet go on (ACCEPT), through the same rules again (REPEAT), or not at all (DROP)."""
        body = _attribute(ATTR_VERDICT, struct.pack("!II", verdict, queued.id))
        if mark is not None:
            body += _attribute(ATTR_MARK, struct.pack("!I", mark))
        with suppress(FileNotFoundError):  # the kernel has dropped it meanwhile
            self._socket.send(_message(VERDICT, self._number, body, NLM_REQUEST))

    def _configure(self, body: bytes) -> None:
        self._socket.send(_message(CONFIG, self._number, body, NLM_REQUEST | NLM_ACK))
        answer = self._socket.recv(4096)
        kind, code = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
        if kind == NLMSG_ERROR and code:
            raise OSError(-code, f"NFQUEUE {self._number} refused")


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def _message(kind: int, number: int, body: bytes, flags: int) -> bytes:
    content = struct.pack("!BBH", socket.AF_UNSPEC, 0, number) + body
    return struct.pack("=IHHII", 16 + len(content), kind, flags, 0, 0) + content


def _packets(data: bytes) -> Iterator[Queued]:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 16:
            return
        if kind == PACKET:
            found = dict(_attributes(data[at + 20 : at + length]))
            identifier, _, hook = struct.unpack_from("!IHB", found[ATTR_HEADER])
            mark = struct.unpack("!I", found[ATTR_MARK])[0] if ATTR_MARK in found else 0
            yield Queued(identifier, mark, hook, found.get(ATTR_PAYLOAD, b""))
        at += length + 3 & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind & 0x3FFF, data[at + 4 : at + length]
        at += length + 3 & ~3
