"""Lies about names: forged answers from the path, and boxes that stand in for the resolver."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.box import Box, fits
from balise_lab.boxes.engine.classify import UDP, Packet, Streams, question, wants_check
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
from balise_lab.boxes.engine.kind import Decide, Decision, Kind, Looks, Stands, Versions
from balise_lab.boxes.engine.placement import Placement
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.errors import ConfigError
from balise_lab.world.addresses import AUTHORITY_COUNTRY, AUTHORITY_WORLD, MOST_RESOLVERS

PORT = 53
ANSWER: Setting[tuple[str, ...]] = Setting(
    "answer", Unit.ADDRESSES, ("203.0.113.66",), "addresses that forged answers hold"
)
_OWN = forge.Marks(ttl=64, ip_id=0, df=True)
"""Of an answer that the resolver itself gives (Linux)."""
_ON_PATH = replace(INLINE, default=False)
WHICH = Setting("which", Unit.COUNT, 0, "of the provider's resolvers, by number; 0 is all", 0, MOST_RESOLVERS)
_MARKS = (SHARE, TTL, IP_ID, WHICH)

Answers = Callable[[Box, bytes], list[bytes]]
"""Forged answers to a query; none: silence."""


def _decide(
    answers: Answers,
    inline: Setting[bool],
    wanted: Callable[[bytes], bool] = lambda _query: True,
    look: Callable[[Box], forge.Marks] = marks,
) -> Decide:
    """Decide by the name that a query asks for, and by what else of it is ``wanted``; answers ``look`` as said."""

    def decide(box: Box, seen: Packet, streams: Streams) -> Decision | None:
        query = seen.payload if seen.protocol == UDP else _tcp_query(streams.add(seen))
        name = question(query)
        if name is None or not fits(name, box.match or ("*",)) or not wanted(query) or not touches(box, seen):
            return None
        forged = answers(box, query)
        if not forged:
            return Decision(strike=True)
        if seen.protocol != UDP:
            said = len(forged[0]).to_bytes(2) + forged[0]
            reset = forge.toward_server(seen, look(box), sequence=seen.sequence)
            return Decision(strike=True, forged=(forge.ending(seen, look(box), said), reset))
        return Decision(inline.of(box), tuple(forge.dns_packet(seen, look(box), answer) for answer in forged))

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


def resolvers(placement: Placement) -> tuple[str, ...]:
    """Return the addresses of the provider's resolvers that a box is about (ConfigError where there are none)."""
    box, which = placement.box, WHICH.of(placement.box)
    own = placement.place.resolvers
    if not own or which > len(own):
        mend = "say where: the provider, and give it as many resolvers:"
        raise ConfigError(f"box {box.id} ({box.kind}): {placement.namespace} has {len(own)} resolvers", mend)
    return own[which - 1 : which] if which else own


def _to(placement: Placement) -> str:
    """The only resolver that it looks at; empty: whatever is asked."""
    return resolvers(placement)[0] if WHICH.of(placement.box) else ""


def _queue_udp(placement: Placement) -> Iterator[tuple[str, ...]]:
    yield from queue_datagrams(placement, PORT, _to(placement))


def _queue_both(placement: Placement) -> Iterator[tuple[str, ...]]:
    yield from queue_datagrams(placement, PORT, _to(placement))
    yield from queue_flows((PORT,), _to)(placement)


def _queue_authorities(placement: Placement) -> Iterator[tuple[str, ...]]:
    """Questions to the authorities alone: beside them there are a resolver and an address that says nothing."""
    for address in (AUTHORITY_COUNTRY, AUTHORITY_WORLD):
        yield from queue_datagrams(placement, PORT, address)
        yield from queue_flows((PORT,), lambda _placement, to=address: to)(placement)  # type: ignore[misc]


def _queue_resolvers(placement: Placement) -> Iterator[tuple[str, ...]]:
    """Questions to the provider's own resolvers alone."""
    for address in resolvers(placement):
        yield from queue_datagrams(placement, PORT, address)
        yield from queue_flows((PORT,), lambda _placement, to=address: to)(placement)  # type: ignore[misc]


def _in_its_place(word: str, means: str, answers: Answers, *settings: Setting[tuple[str, ...]] | Setting[bool]) -> Kind:
    """A kind that answers, or is silent, in the place of the resolver, over TCP as well."""
    return Kind(
        word=word,
        means=means,
        looks=Looks.NAMES,
        versions=Versions.QUESTIONS,
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
        versions=Versions.QUESTIONS,
        settings=(ANSWER, _ON_PATH, *_MARKS),
        rules=strike_packets,
        queued=_queue_udp,
        decide=_decide(_one_each, _ON_PATH),
    ),
    _in_its_place("dns.bogus", "a wrong address in the place of the true one", _all_in_one, ANSWER, INLINE),
    _in_its_place("dns.nxdomain", "the name is denied on the way", _code(forge.NXDOMAIN)),
    _in_its_place("dns.refused", "the question is refused on the way", _code(forge.REFUSED)),
    _in_its_place("dns.servfail", "the resolver is said to have failed, on the way", _code(forge.SERVFAIL)),
    _in_its_place("dns.silent", "questions for the name get no answer", lambda _box, _query: []),
    Kind(
        word="resolver.servfail",
        means="a provider's resolver fails for all names (`where:` the provider)",
        looks=Looks.NOTHING,
        versions=Versions.QUESTIONS,
        settings=(SHARE, WHICH),
        rules=strike_flows,
        queued=_queue_resolvers,
        decide=_decide(_code(forge.SERVFAIL), INLINE, look=lambda _box: _OWN),
        censors=False,
    ),
    Kind(
        word="dnssec.broken",
        means="the name's signatures are broken: resolvers that check fail, a question with CD is answered",
        looks=Looks.NAMES,
        versions=Versions.QUESTIONS,
        rules=strike_flows,
        queued=_queue_authorities,
        decide=_decide(_code(forge.SERVFAIL), INLINE, wants_check, lambda _box: _OWN),
        censors=False,
        where="abroad",
        stands=Stands.NAMES,
    ),
)
