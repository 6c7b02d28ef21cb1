"""Effects: what happens to a modelled network, as timed data.

Lives here: the record of one effect, every kind with its meaning and its parameters, and the complaint about a record
that contradicts them. Must not live here: whom an effect hits (acting.py), what it does to a packet (the other files).
"""

import math
from typing import Final, NamedTuple

import msgspec


class Effect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that happens, to whom, to what, and when; without a selector it is everybody or everything.

    Times are seconds from the field's start. Every parameter has one meaning for all kinds (``SETTINGS``); which kind
    takes which is ``TAKES``.
    """

    kind: str
    at: float = 0.0
    until: float = math.inf
    duty: tuple[float, float] | None = None
    share: float = 1.0
    # who
    probes: tuple[str, ...] = ()
    providers: tuple[int, ...] = ()
    countries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    # what
    hosts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    asns: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    family: int = 0
    foreign: bool = False
    protocol: str = ""
    # how
    act: str = ""
    after: int = 16_384
    alert: int = 112
    allow: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    asn: int = 0
    code: str = ""
    copies: int = 0
    country: str = ""
    direction: str = ""
    inline: bool | None = None
    inspected: bool = False
    ip_id: int = -1
    issuer: str = ""
    joins: bool = True
    kbps: float = 0.0
    length: int = 0
    location: str = ""
    loss: float = 0.0
    marks: str = "box"
    ms: float = 0.0
    passes: int = 0
    per_minute: int = 10
    reassembles: bool = True
    residual: float = 0.0
    resolvers: tuple[str, ...] = ()
    retry_after: int = 0
    server: str = ""
    status: int = 0
    title: str = ""
    trusted: bool = False
    ttl: int = 0
    which: int = 0
    wildcard: bool = False

    def complaint(self) -> str:
        """Say what is wrong with this record; empty where nothing is."""
        kind = _TABLE.get(self.kind)
        if kind is None:
            return f"{self.kind!r} is no kind of effect; there are {', '.join(KINDS)}"
        if self.until <= self.at:
            return f"{self.kind}: it ends at {self.until:g}, before it begins"
        for name in SETTINGS:
            if getattr(self, name) != _DEFAULTS[name] and name not in kind.takes:
                return f"{self.kind} takes no {name}; it takes {', '.join(kind.takes) or 'nothing'}"
        if self.act and self.act not in kind.acts:
            return f"{self.kind}: act {self.act!r} is none of {', '.join(kind.acts)}"
        if self.marks not in MARKS:
            return f"{self.kind}: marks {self.marks!r} is none of {', '.join(MARKS)}"
        strangers = set(self.resolvers) - set(RESOLVERS)
        return f"{self.kind}: resolvers are {', '.join(RESOLVERS)}, not {strangers.pop()!r}" if strangers else ""


MARKS: Final = ("box", "plain", "gfw1", "gfw2", "gfw3", "henan")
"""How forged packets look: ``box`` as the lab's boxes forge them, ``plain`` as the server itself would send them, the
others by detectors.md 2.3."""
RESOLVERS: Final = ("provider", "public", "silent")

SETTINGS: Final = {
    "act": "which of its ways the effect takes (see the kind)",
    "after": "bytes towards the client after which a connection freezes",
    "alert": "TLS alert that is sent (RFC 8446 B.2)",
    "allow": "names that are let through (`*.x.com` too); `broker` stands for the way to the collector",
    "answer": "addresses of the answer",
    "asn": "AS number that the line is seen with",
    "code": "ICMP type/code, such as 3/13",
    "copies": "forged resets (0: as the marks have it)",
    "country": "country that the line is seen in",
    "direction": "`down` or `up`, where not both",
    "inline": "whether the true packets are kept back",
    "inspected": "every name, not only those selected",
    "ip_id": "IP-ID of forged packets (-1: as the marks have it)",
    "issuer": "issuer of the certificate that is shown",
    "joins": "whether it joins the TLS records of a hello",
    "kbps": "kilobits a second (0: 128 for `throttle`; `line.slow` leaves the rate alone)",
    "length": "bytes of the page's body (0: a short page)",
    "location": "where the redirect leads",
    "loss": "share of packets lost, each way",
    "marks": f"how forged packets look: {', '.join(MARKS)}",
    "ms": "milliseconds more, each round trip",
    "passes": "datagrams of a flow that pass, each way, before it is cut; over TCP, packets of the client's",
    "per_minute": "connections of one home that a server takes in a minute",
    "reassembles": "whether it joins the segments of a hello",
    "residual": "seconds for which (client, address, port) stays closed after each hit",
    "resolvers": f"which are concerned: {', '.join(RESOLVERS)}",
    "retry_after": "seconds in Retry-After (0: no such header)",
    "server": "Server header of the page",
    "status": "HTTP status of the page",
    "title": "title of the page",
    "trusted": "whether the issuer is publicly trusted",
    "ttl": "TTL of forged packets as the probe sees it (0: as the marks have it)",
    "which": "which of the provider's resolvers, 1 or 2 (0: all)",
    "wildcard": "names below and beside the selected ones too: all that end in the same registered name",
}
"""What the parameters mean, in the order of the alphabet."""


class _Kind(NamedTuple):
    means: str
    takes: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    stage: str = ""
    place: int = 3


HOME, FIRST_HOP, PROVIDER, BORDER, SERVER = range(1, 6)
"""Where on the way an effect stands; the nearest to the probe acts first."""

_FORGES: Final = ("marks", "copies", "ttl", "ip_id", "inline", "residual", "wildcard")
_READS: Final = ("reassembles", "joins")
_LIES: Final = ("resolvers", "which", "wildcard", "ttl", "ip_id", "inline")
_PAGE: Final = ("status", "title", "length", "server", "retry_after")
_NULL: Final = ("drop", "icmp")

_TABLE: Final[dict[str, _Kind]] = {
    # interference with names that are asked for
    "dns.inject": _Kind("forged answers race the true one", ("answer", *_LIES), (), "dns"),
    "dns.bogus": _Kind("a wrong address in the place of the true one", ("answer", *_LIES), (), "dns"),
    "dns.nxdomain": _Kind("the name is denied", _LIES, (), "dns"),
    "dns.refused": _Kind("the question is refused", _LIES, (), "dns"),
    "dns.servfail": _Kind("the resolver says that it failed", _LIES, (), "dns"),
    "dns.nodata": _Kind("the name has no address", _LIES, (), "dns"),
    "dns.silent": _Kind("questions for the name get no answer", _LIES, (), "dns"),
    "dns.hijack": _Kind("the provider answers in the place of other resolvers", ("resolvers", "answer"), (), "hijack"),
    # interference with addresses
    "ip.drop": _Kind("packets to the addresses vanish", (), (), "syn"),
    "ip.rst": _Kind("a SYN to the addresses is answered with a reset", ("marks", "copies", "ttl", "ip_id"), (), "syn"),
    "ip.icmp": _Kind(
        "a router says prohibited or unreachable", ("code", "act"), ("provider", "first", "border"), "syn"
    ),
    "ip.prefix": _Kind("the addresses' prefixes are null-routed", ("act", "code"), _NULL, "syn"),
    "ip.as": _Kind("the addresses' autonomous systems are null-routed", ("act", "code"), _NULL, "syn"),
    "port.drop": _Kind("packets to the ports vanish, whatever the address", (), (), "syn"),
    "border.cut": _Kind(
        "nothing crosses the border; the country's inside goes on", ("act", "code"), _NULL, "syn", BORDER
    ),
    # interference with names that are shown
    "sni.rst": _Kind("resets after a ClientHello with the name", (*_FORGES, *_READS), (), "name"),
    "sni.fin": _Kind("a forged end after a ClientHello with the name", (*_FORGES, *_READS), (), "name"),
    "sni.alert": _Kind(
        "a forged TLS alert after a ClientHello with the name", ("alert", *_FORGES, *_READS), (), "name"
    ),
    "sni.drop": _Kind("the flow dies after a ClientHello with the name", ("residual", "wildcard", *_READS), (), "name"),
    "hello.extension": _Kind(
        "the flow dies after a ClientHello with an extension that hides names, and one of the selected names, if any",
        ("act", "residual", "wildcard"),
        ("ech", "esni"),
        "name",
    ),
    "http.rst": _Kind("resets after a request with the Host", _FORGES, (), "name"),
    "http.fin": _Kind("a forged end after a request with the Host", _FORGES, (), "name"),
    "http.drop": _Kind("the flow dies after a request with the Host", ("residual", "wildcard"), (), "name"),
    "http.redirect": _Kind("a forged redirect answers the Host", ("location", *_FORGES), (), "name"),
    "http.blockpage": _Kind("a page answers the Host", (*_PAGE, *_FORGES), (), "name"),
    "quic.sni": _Kind(
        "the flow dies after an Initial packet of QUIC with the name",
        ("act", "residual", "wildcard"),
        ("drop", "late"),
        "quic",
    ),
    "quic.version": _Kind("packets of QUIC version 1 vanish, whatever they name", (), (), "quic"),
    "udp.drop": _Kind("UDP to the addresses and ports vanishes, DNS excepted", (), (), "udp"),
    "call.cut": _Kind(
        "packets in the shape of a voice call (RTP) vanish; other UDP to the same ports passes",
        ("direction", "passes"),
        (),
        "udp",
    ),
    "vpn.cut": _Kind(
        "packets of a VPN protocol's handshake vanish, known by their form; what else goes to the same ports passes",
        ("act", "passes", "residual"),
        ("openvpn", "wireguard", "ikev2", "openvpn_tcp", "fully_encrypted"),
        "udp",
    ),
    "udp.stun": _Kind("packets with STUN's magic cookie vanish; other UDP to the same ports passes", (), (), "udp"),
    "router.alg": _Kind(
        "the home's own router changes what STUN's answers say: other addresses, or so that they cannot be read",
        ("act",),
        ("rewrites", "breaks"),
        "udp",
        HOME,
    ),
    "router.udp": _Kind("the home's own router lets no UDP out but DNS", (), (), "udp", HOME),
    "tls.mitm": _Kind(
        "another certificate is shown in the place of the server's", ("issuer", "trusted", "inspected"), (), "name"
    ),
    "whitelist": _Kind(
        "every foreign name dies that is not let through", ("allow", "act", "marks"), ("drop", "rst", "syn"), "name"
    ),
    "hoster.freeze": _Kind("connections freeze after some bytes", ("after",), (), "flow"),
    "throttle": _Kind(
        "connections that show the names are slowed down, or those to the addresses",
        ("act", "direction", "kbps", "wildcard"),
        ("police", "shape"),
        "flow",
    ),
    # ordinary life: the line
    "provider.outage": _Kind("the provider's network is dead, inside too", (), (), "line"),
    "district.outage": _Kind("the equipment of a district is dead", (), (), "line"),
    "line.down": _Kind("the home's line carries nothing behind its router", (), (), "line"),
    "wifi": _Kind("the probe has no way to its router", ("act",), ("silent", "no_route"), "line", HOME),
    "line.slow": _Kind("the line is slow", ("ms", "kbps"), (), "line"),
    "line.loss": _Kind("the line loses packets", ("loss",), (), "line"),
    "path.loss": _Kind(
        "packets to the addresses are lost on their way, whatever flow they are of: a bad peering",
        ("loss",),
        (),
        "syn",
        BORDER,
    ),
    "gateway.mute": _Kind("the router answers neither ARP nor echo, and carries", (), (), "line", HOME),
    "eagain": _Kind("this machine's own sending queue is full", (), (), "line", HOME),
    "v6.broken": _Kind("IPv6 of the home is broken", ("act",), ("blackhole", "no_route", "prohibited"), "line", HOME),
    "vpn": _Kind("the router leads everything through a tunnel", ("country", "asn", "ms"), (), "line", HOME),
    # ordinary life: the home's resolver and router
    "resolver.down": _Kind("the provider's resolver is silent", ("which", "act"), ("silent", "refused"), "dns"),
    "resolver.flaky": _Kind("the provider's resolver is silent now and then", ("which",), (), "dns"),
    "resolver.servfail": _Kind("the provider's resolver fails now and then", ("which",), (), "dns"),
    "router.filter": _Kind(
        "the home's own resolver filters the name",
        ("act", "answer", "wildcard"),
        ("zero", "nodata", "nxdomain", "refused", "fake"),
        "dns",
        HOME,
    ),
    "router.proxy53": _Kind("the router answers every question to port 53", (), (), "hijack", HOME),
    "portal.topup": _Kind("the provider wants money: pages lead to it, the rest is cut", ("location",), (), "name"),
    "portal.hotel": _Kind("a page answers every request in clear, the rest is dropped", ("title",), (), "name", HOME),
    "portal.dns": _Kind("every name is answered with the portal's address", ("answer",), (), "dns", FIRST_HOP),
    "antivirus": _Kind("a program on the way looks into every connection", ("issuer",), (), "name", HOME),
    # the service's own doing
    "server.down": _Kind("the server is down", ("act",), ("silent", "refused", "unreachable"), "syn", SERVER),
    "server.hello": _Kind(
        "the server's front dislikes the hello",
        ("act", "alert"),
        ("reset", "drop", "close", "alert", "stall"),
        "name",
        SERVER,
    ),
    "server.extension": _Kind(
        "the server's front takes no hello with ECH or ESNI",
        ("act", "alert"),
        ("reset", "drop", "close", "alert", "stall"),
        "name",
        SERVER,
    ),
    "server.host": _Kind("the server's front dislikes the Host", ("act",), ("reset", "drop", "close"), "name", SERVER),
    "server.status": _Kind("the server refuses with a status", _PAGE, (), "page", SERVER),
    "server.robot": _Kind("the server wants to know whether we are a robot", ("status", "title"), (), "page", SERVER),
    "server.redirect": _Kind("the server leads elsewhere", ("location", "status"), (), "page", SERVER),
    "server.page": _Kind("the server shows another page", _PAGE, (), "page", SERVER),
    "server.head": _Kind(
        "the server's head is odd", ("act",), ("fold", "spacecolon", "big", "many", "nocolon", "crlf"), "page", SERVER
    ),
    "server.rate": _Kind(
        "the server takes few connections a minute of one home",
        ("per_minute", "act"),
        ("drop", "reset"),
        "syn",
        SERVER,
    ),
    "cert.expired": _Kind("the server's certificate has expired", (), (), "cert", SERVER),
    "cert.renewed": _Kind("the server has a new certificate and a new key", (), (), "cert", SERVER),
    "cert.other_ca": _Kind("the server changes its authority", ("issuer", "trusted"), (), "cert", SERVER),
    "cert.wrong_name": _Kind("the server shows the certificate of another name", (), (), "cert", SERVER),
    "dnssec.broken": _Kind("the name's signatures are broken: validating resolvers fail", (), (), "zone", SERVER),
    "dns.owner": _Kind("the owner's answer, for everybody", ("answer",), (), "zone", SERVER),
    "dns.gone": _Kind("the owner has taken the name away", (), (), "zone", SERVER),
}

KINDS: Final[dict[str, str]] = {word: kind.means for word, kind in _TABLE.items()}
"""Every kind of effect in one line."""
TAKES: Final[dict[str, tuple[str, ...]]] = {word: kind.takes for word, kind in _TABLE.items()}
"""The parameters of each kind."""
ACTS: Final[dict[str, tuple[str, ...]]] = {word: kind.acts for word, kind in _TABLE.items() if kind.acts}
"""What ``act`` may say, the usual first."""
STAGE: Final[dict[str, str]] = {word: kind.stage for word, kind in _TABLE.items()}
PLACE: Final[dict[str, int]] = {word: kind.place for word, kind in _TABLE.items()}
_DEFAULTS: Final = {name: getattr(Effect(kind=""), name) for name in SETTINGS}
