"""Who answers the first bytes of a connection: a box, a portal, a program on the way, or the server; and how.

Lives here: from what a client showed to the segments that will reach it. Must not live here: what its kernel makes of
them (connections.py), bytes of pages and chains.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from balise_lab.field.network import certificates, pages
from balise_lab.field.network.acting import Acting
from balise_lab.field.network.capture import Marks, marks
from balise_lab.field.network.certificates import Chain
from balise_lab.field.network.draws import number
from balise_lab.field.network.effects import Effect
from balise_lab.field.network.home_network import HomeNetwork
from balise_lab.field.network.hosts import Host, Server
from balise_lab.field.network.passing import Way
from balise_lab.field.network.reading import ECH, ESNI, Shown

SERVER_HELLO: Final = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"
"""Record header, handshake type and length, version (RFC 8446 4.1.3)."""
_FILLER: Final = bytes(65_536)
_BOX_SECONDS: Final = 0.002
_THINKS: Final = 0.004
_HENAN: Final = bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
_DIALECT: Final = 70


class Arrival(NamedTuple):
    """One segment or one burst of data on its way to the client."""

    after: float
    """Seconds after the client's bytes left."""
    flags: str
    data: bytes = b""
    look: Marks | None = None
    """Of forged segments; ``None``: the server's own."""
    skip: int = 0
    code: str = ""
    """Of an ICMP error."""
    hop: str = ""


class Answer(NamedTuple):
    """What comes back."""

    arrivals: tuple[Arrival, ...] = ()
    heard: bool = True
    """Whether the server heard the client's bytes, and acknowledges them."""
    chain: Chain | None = None
    """Where a TLS server goes on with the handshake."""
    by: Effect | None = None
    """What stands in the server's place."""


SILENCE: Final = Answer(heard=False)


def alert(code: int) -> bytes:
    """Return a fatal alert's record (RFC 8446 6)."""
    return bytes([0x15, 3, 3, 0, 2, 2, code])


def answer(
    home: HomeNetwork,
    server: Server,
    port: int,
    there: Way,
    shown: Shown,
    *,
    old: bool = False,
    beyond: Callable[[], Answer] | None = None,
) -> Answer:
    """Return what comes back to a client's first bytes.

    Args:
        home: whose connection it is.
        server: at its other end.
        port: of the server.
        there: the way to it.
        shown: what the client showed in clear.
        old: whether its hello offers what old servers need.
        beyond: says what comes from behind the server, where that is a proxy.
    """
    for one in home.now.names:
        if not _meets(home, one, server, port, shown):
            continue
        if one.effect.share < 1.0 and home.chance.random() >= one.effect.share:
            continue
        if one.effect.residual:
            home.remember(server.address, port, one.effect.residual)
        aside, forged = _acted(home, one, there, shown)
        if not aside:
            return forged
        true = of_server(home, server, there, shown, old=old) if beyond is None else beyond()
        return true._replace(arrivals=(*forged.arrivals, *true.arrivals))
    return of_server(home, server, there, shown, old=old) if beyond is None else beyond()


def _meets(home: HomeNetwork, one: Acting, server: Server, port: int, shown: Shown) -> bool:
    """Whether an effect concerns these bytes."""
    family = one.kind.partition(".")[0]
    if _PROTOCOL.get(one.kind, _PROTOCOL.get(family, shown.protocol)) != shown.protocol:
        return False
    if not one.hits(server.address, server, port, home.now.seen):
        return False
    if one.kind in _FRONTS and shown.name is not None and server.holder(shown.name) is None:
        return False  # A front acts at its own servers: the same name elsewhere does not concern it.
    if not _reads(one, shown):
        return False
    if one.kind == "whitelist":
        return shown.name is None or not _allowed(shown.name, one.effect.allow)
    return one.effect.inspected or one.hits_name(shown.name)


def _reads(one: Acting, shown: Shown) -> bool:
    """Whether an effect can read what it looks for in a hello of this form."""
    if one.kind == "hello.extension":
        return _EXTENSIONS[one.effect.act or "ech"] in shown.extensions
    if one.kind == "server.extension":
        return not shown.extensions.isdisjoint(_EXTENSIONS.values())
    return (one.effect.reassembles or shown.segments == 1) and (one.effect.joins or shown.records == 1)


_EXTENSIONS: Final = {"ech": ECH, "esni": ESNI}
_PROTOCOL: Final = {
    "hello": "tls", "server.extension": "tls", "sni": "tls", "tls": "tls", "antivirus": "tls", "server.hello": "tls",
    "http": "http", "server.host": "http",
}  # fmt: skip


_FRONTS: Final = frozenset({"server.extension", "server.hello", "server.host"})


def _allowed(name: str, allow: tuple[str, ...]) -> bool:
    return any(name == each or (each.startswith("*.") and name.endswith(each[1:])) for each in allow)


def _acted(home: HomeNetwork, one: Acting, there: Way, shown: Shown) -> tuple[bool, Answer]:
    """Return whether the true answer follows, and what the effect answers."""
    effect = one.effect
    match one.kind:
        case "tls.mitm" | "antivirus":
            return False, _intercepted(home, one, there, shown)
        case "portal.topup" | "portal.hotel":
            return False, _portal(home, one, there, shown)
        case "server.extension" | "server.hello" | "server.host":
            return False, _front(effect, there)
        case "hello.extension" | "sni.drop" | "http.drop":
            return False, SILENCE
        case "whitelist" if effect.act != "rst":
            return False, SILENCE
        case _:
            return _forged(home, effect, there, shown)


def _forged(home: HomeNetwork, effect: Effect, there: Way, shown: Shown) -> tuple[bool, Answer]:
    """Return what a box that forges sends towards the client."""
    look = marks(effect.marks, home.chance, there.ttl)
    look = look._replace(
        ttl=effect.ttl or look.ttl,
        ip_id=effect.ip_id if effect.ip_id >= 0 else look.ip_id,
        copies=effect.copies or look.copies,
    )
    aside = look.aside if effect.inline is None else not effect.inline
    near = min(home.now.seen.access_ms / 1000.0 + _BOX_SECONDS, there.seconds * 0.9)
    after = there.seconds + _THINKS / 2 if look.late else near
    action = effect.kind.rpartition(".")[2]
    if action in {"rst", "whitelist"}:
        data = _HENAN if look.length else b""
        copies = tuple(
            Arrival(after + 5e-5 * each, look.flags, data, look, skip=look.skip * each) for each in range(look.copies)
        )
        return aside, Answer(copies, heard=aside)
    ends = look._replace(flags="FA", window=look.window or 229)
    data = _said(effect, action, shown.name or "")
    return aside, Answer((Arrival(after, "FPA" if data else "FA", data, ends),), heard=aside)


def _said(effect: Effect, action: str, name: str) -> bytes:
    """Return what a forged end carries."""
    if action == "alert":
        return alert(effect.alert)
    return b"" if action == "fin" else pages.of_effect(effect, name)


def _front(effect: Effect, there: Way) -> Answer:
    """Return what the server's own front does with a name that it dislikes."""
    after = there.seconds + _THINKS
    match effect.act:
        case "drop" | "stall":
            return Answer()
        case "close":
            return Answer((Arrival(after, "FA"),))
        case "alert":
            return Answer((Arrival(after, "PA", alert(effect.alert)), Arrival(after, "FA")))
        case _:
            return Answer((Arrival(after, "R"),))


def _intercepted(home: HomeNetwork, one: Acting, there: Way, shown: Shown) -> Answer:
    chain = certificates.of_impostor(one.effect, shown.name, max(one.since, 0.0) or home.time)
    return Answer(_flight(there.seconds + 2 * _THINKS, 2_400), chain=chain, by=one.effect)


def _portal(home: HomeNetwork, one: Acting, there: Way, shown: Shown) -> Answer:
    """Return a walled garden's answer: a page to requests in clear, to hellos its own chain or nothing."""
    if shown.protocol == "http":
        near = home.now.seen.access_ms / 1000.0 + _BOX_SECONDS
        data = pages.of_effect(one.effect, shown.name or "")
        return Answer((Arrival(near, "PA", data), Arrival(near, "FA")))
    if one.kind == "portal.hotel" and shown.protocol == "tls":
        return _intercepted(home, one, there, shown)
    return SILENCE


def of_server(home: HomeNetwork, server: Server, there: Way, shown: Shown, *, old: bool = False) -> Answer:
    """Return the server's own answer."""
    after = there.seconds + _THINKS * (0.5 + home.chance.random())
    if shown.protocol == "tls":
        return _greeting(home, server, after, shown.name, old=old)
    if shown.protocol == "http":
        return Answer((*_page(home, server, after, shown, secure=False), Arrival(after, "FA")))
    return Answer()


def _greeting(home: HomeNetwork, server: Server, after: float, name: str | None, *, old: bool) -> Answer:
    holder = server.holder(name)
    host = holder or server.host
    if 443 not in host.ports and not host.ports:
        return Answer((Arrival(after, "R"),))
    if host.tls == "none" or (holder is None and name is not None and host.stranger == "reset"):
        return Answer((Arrival(after, "R"),))
    if host.tls == "old" and not old:
        return Answer((Arrival(after, "PA", alert(_DIALECT)), Arrival(after, "FA")))
    if holder is None and name is not None and host.stranger == "alert":
        return Answer((Arrival(after, "PA", alert(112)), Arrival(after, "FA")))
    return Answer(_flight(after, 2_800 + number("flight", host.name) % 2_400), chain=_chain(home, server, host))


def _chain(home: HomeNetwork, server: Server, host: Host) -> Chain:
    moment = home.time
    for one in home.now.certs:
        if one.hits_name(host.name) and one.hits(server.address, server, 443, home.now.seen):
            return certificates.of_server_effect(host, one.effect, moment, one.since)
    return certificates.of_host(host, moment)


def _flight(after: float, size: int) -> tuple[Arrival, ...]:
    return (Arrival(after, "PA", SERVER_HELLO + _FILLER[: size - len(SERVER_HELLO)]),)


def page(home: HomeNetwork, server: Server, there: Way, shown: Shown) -> Answer:
    """Return a server's answer to a request that only it can read (over TLS)."""
    after = there.seconds + _THINKS * (0.5 + home.chance.random())
    for one in home.now.names:
        if one.kind == "server.host" and one.hits_name(shown.name):
            return _front(one.effect, there)
    return Answer((*_page(home, server, after, shown, secure=True), Arrival(after, "FA")))


def _page(home: HomeNetwork, server: Server, after: float, shown: Shown, *, secure: bool) -> tuple[Arrival, ...]:
    host = server.holder(shown.name)
    name = shown.name or server.host.name
    act = ""
    for one in home.now.pages:
        if one.hits_name(shown.name) and one.hits(server.address, server, 443 if secure else 80, home.now.seen):
            if one.effect.share < 1.0 and home.chance.random() >= one.effect.share:
                continue
            if one.kind != "server.head":
                return (Arrival(after, "PA", pages.of_effect(one.effect, name)),)
            act = one.effect.act or "fold"
    if host is None:
        return (Arrival(after, "PA", pages.response(404, pages.text("404 Not Found", 0, ""), server="nginx")),)
    data = pages.usual(host, name, shown.path, home.now.seen.country, secure=secure, part=shown.part)
    return (Arrival(after, "PA", pages.odd(data, act) if act else data),)
