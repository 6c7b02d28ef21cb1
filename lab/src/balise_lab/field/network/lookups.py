"""A DNS question and every answer to it: resolvers, the router, boxes on the way, and the owner's zone.

Lives here: who answers one copy of a question, when, and with what. Must not live here: which copies a stub sends when
(dns_step.py), addresses of hosts (hosts.py).
"""

import functools
from typing import Final, NamedTuple

import msgspec

from balise_lab.field.network.acting import Acting
from balise_lab.field.network.effects import HOME
from balise_lab.field.network.home_network import HomeNetwork
from balise_lab.field.network.homes import GATEWAY, Resolver
from balise_lab.field.network.hosts import BOGUS, Host, resolver_address
from balise_lab.field.network.passing import NAT64, Way
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.words import Way as Asked

PORT: Final = 53
OK, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5
FAKE: Final = "198.18.0.17"
PORTAL: Final = "10.10.10.10"
_USUAL_TTL: Final = 60
_FORGED_TTL: Final = 300
_THINKS: Final = 0.004
_COLD: Final = 0.08
"""Share of questions for which a resolver asks others first."""
_ROUTER_TTL: Final = 64


class Reply(NamedTuple):
    """One datagram, or one answer over TCP, on its way back."""

    after: float
    answer: DnsAnswer | None = None
    refused: str = ""
    """An ICMP error instead: ``3/3`` and the like."""
    hop: str = ""
    tcp: bool = False


class Question(NamedTuple):
    """One copy of a question."""

    name: str
    qtype: str
    way: Asked
    unchecked: bool = False


class Asked53(NamedTuple):
    """One server as a stub asks it."""

    address: str
    role: str
    """``provider``, ``public`` or ``silent``: what the question's asker takes it for."""
    number: int = 0
    """Which of the provider's, from 1."""
    resolver: Resolver = Resolver()


def servers(home: HomeNetwork, server: str, role: str) -> tuple[Asked53, ...]:
    """Return whom a stub asks in turn: one server, or those that the network handed out."""
    if server:
        return (Asked53(server, role),)
    return handed(home)


def handed(home: HomeNetwork) -> tuple[Asked53, ...]:
    """Return the resolvers that the network handed to this machine; a home that filters hands out its own."""
    filters = any(one.kind == "router.filter" for one in home.now.dns)
    return _handed(home.home.resolvers, home.home.asn, filters=filters)


@functools.lru_cache(1_024)
def _handed(resolvers: tuple[Resolver, ...], asn: int, *, filters: bool) -> tuple[Asked53, ...]:
    if filters and not any(one.where == "router" for one in resolvers):
        return (Asked53(GATEWAY, "provider", 1, resolvers[0] if resolvers else Resolver()),)
    return tuple(Asked53(_address(one, asn, place), "provider", place, one) for place, one in enumerate(resolvers, 1))


def _address(resolver: Resolver, asn: int, place: int) -> str:
    if resolver.address:
        return resolver.address
    if resolver.where == "router":
        return GATEWAY
    if resolver.where == "public":
        return ("8.8.8.8", "9.9.9.9")[place % 2]
    return resolver_address(asn, place)


def replies(home: HomeNetwork, asked: Asked53, question: Question) -> tuple[Reply, ...]:
    """Return what comes back to one copy of a question, in the order of arrival; nothing: silence."""
    now = home.now
    tcp = question.way is Asked.TCP
    captured = any(one.kind == "router.proxy53" for one in now.hijacks)
    at_router = captured or asked.address == GATEWAY
    if at_router and (now.line.adrift or now.line.no_route):
        return ()
    filtered = _filtered(home, question) if at_router else None
    if filtered is not None:
        return filtered
    there = _way(home, asked, at_router=at_router)
    if not at_router:
        dead = _unreached(home, asked, there, tcp=tcp)
        if dead is not None:
            return dead
    elif now.line.dead:
        return ()
    return _beyond(home, asked, question, there, at_router=at_router)


def _way(home: HomeNetwork, asked: Asked53, *, at_router: bool) -> Way:
    """Return the way to a resolver: the provider's stands near the line's other end."""
    if at_router:
        seconds = (home.now.seen.access_ms + 3.0 + home.chance.random() * 4.0) / 1000.0
        return Way(seconds, 0, _ROUTER_TTL)
    if asked.role == "provider" and asked.resolver.where == "provider":
        line = home.now.line
        ms = home.now.seen.access_ms + 2.0 + home.chance.expovariate(0.5) + line.ms * (0.5 + home.chance.random())
        return Way(ms / 1000.0, 3, 64 - 3)
    return home.way(asked.address)


def _unreached(home: HomeNetwork, asked: Asked53, there: Way, *, tcp: bool) -> tuple[Reply, ...] | None:
    """Return what comes back where the server is not reached, ``None`` where it is."""
    fate = home.fate(asked.address, PORT, there, protocol="tcp" if tcp else "udp", exists=True)
    if fate is None:
        return None
    if fate.word == "icmp":
        return (Reply(fate.after, refused=fate.code, hop=fate.hop),)
    return (Reply(0.0, refused="no_route"),) if fate.word == "no_route" else ()


# --- the home's own ---------------------------------------------------------------------------------------------------


def _filtered(home: HomeNetwork, question: Question) -> tuple[Reply, ...] | None:
    """Return what a home's own filter says of a name."""
    for one in home.now.dns:
        if one.place != HOME or not one.hits_name(question.name):
            continue
        if one.effect.share < 1.0 and home.chance.random() >= one.effect.share:
            continue
        after = 0.001 + home.chance.random() * 0.001
        return (Reply(after, _lie(one, question, _ROUTER_TTL, home.chance.getrandbits(16), after, edns=True)),)
    return None


def _lie(one: Acting, question: Question, ttl: int, ip_id: int, after: float, *, edns: bool = False) -> DnsAnswer:
    """Return the answer that an effect gives in the place of the owner's."""
    effect = one.effect
    act = effect.act if one.kind == "router.filter" else one.kind.partition(".")[2]
    rcode = {"nxdomain": NXDOMAIN, "refused": REFUSED, "servfail": SERVFAIL}.get(act, OK)
    addresses: tuple[str, ...] = ()
    if rcode == OK and act != "nodata":
        usual = {"fake": FAKE, "dns": PORTAL}.get(act, BOGUS if one.kind != "router.filter" else "0.0.0.0")  # noqa: S104
        wanted = question.qtype == "AAAA"
        addresses = tuple(each for each in effect.answer or (usual,) if (":" in each) == wanted)
    return DnsAnswer(
        rtt_ms=after * 1000.0,
        ttl=ttl,
        ip_id=ip_id,
        rcode=rcode,
        ra=True,
        edns=(edns or rcode == SERVFAIL) and question.way is not Asked.PLAIN,
        addresses=addresses,
        rr_ttl=_FORGED_TTL if addresses else -1,
        records=len(addresses),
        soa=False,
        ad=False,
        way=question.way,
    )


# --- beyond the router ------------------------------------------------------------------------------------------------


def _beyond(home: HomeNetwork, asked: Asked53, question: Question, there: Way, *, at_router: bool) -> tuple[Reply, ...]:
    """Return what boxes on the way and the resolver answer."""
    found: list[Reply] = []
    role = "provider" if at_router else asked.role
    for one in home.now.dns:
        if one.place == HOME or not _concerns(home, one, asked, question, role):
            continue
        if one.kind in {"resolver.down", "resolver.flaky"}:
            return (Reply(there.seconds, refused="3/3"),) if one.effect.act == "refused" else tuple(found)
        if one.kind == "dns.silent":
            return tuple(found)
        kind_after = _race(home, one, there)
        ttl = one.effect.ttl or (there.ttl if one.kind != "dns.inject" else home.chance.randint(40, 120))
        ip_id = one.effect.ip_id if one.effect.ip_id >= 0 else home.chance.getrandbits(16)
        for place, answer in enumerate(_lies(one, question, ttl, ip_id, kind_after)):
            found.append(Reply(kind_after + 2e-4 * place, answer, tcp=question.way is Asked.TCP))
        inline = one.kind != "dns.inject" if one.effect.inline is None else one.effect.inline
        if inline:
            return tuple(found)
    true = _resolved(home, asked, question, there, at_router=at_router)
    return (*found, true) if true is not None else tuple(found)


def _lies(one: Acting, question: Question, ttl: int, ip_id: int, after: float) -> tuple[DnsAnswer, ...]:
    """Return the forged answers: an injector sends each address in a packet of its own."""
    whole = _lie(one, question, ttl, ip_id, after)
    if one.kind != "dns.inject" or len(whole.addresses) < 2:
        return (whole,)
    return tuple(_with(whole, (address,)) for address in whole.addresses)


def _with(answer: DnsAnswer, addresses: tuple[str, ...]) -> DnsAnswer:
    return msgspec.structs.replace(answer, rcode=OK, addresses=addresses, records=len(addresses), soa=False)


def _race(home: HomeNetwork, one: Acting, there: Way) -> float:
    """Return when a lie arrives: an injector's before the true answer, another's in its place."""
    if one.kind == "dns.inject":
        return min(home.now.seen.access_ms / 1000.0 + 0.004, there.seconds * 0.8)
    return there.seconds + _THINKS


def _concerns(home: HomeNetwork, one: Acting, asked: Asked53, question: Question, role: str) -> bool:
    effect = one.effect
    if not one.hits_name(question.name):
        return False
    if role not in (effect.resolvers or _USUAL_ROLES.get(one.kind, ("provider",))):
        return False
    if effect.which and asked.number != effect.which:
        return False
    if one.kind == "dns.inject" and question.way is Asked.TCP:
        return False
    return effect.share >= 1.0 or home.chance.random() < effect.share


_USUAL_ROLES: Final = {"dns.inject": ("provider", "public", "silent"), "portal.dns": ("provider", "public", "silent")}


def _resolved(home: HomeNetwork, asked: Asked53, question: Question, there: Way, *, at_router: bool) -> Reply | None:
    """Return what the resolver says of the name; ``None``: nothing, for there is none or it dislikes the question."""
    role = asked.role
    hijack = next((one for one in home.now.hijacks if one.kind == "dns.hijack" and _hijacks(one, role)), None)
    if hijack is not None and not at_router:
        there = Way((home.now.seen.access_ms + 3.0) / 1000.0, 3, 61)
    elif not at_router and role != "provider":
        server = home.server(asked.address)
        if server is None or not server.resolver:
            mute = server is None or server.host.closed == "drop"
            return None if mute else Reply(there.seconds, refused="3/3", hop=asked.address)
    resolver = asked.resolver
    refusal = _dislikes(home, resolver, question, there)
    if refusal is not None:
        return refusal
    after = there.seconds + _THINKS * home.chance.random()
    if home.chance.random() < _COLD:
        after += 0.02 + home.chance.expovariate(12.0)
    answer = _of_zone(home, resolver, role, question, after, there)
    if hijack is not None and answer.rcode == NXDOMAIN and hijack.effect.answer:
        answer = _with(answer, hijack.effect.answer)
    return Reply(after, answer, tcp=question.way is Asked.TCP)


def _hijacks(one: Acting, role: str) -> bool:
    return role != "provider" and role in (one.effect.resolvers or ("public", "silent"))


def _dislikes(home: HomeNetwork, resolver: Resolver, question: Question, there: Way) -> Reply | None:
    """Return a refusal of the question's form, or a silence (an answer at the end of all time)."""
    if question.way is Asked.TCP and not resolver.tcp:
        return Reply(there.seconds, refused="3/3")
    if question.way is not Asked.EDNS or resolver.edns in {"ok", "ignores"}:
        return None
    if resolver.edns == "drop":
        return Reply(float("inf"))
    code = FORMERR if resolver.edns == "formerr" else NOTIMP
    answer = DnsAnswer(
        rtt_ms=there.seconds * 1000.0, ttl=there.ttl, ip_id=home.chance.getrandbits(16), rcode=code, way=Asked.EDNS
    )
    return Reply(there.seconds, answer)


def _of_zone(
    home: HomeNetwork, resolver: Resolver, role: str, question: Question, after: float, there: Way
) -> DnsAnswer:
    """Return the owner's answer as this resolver tells it."""
    rcode, addresses, cnames = _owner(home, question, validating=resolver.validating or role == "public")
    if home.home.nat64 and role == "provider" and question.qtype == "AAAA" and rcode == OK and not addresses:
        _, plain, cnames = _owner(home, question._replace(qtype="A"), validating=resolver.validating)
        addresses = tuple(f"{NAT64}{each}" for each in plain)
    over_udp = question.way is not Asked.TCP
    truncated = over_udp and resolver.truncates and rcode == OK
    cut = over_udp and resolver.cuts and len(addresses) > 2
    return DnsAnswer(
        rtt_ms=after * 1000.0,
        ttl=there.ttl,
        ip_id=home.chance.getrandbits(16),
        rcode=rcode,
        ra=True,
        tc=truncated,
        edns=question.way is not Asked.PLAIN and resolver.edns == "ok",
        addresses=() if truncated else addresses[:1] if cut else addresses,
        cnames=() if truncated else cnames,
        rr_ttl=_USUAL_TTL if addresses and not truncated else -1,
        records=0 if truncated else len(addresses) + len(cnames),
        soa=rcode in {OK, NXDOMAIN} and not addresses and not truncated,
        ad=False,
        malformed=cut,
        cut=cut,
        way=question.way,
    )


def _owner(home: HomeNetwork, question: Question, *, validating: bool) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """Return response code, addresses and aliases that a name's owner gives to a resolver of this country."""
    host = home.world.hosts.get(question.name)
    if host is None:
        return NXDOMAIN, (), ()
    wanted = question.qtype == "AAAA"
    for one in home.now.zones:
        if not one.hits_name(question.name):
            continue
        if one.kind == "dnssec.broken" and validating and not question.unchecked:
            return SERVFAIL, (), ()
        if one.kind == "dns.gone":
            return NXDOMAIN, (), ()
        if one.kind == "dns.owner":
            answer = one.effect.answer or ("127.0.0.1",)
            return OK, tuple(each for each in answer if (":" in each) == wanted), ()
    if any(one.kind == "border.cut" for one in home.now.syns) and host.country != home.now.seen.country:
        return SERVFAIL, (), ()
    given = _given(host, home.now.seen.country)
    return OK, tuple(each for each in given if (":" in each) == wanted), host.cnames


def _given(host: Host, country: str) -> tuple[str, ...]:
    return host.edges.get(country, host.addresses)
