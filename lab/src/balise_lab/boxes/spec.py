"""What a box or a fault is: one record, the closed list of kinds, and what each kind needs.

Lives here: vocabulary and its checks. The first part of a kind that blocks is the word of `balise_wire.mechanisms`.
"""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from balise_lab.errors import ConfigError


class Kind(StrEnum):
    """Everything a timeline can start."""

    DNS_INJECT = "dns.inject"  # forged answers, and the true one follows
    DNS_BOGUS = "dns.bogus"  # a wrong address instead of the true one
    DNS_NXDOMAIN = "dns.nxdomain"
    DNS_REFUSED = "dns.refused"
    DNS_SILENT = "dns.silent"
    DNS_HIJACK = "dns.hijack"  # whatever resolver is asked, the ISP's answers in its name
    IP_DROP = "ip.drop"
    IP_RST = "ip.rst"
    IP_ICMP = "ip.icmp"
    PORT_DROP = "port.drop"
    QUIC_DROP = "quic.drop"
    UDP_DROP = "udp.drop"
    SNI_RST = "sni.rst"
    SNI_DROP = "sni.drop"
    SNI_FIN = "sni.fin"
    TLS_MITM = "tls.mitm"  # an interceptor answers with certificates of a root nobody trusts
    HTTP_BLOCKPAGE = "http.blockpage"
    HTTP_REDIRECT = "http.redirect"
    HTTP_RST = "http.rst"
    RATE_POLICE = "rate.police"  # flows with the name lose what is above the rate
    ISP_SHUTDOWN = "isp.shutdown"
    COUNTRY_SHUTDOWN = "country.shutdown"
    DISTRICT_SHUTDOWN = "district.shutdown"
    LOSS = "loss"
    DELAY = "delay"
    SERVER_DOWN = "server.down"
    EDGE_DOWN = "edge.down"
    SERVER_DENIES = "server.denies"  # the service itself turns the country away
    RESOLVER_DOWN = "resolver.down"
    WIFI = "wifi"


DNS = frozenset({Kind.DNS_INJECT, Kind.DNS_BOGUS, Kind.DNS_NXDOMAIN, Kind.DNS_REFUSED, Kind.DNS_SILENT})
SNI = frozenset({Kind.SNI_RST, Kind.SNI_DROP, Kind.SNI_FIN, Kind.RATE_POLICE})
HTTP = frozenset({Kind.HTTP_BLOCKPAGE, Kind.HTTP_REDIRECT, Kind.HTTP_RST})
QUEUED = DNS | SNI | HTTP | {Kind.DELAY}
SHUTDOWN = frozenset({Kind.ISP_SHUTDOWN, Kind.COUNTRY_SHUTDOWN, Kind.DISTRICT_SHUTDOWN})
LINK_FAULTS = frozenset({Kind.LOSS, Kind.DELAY, Kind.WIFI})
AT_HOSTING = frozenset({Kind.SERVER_DOWN, Kind.EDGE_DOWN, Kind.SERVER_DENIES})
STANDS_IN = frozenset({Kind.TLS_MITM, Kind.SERVER_DENIES})  # these bring a web server of their own
NAMED = DNS | SNI | HTTP  # these look for names
ADDRESSED = frozenset(
    {
        Kind.IP_DROP,
        Kind.IP_RST,
        Kind.IP_ICMP,
        Kind.QUIC_DROP,
        Kind.TLS_MITM,
        Kind.SERVER_DOWN,
        Kind.EDGE_DOWN,
        Kind.SERVER_DENIES,
    }
)


@dataclass(frozen=True)
class Box:
    """One box or fault. Fields that a kind does not use stay at their defaults."""

    id: str
    kind: Kind
    where: str = "gateway"  # gateway | an ISP | a probe (loss, delay, wifi)
    isps: tuple[str, ...] = ()  # at the gateway: only these ISPs' prefixes
    probes: tuple[str, ...] = ()  # only these probes' addresses (a district)
    match: tuple[str, ...] = ()  # host patterns; for addressed kinds also `service`, `service/role`
    addresses: tuple[str, ...] = ()  # addressed kinds: besides those of `match`
    ports: tuple[int, ...] = ()  # addressed kinds and sni: only these ports
    answers: tuple[str, ...] = ("203.0.113.66",)  # forged addresses, one answer packet each
    residual: float = 0.0  # sni/http: seconds of the scenario's clock in which (client, address, port) stays dropped
    resets: int = 3  # copies of a forged RST
    inline: bool = True  # False: forged segments race the true ones (on-path), nothing is dropped
    toward_client: bool = True
    toward_server: bool = True
    ttl: int = 47  # of forged packets when they leave the box
    ip_id: int = 0x4242
    window: int = 8191
    title: str = "Blocked"
    location: str = "http://blocked.lab/"
    mode: str = "drop"  # server.down, resolver.down: drop | refuse
    kbit: float = 130.0  # rate.police: thousand bits a second, each way
    status: int = 451  # server.denies: 403 or 451 (RFC 7725)
    percent: float = 0.0  # loss, each way
    ms: float = 0.0  # delay, each way
    jitter: float = 0.0  # ms, uniform, each way


def check(box: Box) -> None:
    """Raise ConfigError when a box misses what its kind needs."""
    here = f"box {box.id} ({box.kind})"
    if box.kind in NAMED and not box.match:
        raise ConfigError(f"{here}: match is empty", 'give host patterns, for instance match: ["*.twimg.lab"]')
    if box.kind in ADDRESSED and not (box.match or box.addresses):
        raise ConfigError(f"{here}: neither match nor addresses", "give a host, a service or an address")
    if box.kind is Kind.PORT_DROP and not box.ports:
        raise ConfigError(f"{here}: ports is empty", "give ports: [443]")
    if box.kind is Kind.DISTRICT_SHUTDOWN and not box.probes:
        raise ConfigError(f"{here}: probes is empty", "name the probes of the district")
    if box.kind is Kind.LOSS and not 0 < box.percent <= 100:
        raise ConfigError(f"{here}: percent is {box.percent}", "give 0 < percent <= 100")
    if box.kind is Kind.DELAY and box.ms <= 0:
        raise ConfigError(f"{here}: ms is {box.ms}", "give milliseconds above 0")
    if box.kind is Kind.SERVER_DENIES and box.status not in {403, 451}:
        raise ConfigError(f"{here}: status is {box.status}", "use 403 or 451")
    if box.mode not in {"drop", "refuse"}:
        raise ConfigError(f"{here}: mode is {box.mode}", "use drop or refuse")


def fits(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a host name fits one of the patterns; case and a final dot do not count (RFC 4343)."""
    plain = name.lower().rstrip(".")
    return any(fnmatchcase(plain, pattern.lower().rstrip(".")) for pattern in patterns)
