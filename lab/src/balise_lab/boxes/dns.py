"""Lies about names: forged answers from the path, and boxes that stand in for the resolver."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.box import Box, fits
from balise_lab.boxes.engine.classify import UDP, Packet, Streams, question
from balise_lab.boxes.engine.flows import (
    INLINE,
    IP_ID,
    SHARE,
    TTL,
    marks,
    queue_datagrams,
    queue_flows,
    strike_flows,
    strike_packets,
    touches,
)
from balise_lab.boxes.engine.kind import Decide, Decision, Kind, Looks
from balise_lab.boxes.engine.placement import Placement
from balise_lab.boxes.engine.setting import Setting, Unit

PORT = 53
ANSWER: Setting[tuple[str, ...]] = Setting(
    "answer", Unit.ADDRESSES, ("203.0.113.66",), "addresses that forged answers hold"
)
_ON_PATH = replace(INLINE, default=False)
_MARKS = (SHARE, TTL, IP_ID)

Answers = Callable[[Box, bytes], list[bytes]]
"""Forged answers to a query; none: silence."""


def _decide(answers: Answers, inline: Setting[bool]) -> Decide:
    def decide(box: Box, seen: Packet, streams: Streams) -> Decision | None:
        query = seen.payload if seen.protocol == UDP else _tcp_query(streams.add(seen))
        name = question(query)
        if name is None or not fits(name, box.match) or not touches(box, seen):
            return None
        forged = answers(box, query)
        if not forged:
            return Decision(strike=True)
        if seen.protocol != UDP:
            said = len(forged[0]).to_bytes(2) + forged[0]
            reset = forge.toward_server(seen, marks(box), sequence=seen.sequence)
            return Decision(strike=True, forged=(forge.ending(seen, marks(box), said), reset))
        return Decision(inline.of(box), tuple(forge.dns_packet(seen, marks(box), answer) for answer in forged))

    return decide


def _tcp_query(stream: bytes) -> bytes:
    """The first whole message of a DNS stream (RFC 1035 section 4.2.2), or nothing."""
    length = int.from_bytes(stream[:2])
    return stream[2 : 2 + length] if len(stream) >= 2 + length else b""


def _one_each(box: Box, query: bytes) -> list[bytes]:
    return [forge.dns_answer(query, [address]) for address in ANSWER.of(box)]


def _all_in_one(box: Box, query: bytes) -> list[bytes]:
    return [forge.dns_answer(query, ANSWER.of(box))]


def _code(code: int) -> Answers:
    return lambda _box, query: [forge.dns_answer(query, (), code=code)]


def _queue_udp(placement: Placement) -> Iterator[tuple[str, ...]]:
    yield from queue_datagrams(placement, PORT)


def _queue_both(placement: Placement) -> Iterator[tuple[str, ...]]:
    yield from queue_datagrams(placement, PORT)
    yield from queue_flows((PORT,))(placement)


def _in_its_place(word: str, means: str, answers: Answers, *settings: Setting[tuple[str, ...]] | Setting[bool]) -> Kind:
    """A kind that answers, or is silent, in the place of the resolver, over TCP as well."""
    return Kind(
        word=word,
        means=means,
        looks=Looks.NAMES,
        settings=(*settings, *_MARKS),
        rules=strike_flows,
        queued=_queue_both,
        decide=_decide(answers, INLINE),
    )


KINDS = (
    Kind(
        word="dns.inject",
        means="forged answers from the path, over UDP alone; the true one follows",
        looks=Looks.NAMES,
        settings=(ANSWER, _ON_PATH, *_MARKS),
        rules=strike_packets,
        queued=_queue_udp,
        decide=_decide(_one_each, _ON_PATH),
    ),
    _in_its_place("dns.bogus", "a wrong address in the place of the true one", _all_in_one, ANSWER, INLINE),
    _in_its_place("dns.nxdomain", "the name is denied on the way", _code(forge.NXDOMAIN)),
    _in_its_place("dns.refused", "the question is refused on the way", _code(forge.REFUSED)),
    _in_its_place("dns.silent", "questions for the name get no answer", lambda _box, _query: []),
)
