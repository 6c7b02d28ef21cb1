"""What a middlebox understands of traffic: names in DNS questions, ClientHellos and HTTP requests.

Lives here: pure parsing of bytes, and the reassembly of a flow's first bytes. Everything that cannot be understood is
None: a box lets pass what it does not know. Must not live here: verdicts, sockets, time.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

SYN, RST, PSH, ACK, FIN = 0x02, 0x04, 0x08, 0x10, 0x01
TCP, UDP = 6, 17
SERVER_NAME, ECH, ESNI = 0, 0xFE0D, 0xFFCE  # RFC 6066 3, RFC 9849 11.1, draft-ietf-tls-esni-02 8.1
MOST_HELD = 16384  # bytes of a flow worth reassembling
MOST_FLOWS = 4096


@dataclass(frozen=True)
class Packet:
    """The parts of an IPv4 packet that boxes look at."""

    source: bytes
    destination: bytes
    protocol: int
    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int
    flags: int
    payload: bytes

    @property
    def flow(self) -> tuple[bytes, int, bytes, int]:
        """What tells this direction of the flow from all others."""
        return self.source, self.source_port, self.destination, self.destination_port


def packet(raw: bytes) -> Packet | None:
    """Parse an IPv4 packet with TCP or UDP inside; None for anything else and for fragments."""
    if len(raw) < 28 or raw[0] >> 4 != 4 or struct.unpack_from("!H", raw, 6)[0] & 0x3FFF:
        return None
    start = (raw[0] & 15) * 4
    total = struct.unpack_from("!H", raw, 2)[0]
    source, destination, protocol = raw[12:16], raw[16:20], raw[9]
    if protocol == UDP and len(raw) >= start + 8:
        here, there = struct.unpack_from("!HH", raw, start)
        return Packet(source, destination, UDP, here, there, 0, 0, 0, raw[start + 8 : total])
    if protocol == TCP and len(raw) >= start + 20:
        here, there, sequence, acknowledgement, offset, flags = struct.unpack_from("!HHIIBB", raw, start)
        body = start + (offset >> 4) * 4
        return Packet(source, destination, TCP, here, there, sequence, acknowledgement, flags, raw[body:total])
    return None


def question(payload: bytes) -> str | None:
    """The name a DNS query asks for (RFC 1035 section 4.1), or None when it is no query."""
    if len(payload) < 17 or payload[2] & 0x80 or struct.unpack_from("!H", payload, 4)[0] != 1:
        return None
    labels, at = [], 12
    while at < len(payload) and payload[at]:
        length = payload[at]
        if length > 63:
            return None
        labels.append(payload[at + 1 : at + 1 + length])
        at += 1 + length
    return b".".join(labels).decode("latin-1") if labels and at + 5 <= len(payload) else None


def wants_check(payload: bytes) -> bool:
    """Whether a query wants its answer checked: its CD bit is not set (RFC 4035 section 3.2.2)."""
    return not payload[3] & 0x10


def question_end(payload: bytes) -> int:
    """Offset behind the question of a query that `question` understood."""
    return payload.index(0, 12) + 5 if 0 in payload[12:] else len(payload)


def greeting(stream: bytes) -> tuple[str | None, bool]:
    """An empty name where a stream begins with a TLS handshake record, whatever it says (RFC 8446 5.1)."""
    return ("" if stream[:2] == b"\x16\x03" else None), len(stream) < 2


def client_hello(stream: bytes) -> tuple[bytes | None, bool]:
    """ClientHello message in a client's first bytes, and whether more could still tell (RFC 8446 section 4.1.2).

    TLS records of a fragmented ClientHello are joined, so a name split over records is found as well.
    """
    hello, at = bytearray(), 0
    while True:
        if len(stream) < at + 5:
            complete = False
            break
        if stream[at] != 22 or stream[at + 1] != 3:
            return None, False
        length = struct.unpack_from("!H", stream, at + 3)[0]
        hello += stream[at + 5 : at + 5 + length]
        at += 5 + length
        complete = len(hello) >= 4 and len(hello) >= 4 + int.from_bytes(hello[1:4])
        if complete or at > len(stream):
            break
    if hello and hello[0] != 1:
        return None, False
    if not complete:
        return None, not (stream and stream[0] != 22)
    return bytes(hello), False


def server_name(stream: bytes) -> tuple[str | None, bool]:
    """SNI in the first bytes of a client's stream: (name, whether more bytes could still tell)."""
    hello, more = client_hello(stream)
    return (None if hello is None else _extensions(hello).get(SERVER_NAME)), more


def with_extension(kind: int) -> Callable[[bytes], tuple[str | None, bool]]:
    """Return what reads the name of a ClientHello that has an extension of this type; empty where it shows none."""

    def named(stream: bytes) -> tuple[str | None, bool]:
        hello, more = client_hello(stream)
        found = {} if hello is None else _extensions(hello)
        return (found.get(SERVER_NAME, "") if kind in found else None), more

    return named


def first_record(stream: bytes) -> bytes:
    """The first TLS record of a stream; what is none as it is."""
    return stream[: 5 + struct.unpack_from("!H", stream, 3)[0]] if len(stream) >= 5 and stream[0] == 22 else stream


def _extensions(hello: bytes) -> dict[int, str]:
    """Types of the extensions of a whole ClientHello message; of server_name its host_name (RFC 6066 section 3)."""
    found: dict[int, str] = {}
    try:
        at = 4 + 2 + 32
        at += 1 + hello[at]
        at += 2 + struct.unpack_from("!H", hello, at)[0]
        at += 1 + hello[at]
        end = at + 2 + struct.unpack_from("!H", hello, at)[0]
        at += 2
        while at + 4 <= end:
            kind, length = struct.unpack_from("!HH", hello, at)
            size = struct.unpack_from("!H", hello, at + 7)[0] if kind == SERVER_NAME else 0
            found[kind] = hello[at + 9 : at + 9 + size].decode("latin-1") if size else ""
            at += 4 + length
    except (IndexError, struct.error):
        return found
    return found


def host(stream: bytes) -> tuple[str | None, bool]:
    """The Host of an HTTP/1 request at the start of a stream: (name, whether more bytes could still tell)."""
    verb = stream[:8].split(b" ", 1)[0]
    if not verb.isalpha() or not verb.isupper():
        return None, False
    head, ended, _ = stream.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        key, colon, value = line.partition(b":")
        if colon and key.strip().lower() == b"host" and (ended or line != head.split(b"\r\n")[-1]):
            return value.strip().split(b":")[0].decode("latin-1"), False
    return None, not ended


@dataclass
class Streams:
    """First bytes of client streams, put together by sequence number; bounded in flows and in bytes."""

    held: dict[tuple[bytes, int, bytes, int], tuple[int, dict[int, bytes]]] = field(default_factory=dict)
    since_named: dict[tuple[bytes, int, bytes, int], int] = field(default_factory=dict)
    """Datagrams of a flow since one of them showed a name that a box looks for."""
    matched: dict[tuple[bytes, int, bytes, int], None] = field(default_factory=dict)
    """Flows that a packet matched of."""

    def add(self, seen: Packet) -> bytes:
        """Take a segment; returns what is known of the stream from its beginning without a gap."""
        if seen.flags & SYN:
            self.held[seen.flow] = (seen.sequence + 1 & 0xFFFFFFFF, {})
            while len(self.held) > MOST_FLOWS:
                self.held.pop(next(iter(self.held)))
            return b""
        if not seen.payload:
            return b""
        start, parts = self.held.setdefault(seen.flow, (seen.sequence, {}))
        offset = seen.sequence - start & 0xFFFFFFFF
        if offset < MOST_HELD:
            parts[offset] = max(seen.payload, parts.get(offset, b""), key=len)
        stream = b""
        for at in sorted(parts):
            if at > len(stream):
                break
            stream += parts[at][len(stream) - at :]
        return stream

    def named(self, seen: Packet, *, shows: bool) -> int | None:
        """Return how many datagrams of a flow came before this one, its name shown; ``None`` where none was."""
        if not shows and seen.flow not in self.since_named:
            return None
        before = self.since_named.get(seen.flow, 0)
        self.since_named[seen.flow] = before + 1
        while len(self.since_named) > MOST_FLOWS:
            self.since_named.pop(next(iter(self.since_named)))
        return before

    def first_match(self, seen: Packet) -> bool:
        """Whether a packet that matched is the first of its flow to do so; remembers the newest flows."""
        if seen.flow in self.matched:
            return False
        self.matched[seen.flow] = None
        while len(self.matched) > MOST_FLOWS:
            self.matched.pop(next(iter(self.matched)))
        return True

    def forget(self, seen: Packet) -> None:
        """The flow is decided."""
        self.held.pop(seen.flow, None)
