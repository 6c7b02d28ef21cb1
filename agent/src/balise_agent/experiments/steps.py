"""The vocabulary between an experiment and the world: imperatives it yields, past participles it is sent back.

An experiment is a generator that yields a Step and is sent the matching Reply; it holds no socket, clock or chance. The
conductor (conductor.py) carries the steps out over the network (net/). A failure of the network is a Reply; a failure
of ours is an exception raised by the conductor (LinkUnusable) and never reaches an experiment; what the experiment had
noted by then (Note) is not lost.
"""

from collections.abc import Generator
from enum import StrEnum

import msgspec

from balise_wire.evidence import Packet
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.experiments.tls import Certificate
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Resolver


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something an experiment wants done."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a step."""

    at: float
    """UNIX seconds on the probe's clock at which the step began."""
    elapsed_ms: float
    """Real milliseconds the step took."""


class Failed(Reply, frozen=True, kw_only=True):
    """The network refused: a fact for the observation. A failed connection is closed by itself."""

    failure: Failure
    data: bytes = b""
    """What had arrived before it failed."""
    flood: int = 0
    """Bytes that arrived beyond anything that was asked for (net/share.py)."""
    packets: tuple[Packet, ...] = ()
    """The connection's capture up to here, where the step had one."""
    detail: str = ""
    """``icmp 3/13``, ``alert 40`` and the like."""
    arrived: int | None = None
    """TCP payload bytes that the connection has brought, in records or not; ``None`` where there was none."""
    idle_ms: float | None = None
    """From the last of them to the failure; ``None`` where nothing came."""


# --- crafted packets --------------------------------------------------------------------------------------------------


class SynProbe(msgspec.Struct, frozen=True, kw_only=True):
    """One SYN from a fresh source port, outside the kernel's TCP; a SYN-ACK is answered with RST by the net layer."""

    address: str
    port: int
    ttl: int = 64


class EchoProbe(msgspec.Struct, frozen=True, kw_only=True):
    """One ICMP echo request."""

    address: str
    ttl: int = 64


class AnswerKind(StrEnum):
    """What an answer to a crafted packet is."""

    SYNACK = "synack"
    RST = "rst"
    ICMP = "icmp"
    ECHO = "echo"
    OTHER = "other"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One packet that answers a crafted one."""

    probe: int
    """Index into the Exchange's packets."""
    kind: AnswerKind
    rtt_ms: float
    packet: Packet


class Exchange(Step, frozen=True, kw_only=True):
    """Send crafted packets ``spacing`` apart and keep *every* answer until ``window`` seconds after the last."""

    packets: tuple[SynProbe | EchoProbe, ...]
    window: float
    spacing: float = 0.0
    enough: bool = False
    """End early once each packet has an answer (health checks); otherwise the whole window is listened to."""


class Exchanged(Reply, frozen=True, kw_only=True):
    """Every answer, in arrival order, and the capture."""

    answers: tuple[Answer, ...] = ()
    packets: tuple[Packet, ...] = ()
    floods: tuple[int, ...] = ()
    """``flood`` of each packet's own flow, as in Failed."""
    unsent: tuple[tuple[int, Failure], ...] = ()
    """Packets that did not leave although others did, and why: no way to that address (IPv6 in a home without it)."""


class AskGateway(Step, frozen=True, kw_only=True):
    """Ask the default gateway for a sign of life (ARP/neighbour discovery, then ICMP echo)."""

    timeout: float


class GatewayAsked(Reply, frozen=True, kw_only=True):
    """``ok`` is ``None`` where the machine has no default gateway."""

    ok: bool | None
    rtt_ms: float | None = None


# --- DNS --------------------------------------------------------------------------------------------------------------


class Query(Step, frozen=True, kw_only=True):
    """Ask one DNS question over UDP from a fresh port and keep every answer until the window closes.

    While nothing comes back the question is sent again, as every stub resolver does: one lost datagram is no silence.
    Then, too, it goes without EDNS, over TCP where an answer was truncated or cut, and to the network's next resolver.
    The window is ``timeout`` without any answer, else ``linger`` seconds after the first one (detectors.md 2.1).
    """

    name: str
    qtype: str = "A"
    resolver: Resolver = Resolver.PROVIDER
    server: str = ""
    """Whom to ask; empty for the provider's resolver as the system learned it."""
    timeout: float
    linger: float
    unchecked: bool = False
    """Ask a validating resolver to answer without looking at DNSSEC's signatures (CD)."""
    tcp: bool = False
    """Ask over TCP from the start: the control of a question whose answer did not fit UDP."""


class Queried(Reply, frozen=True, kw_only=True):
    """All answers in arrival order; none is a fact too."""

    answers: tuple[DnsAnswer, ...] = ()
    set_aside: tuple[DnsAnswer, ...] = ()
    """What came and says nothing of the name: truncated, cut, or a refusal of the question's form."""
    silent_resolvers: int = 0
    """Resolvers that were asked in vain before the one that answered."""
    questions: int = 1
    """Copies of the question that left; 0 where there was nobody to ask, or no way to them."""
    server: str = ""
    """Who gave the first answer, or else was asked first; empty where it is not told."""
    known: tuple[str, ...] = ()
    """The resolvers that the network handed to this machine, in its order."""
    packets: tuple[Packet, ...] = ()
    flood: int = 0
    """As in Failed."""
    failure: Failure | None = None
    """A refusal below DNS (``connection_refused`` from an ICMP port unreachable, ``network_unreachable``)."""


# --- kernel TCP and TLS -----------------------------------------------------------------------------------------------


class Connect(Step, frozen=True, kw_only=True):
    """Open a kernel TCP connection, with the capture tap on its 4-tuple from before the SYN."""

    address: str
    port: int
    timeout: float
    window: int = 0
    """Bytes that the peer may send before they are read; 0: as many as the kernel likes."""


class Connected(Reply, frozen=True, kw_only=True):
    """The connection stands; ``handle`` names it in later steps."""

    handle: int


class Send(Step, frozen=True, kw_only=True):
    """Send bytes (through TLS after a Handshake)."""

    handle: int
    data: bytes


class Sent(Reply, frozen=True, kw_only=True):
    """Handed to the kernel."""


class Receive(Step, frozen=True, kw_only=True):
    """Read until ``most`` bytes, ``until`` seen, end of stream, or ``timeout`` seconds without completion."""

    handle: int
    most: int
    timeout: float
    until: bytes = b""
    """Stop once the data holds this; empty: stop at ``most`` or at the end of the stream."""
    or_until: bytes = b""
    """Stop once the data holds this as well."""


class Received(Reply, frozen=True, kw_only=True):
    """What arrived."""

    data: bytes
    eof: bool = False
    first_byte_ms: float | None = None
    body_ms: float | None = None
    """From the first to the last byte of ``data``."""


class Handshake(Step, frozen=True, kw_only=True):
    """A whole TLS handshake by OpenSSL through a MemoryBIO; the chain is kept even when it does not verify."""

    handle: int
    sni: str | None
    timeout: float
    alpn: tuple[str, ...] = ("http/1.1",)
    old: bool = False
    """Also take what only old servers still need: TLS 1.0 and 1.1, small keys, ciphers that browsers have dropped."""


class Secured(Reply, frozen=True, kw_only=True):
    """The handshake finished; ``verify_failure`` says whether the chain convinced us."""

    version: str
    alpn: str = ""
    chain: tuple[Certificate, ...] = ()
    verify_failure: Failure | None = None
    """``ssl_unknown_authority``, ``ssl_invalid_hostname``, ``ssl_invalid_certificate`` or ``None``."""
    bytes_received: int = 0


class Inject(Step, frozen=True, kw_only=True):
    """One raw copy of a segment inside the kernel's own connection, seq/ack from the tap, with its own TTL."""

    handle: int
    payload: bytes
    ttl: int
    window: float


class Injected(Reply, frozen=True, kw_only=True):
    """Every packet of the connection, and ICMP about it, heard in the window."""

    packets: tuple[Packet, ...] = ()


class Close(Step, frozen=True, kw_only=True):
    """Close the connection, after ``linger`` seconds of listening for late packets."""

    handle: int
    linger: float = 0.0


class Closed(Reply, frozen=True, kw_only=True):
    """The connection's whole capture: at most ten packets each direction, relative to its first packet."""

    packets: tuple[Packet, ...] = ()
    flood: int = 0
    """As in Failed."""
    arrived: int | None = None
    """As in Failed."""
    idle_ms: float | None = None
    """As in Failed."""
    data: bytes = b""
    """What came behind the last byte that was read, while it was listened to (through TLS: its records)."""


# --- time -------------------------------------------------------------------------------------------------------------


class Rest(Step, frozen=True, kw_only=True):
    """Wait on the probe's clock (residual censorship lasts that long on the censor's clock too)."""

    seconds: float


class Rested(Reply, frozen=True, kw_only=True):
    """The wait is over."""


# --- keeping ----------------------------------------------------------------------------------------------------------


class Note(Step, frozen=True, kw_only=True):
    """Keep what has been observed so far: should a failure of ours end the plan, this leaves the probe all the same."""

    observation: Observation
    instead: bool = False
    """It says more of the trial that was noted last, and takes its place."""


class Noted(Reply, frozen=True, kw_only=True):
    """It is kept."""


Plan = Generator[Step, Reply, tuple[Observation, ...]]
"""What an experiment is: yields steps, is sent replies, returns observations."""
