"""Observations: what one trial saw, as facts. No verdict, no expectation, no catalogue knowledge is in here.

Every observation names its arm, when it began on the probe's clock, how it failed (if it did), and its packets. Times
of day are UNIX seconds, durations milliseconds. ``carried`` marks a trial of an earlier measurement that rides along
because it caused this one; its ``at`` is its own.
"""

import msgspec

from balise_wire.evidence import Packet
from balise_wire.failures import Failure
from balise_wire.words import Arm, ClockState, Resolver, Scope, Way


class Trial(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="is"):
    """What every observation has."""

    arm: Arm
    at: float
    """UNIX seconds on the probe's clock at which the trial began."""
    failure: Failure | None = None
    elapsed_ms: float = 0.0
    """From the first packet sent to the result or the failure."""
    carried: bool = False
    packets: tuple[Packet, ...] = ()
    flood_bytes: int = 0
    """Bytes that arrived on the trial's own flows beyond all that was asked for or expected: a flood. Listening stops
    after a bound (64 KB a flow), so that it is a lower bound."""


class DnsAnswer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One answer to one query; a query may have several (injection is a race)."""

    rtt_ms: float
    ttl: int = 0
    """IP TTL of the packet."""
    ip_id: int = 0
    rcode: int = 0
    """RFC 1035 4.1.1 / RFC 6895."""
    aa: bool = False
    ra: bool = False
    tc: bool = False
    edns: bool = False
    addresses: tuple[str, ...] = ()
    household: int = 0
    """Addresses of the probe's own household in this answer: of its machine, its LAN or its router. They never leave
    the probe; how many there were does, since an answer of these alone is no empty one."""
    cnames: tuple[str, ...] = ()
    rr_ttl: int = -1
    """TTL of the first resource record of the answer section; -1 where there is none."""
    malformed: bool = False
    way: Way = Way.EDNS
    """How the question was asked that this answers."""
    cut: bool = False
    """Only the beginning arrived: the answer came in fragments and the others were lost."""


class DnsObservation(Trial, frozen=True, tag="dns"):
    """One DNS question and *every* answer heard until the window closed (>= 2 s after the first)."""

    name: str
    qtype: str = "A"
    resolver: Resolver = Resolver.PROVIDER
    answers: tuple[DnsAnswer, ...] = ()
    questions: int = 1
    """Copies of the question that left: again only while nothing had come back that is about the name; 0 where there
    was no resolver to ask or no way to one."""
    set_aside: tuple[DnsAnswer, ...] = ()
    """What came beside ``answers`` and says nothing of the name: truncated, cut, or a refusal of EDNS; the question was
    then asked in another way."""
    silent_resolvers: int = 0
    """Resolvers of the network that were asked in vain before the one whose answers these are."""
    unchecked: tuple[DnsAnswer, ...] | None = None
    """Answers to the same question with checking disabled (RFC 4035 3.2.2), asked after a SERVFAIL; ``None`` where that
    was not asked."""
    tls_consistent: bool | None = None
    """Whether the first accepted answer's address completed a TLS handshake with a certificate valid for the name;
    ``None`` where it was not tried, or a TLS server answered that showed none."""
    tls_address: str = ""
    """The address that was tried for ``tls_consistent``."""


class TcpObservation(Trial, frozen=True, tag="tcp"):
    """SYNs to one address and port, each from its own source port, crafted outside the kernel's TCP."""

    address: str
    port: int
    syns: int = 0
    """SYNs sent, one per source port."""
    synacks: int = 0
    resets: int = 0
    icmp_errors: int = 0
    rtt_ms: float | None = None
    """Least SYN to SYN-ACK time, kernel timestamps on both ends."""


class Certificate(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One certificate of the chain the server sent, verified or not."""

    sha256: str
    spki_sha256: str = ""
    subject: str = ""
    """Subject common name."""
    issuer: str = ""
    """Issuer as an RFC 4514 string."""
    not_before: float = 0.0
    not_after: float = 0.0


class TlsObservation(Trial, frozen=True, tag="tls"):
    """One ClientHello on one kernel TCP connection; with ``full``, the whole handshake by OpenSSL."""

    address: str
    port: int
    sni: str | None
    """The name in the ClientHello; ``None`` for the absent arm."""
    full: bool = False
    connect_ms: float | None = None
    """Time to the completed TCP handshake; ``None`` where it did not complete: the failure is then TCP's."""
    bytes_received: int = 0
    """Bytes back from the server after the hello: the compared outcome is any byte, not a finished handshake."""
    record: str = ""
    """First TLS record back: ``server_hello``, ``alert:<n>`` (RFC 8446 B.2), ``other`` or empty."""
    version: str = ""
    alpn: str = ""
    verified: bool | None = None
    """Whether the chain verified for the name; ``None`` for hello-only trials."""
    chain: tuple[Certificate, ...] = ()


class HttpObservation(Trial, frozen=True, tag="http"):
    """One GET with one Host, over TLS or in clear."""

    address: str
    port: int
    host: str
    path: str = "/"
    tls: bool = False
    connect_ms: float | None = None
    tls_verified: bool | None = None
    """Whether the chain verified for ``host`` (``None`` in clear): without it a refusal is never the server's."""
    status: int | None = None
    body_bytes: int = 0
    body_sha256: str = ""
    """Of the body as it came; empty where it names its reader (his address, a number): a digest of such a page tells
    whoever knows the page which reader it was."""
    body_redacted_sha256: str = ""
    """Of the body's text with a word in the place of each such name; empty where ``body_sha256`` is told."""
    truncated: bool = False
    """The body was longer than the device-side cap."""
    malformed: bool = False
    """The response's head breaks RFC 9112 in a way that browsers forgive: people see the page, and so do we."""
    title: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Allow-listed headers, lower-case names."""
    goodput_kbps: float | None = None
    """Body bits over the time from first to last body byte; ``None`` below 4 KB."""


class Hop(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One TTL of a path measurement."""

    ttl: int
    address: str = ""
    rtt_ms: float | None = None
    answer: str = ""
    """``exceeded``, ``reached``, ``unreachable:<code>``, ``rst``, ``data`` or empty for silence."""


class PathObservation(Trial, frozen=True, tag="path"):
    """TTL-limited probes along the path to one address with a fixed 5-tuple (Paris traceroute)."""

    address: str
    port: int
    payload: str = ""
    """What the probes carried: empty, ``subject`` or ``control``."""
    hops: tuple[Hop, ...] = ()


class ControlResult(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One control endpoint of the line experiment."""

    name: str
    scope: Scope
    failure: Failure | None = None
    rtt_ms: float | None = None


class LineObservation(Trial, frozen=True, tag="line"):
    """The probe's own line: gateway, controls on both sides of the border, resolver, clock."""

    gateway_rtt_ms: float | None = None
    """ARP/ICMP time to the default gateway; ``None`` where it did not answer (many ignore ICMP: see ``gateway_ok``)."""
    gateway_ok: bool | None = None
    """``None`` where the machine has no default gateway."""
    controls: tuple[ControlResult, ...] = ()
    resolver_ok: bool | None = None
    captive: bool | None = None
    """Whether a captive portal answered in the place of a control."""
    clock_state: ClockState = ClockState.UNSYNCED
    clock_offset_ms: float | None = None
    """Probe minus collector, from the last signed receipt; ``None`` before the first."""
    loss: float | None = None
    """Share of the controls' SYNs that had no answer, 0..1."""


Observation = DnsObservation | TcpObservation | TlsObservation | HttpObservation | PathObservation | LineObservation
"""The tagged union: field ``is`` holds ``dns``, ``tcp``, ``tls``, ``http``, ``path`` or ``line``."""
