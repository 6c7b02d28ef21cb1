"""DNS messages (RFC 1035 4.1, RFC 6891): one question out, any bytes in.

Lives here: building a query and reading an answer to a ``DnsAnswer``. The reader is our own because the bytes are a
censor's: it follows a compression pointer only backwards, so that no message can make it loop, and reports what it
could read together with ``malformed``. Must not live here: sockets, times other than the argument, trust.
"""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from balise_wire.experiments.dns import DnsAnswer
from balise_wire.words import Way

TYPES: Final = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SVCB": 64,
    "HTTPS": 65,
}
_OPT: Final = 41
_SERVFAIL: Final = 2
_FORM: Final = frozenset({1, 4, 16})
"""FORMERR, NOTIMP, BADVERS."""
_EDNS_SIZE: Final = 1232
"""UDP payload that no common path fragments (DNS flag day 2020)."""
_MOST_RECORDS: Final = 64
_MOST_LABELS: Final = 127
_HEADER: Final = struct.Struct("!HHHHHH")
_RECORD: Final = struct.Struct("!HHIH")


class Malformed(ValueError):
    """The message contradicts RFC 1035."""


def query(identifier: int, name: str, qtype: str, *, edns: bool = True, unchecked: bool = False) -> bytes:
    """Return a query with recursion desired.

    Args:
        identifier: 16 bits.
        name: what is asked for.
        qtype: its type.
        edns: with an EDNS record (RFC 6891), which some old servers refuse or drop.
        unchecked: "checking disabled": answer also what fails DNSSEC's signatures (RFC 4035 3.2.2).

    Raises:
        ValueError: the name has an empty or over-long label, or the type is unknown: a mistake of ours.
    """
    if qtype not in TYPES:
        raise ValueError(f"{qtype!r} is no query type known here; use one of {', '.join(TYPES)}")
    question = encode_name(name) + struct.pack("!HH", TYPES[qtype], 1)
    options = b"\0" + struct.pack("!HHIH", _OPT, _EDNS_SIZE, 0, 0) if edns else b""
    return _HEADER.pack(identifier, 0x0110 if unchecked else 0x0100, 1, 0, 0, int(edns)) + question + options


def encode_name(name: str) -> bytes:
    """Return a name in wire form, uncompressed (ValueError where it is no name)."""
    labels = name.rstrip(".").split(".") if name.rstrip(".") else []
    encoded = b""
    for label in labels:
        raw = label.encode("ascii") if label.isascii() else label.encode("idna")
        if not 0 < len(raw) < 64:
            raise ValueError(f"{name!r} is no domain name: a label has {len(raw)} bytes, not 1 to 63")
        encoded += bytes([len(raw)]) + raw
    if len(encoded) > 254:
        raise ValueError(f"{name!r} is no domain name: longer than 255 bytes")
    return encoded + b"\0"


def answers_to(identifier: int, message: bytes) -> bool:
    """Whether a message claims to answer our question: the id is ours and QR is set."""
    return len(message) >= 3 and int.from_bytes(message[:2], "big") == identifier and bool(message[2] & 0x80)


def read_answer(
    message: bytes,
    name: str,
    qtype: str,
    *,
    rtt_ms: float,
    ttl: int,
    ip_id: int,
    way: Way = Way.EDNS,
    cut: bool = False,
) -> DnsAnswer:
    """Read a message that ``answers_to`` our question; whatever is in it, this returns.

    Args:
        message: the UDP payload.
        name: the question's name; an answer that repeats another question is malformed.
        qtype: the question's type.
        rtt_ms: milliseconds from query to answer.
        ttl: IP TTL of the packet.
        ip_id: IP-ID of the packet.
        way: how the question was asked.
        cut: only the beginning of it was there to read.
    """
    flags = int.from_bytes(message[2:4], "big") if len(message) >= 4 else 0
    found = _Records()
    try:
        _read(message, name, qtype, found)
    except Malformed:
        found.malformed = True
    return DnsAnswer(
        rtt_ms=rtt_ms,
        ttl=ttl,
        ip_id=ip_id,
        rcode=flags & 15 | found.extended << 4,
        aa=bool(flags & 0x0400),
        ra=bool(flags & 0x0080),
        tc=bool(flags & 0x0200),
        edns=found.edns,
        addresses=tuple(found.addresses),
        cnames=tuple(found.cnames),
        rr_ttl=found.rr_ttl,
        malformed=found.malformed,
        way=way,
        cut=cut,
        records=found.records,
        soa=None if found.malformed else found.soa,
        ad=bool(flags & 0x0020),
    )


def refuses_form(answer: DnsAnswer) -> bool:
    """Tell whether an answer refuses the question's EDNS record and says nothing of the name (RFC 6891 6.2.2, 7)."""
    if answer.way is not Way.EDNS:
        return False
    # Who cannot read a question often repeats it wrongly or by half.
    return answer.rcode in _FORM or (answer.rcode == _SERVFAIL and not answer.edns and not answer.malformed)


def says_nothing(answer: DnsAnswer) -> bool:
    """Tell whether an answer was too long for its way and holds nothing: RFC 2181 9, and fragments that were lost."""
    return answer.cut or (answer.tc and not answer.addresses)


def is_whole(answer: DnsAnswer) -> bool:
    """Tell whether an answer is all that its server has to say."""
    return not (answer.malformed or answer.tc or answer.cut or refuses_form(answer))


class _Records:
    """What has been read so far, kept when the rest turns out to be malformed."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.cnames: list[str] = []
        self.rr_ttl = -1
        self.edns = False
        self.extended = 0
        self.malformed = False
        self.records = 0
        self.soa = False


def _read(message: bytes, name: str, qtype: str, found: _Records) -> None:
    """Walk the sections; raises Malformed at the first contradiction."""
    if len(message) < _HEADER.size:
        raise Malformed("shorter than a header")
    _, _, questions, answers, authorities, additionals = _HEADER.unpack_from(message)
    at = _HEADER.size
    for _ in range(min(questions, _MOST_RECORDS)):
        asked, at = read_name(message, at)
        kind = int.from_bytes(message[at : at + 2], "big")
        at += 4
        if at > len(message):
            raise Malformed("the question is cut off")
        if asked.lower() != name.rstrip(".").lower() or kind != TYPES.get(qtype):
            found.malformed = True
    for index in range(min(answers + authorities + additionals, _MOST_RECORDS)):
        at = _read_record(message, at, found, in_answers=index < answers)


def _read_record(message: bytes, at: int, found: _Records, *, in_answers: bool) -> int:
    """Read one resource record and return where the next begins."""
    _, at = read_name(message, at)
    if at + 10 > len(message):
        raise Malformed("a record is cut off")
    kind, _, ttl, length = _RECORD.unpack_from(message, at)
    at += 10
    data = message[at : at + length]
    if len(data) < length:
        raise Malformed("a record's data is cut off")
    if kind == _OPT:
        found.edns = True
        found.extended = ttl >> 24  # RFC 6891 6.1.3
    elif not in_answers:
        found.soa = found.soa or kind == TYPES["SOA"]
    else:
        found.records += 1
        if found.rr_ttl < 0:
            found.rr_ttl = ttl
        if kind == TYPES["A"] and length == 4:
            found.addresses.append(str(IPv4Address(data)))
        elif kind == TYPES["AAAA"] and length == 16:
            found.addresses.append(str(IPv6Address(data)))
        elif kind in {TYPES["A"], TYPES["AAAA"]}:
            raise Malformed("an address of the wrong length")
        elif kind == TYPES["CNAME"]:
            found.cnames.append(read_name(message, at)[0])
    after: int = at + length
    return after


def read_name(message: bytes, at: int) -> tuple[str, int]:
    r"""Read a possibly compressed name; return it without the final dot, and where the bytes after it begin.

    A pointer must point before the name it is in (RFC 1035 4.1.4: "a prior occurrence"), so each jump goes back and no
    chain of them can loop. Bytes that are no letter, digit, hyphen or underscore come out as ``\ddd`` (RFC 1035 5.1).
    """
    labels: list[str] = []
    after = -1
    floor = at
    while True:
        if at >= len(message):
            raise Malformed("a name is cut off")
        length = message[at]
        if length == 0:
            return ".".join(labels), after if after >= 0 else at + 1
        if length >= 0xC0:
            if at + 1 >= len(message):
                raise Malformed("a pointer is cut off")
            target = (length & 0x3F) << 8 | message[at + 1]
            if target >= floor:
                raise Malformed("a pointer that does not point back")
            after = after if after >= 0 else at + 2
            at = floor = target
            continue
        if length > 63 or len(labels) >= _MOST_LABELS or at + 1 + length > len(message):
            raise Malformed("an impossible label")
        labels.append("".join(_plain(byte) for byte in message[at + 1 : at + 1 + length]))
        at += 1 + length


def _plain(byte: int) -> str:
    """Return a byte of a label as text."""
    character = chr(byte)
    return character if character.isascii() and (character.isalnum() or character in "-_") else f"\\{byte:03d}"
