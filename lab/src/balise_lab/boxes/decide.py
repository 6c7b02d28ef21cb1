"""What a box does with a packet: the pure heart of every queued box.

Lives here: box + packet + what is known of its flow -> a decision. Must not live here: sockets, queues, counters.
"""

from dataclasses import dataclass

from balise_lab.boxes import forge
from balise_lab.boxes.classify import UDP, Packet, Streams, host, question, server_name
from balise_lab.boxes.spec import DNS, SNI, Box, Kind, fits


@dataclass(frozen=True)
class Decision:
    """Forged packets to send first, and whether the seen packet (and its flow) is struck."""

    strike: bool
    forged: tuple[bytes, ...]


def decide(box: Box, seen: Packet, streams: Streams) -> Decision | None:
    """None when the packet is of no interest to the box."""
    if box.kind in DNS:
        query = seen.payload if seen.protocol == UDP else _tcp_query(streams.add(seen))
        name = question(query)
        return _dns(box, seen, query) if name is not None and fits(name, box.match) else None
    stream = streams.add(seen)
    if not stream:
        return None
    name, more = server_name(stream) if box.kind in SNI else host(stream)
    if not more:
        streams.forget(seen)
    if name is None or not fits(name, box.match):
        return None
    return Decision(box.inline, tuple(_flow(box, seen)))


def _tcp_query(stream: bytes) -> bytes:
    """The first whole message of a DNS stream (RFC 1035 section 4.2.2), or nothing."""
    length = int.from_bytes(stream[:2])
    return stream[2 : 2 + length] if len(stream) >= 2 + length else b""


def _dns(box: Box, seen: Packet, query: bytes) -> Decision:
    marks = forge.Marks(box.ttl, box.ip_id, box.window)
    match box.kind:
        case Kind.DNS_SILENT:
            return Decision(True, ())
        case Kind.DNS_INJECT:
            answers = [forge.dns_answer(query, [address]) for address in box.answers]
        case Kind.DNS_BOGUS:
            answers = [forge.dns_answer(query, box.answers)]
        case _:
            code = forge.NXDOMAIN if box.kind is Kind.DNS_NXDOMAIN else forge.REFUSED
            answers = [forge.dns_answer(query, (), code=code)]
    if seen.protocol != UDP:
        said = len(answers[0]).to_bytes(2) + answers[0]
        reset = forge.toward_server(seen, marks, sequence=seen.sequence)
        return Decision(True, (forge.ending(seen, marks, said), reset))
    forged = tuple(forge.dns_packet(seen, marks, answer) for answer in answers)
    return Decision(box.kind is not Kind.DNS_INJECT, forged)


def _flow(box: Box, seen: Packet) -> list[bytes]:
    """Forged segments for a flow whose name matched."""
    marks = forge.Marks(box.ttl, box.ip_id, box.window)
    client: list[bytes] = []
    match box.kind:
        case Kind.SNI_DROP | Kind.RATE_POLICE:
            return []
        case Kind.SNI_RST | Kind.HTTP_RST:
            client = forge.resets(seen, marks, box.resets)
        case Kind.SNI_FIN:
            client = [forge.ending(seen, marks)]
        case Kind.HTTP_BLOCKPAGE:
            client = [forge.ending(seen, marks, forge.page(box.title))]
        case Kind.HTTP_REDIRECT:
            client = [forge.ending(seen, marks, forge.redirect(box.location))]
        case _:
            raise ValueError(box.kind)
    # The server never saw a struck segment: its next expected byte is that segment's first one.
    sequence = seen.sequence if box.inline else seen.sequence + len(seen.payload)
    server = [forge.toward_server(seen, marks, sequence=sequence)]
    return [*(client if box.toward_client else []), *(server if box.toward_server else [])]
