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


# --- UDP other than DNS ----------------------------------------------------------------------------------------------


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One datagram of ours."""

    data: bytes
    after: float = 0.0
    """Seconds after the step began."""
    unless_heard: float | None = None
    """It leaves only while nothing was heard at or after this second of the step: a copy against loss. ``None``: it
    leaves whatever was heard."""


class Datagram(Step, frozen=True, kw_only=True):
    """Send datagrams from one socket to one address and port, and keep every answer until the window closes."""

    address: str
    port: int
    datagrams: tuple[Outgoing, ...]
    """In the order of time."""
    window: float
    """Seconds of listening, from the step's beginning."""
    enough: bool = False
    """End early once all was sent that leaves anyhow, and something was heard after the last of it."""
    most: int = 32
    """Answers that are kept."""
    expects: int = 0
    """Bytes that an honest server sends in all, with headers, where that is more than a first flight; what comes beyond
    is a flood."""
    source: int = 0
    """The source port of an earlier exchange whose flow this one goes on with; 0: a fresh one."""


class DatagramAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One datagram that came back."""

    at_ms: float
    """Since the first of ours left."""
    data: bytes
    ttl: int = 0
    """0 where the tap did not hear it."""
    ip_id: int = 0


class DatagramsExchanged(Reply, frozen=True, kw_only=True):
    """Every answer, in arrival order; none is a fact too."""

    sent_ms: tuple[float | None, ...]
    """When each datagram left, since the first; ``None`` for one that was not sent."""
    answers: tuple[DatagramAnswer, ...] = ()
    icmp: str = ""
    """``type/code`` of the first ICMP error about them."""
    failure: Failure | None = None
    """A refusal below what was asked: a closed port, a router's, no way there."""
    packets: tuple[Packet, ...] = ()
    flood: int = 0
    """As in Failed."""
    source: int = 0
    """The source port; 0 where none was opened."""


# --- kernel TCP and TLS -----------------------------------------------------------------------------------------------


class Connect(Step, frozen=True, kw_only=True):
    """Open a kernel TCP connection, with the capture tap on its 4-tuple from before the SYN."""

    address: str
    port: int
    timeout: float
    window: int = 0
    """Bytes that the peer may send before they are read; 0: as many as the kernel likes."""
    source_port: int = 0
    """From which port of ours, where it is free: the same flow once more. 0, and otherwise: from a fresh one."""
    secret: bool = False
    """Nobody is told where it leads: its packets come into no reply and no capture file, and what this machine itself
    fails at on it is a ``Failed`` without details, so that it costs nothing but itself."""

    def __repr__(self) -> str:
        """Return what may be told of it."""
        return "Connect(secret)" if self.secret else super().__repr__()


class Connected(Reply, frozen=True, kw_only=True):
    """The connection stands; ``handle`` names it in later steps."""

    handle: int
    source_port: int = 0
    """From which port of ours; 0 where that is not known."""


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
    patience: float = 0.0
    """Seconds in all that it goes on for as long as bytes keep coming ``timeout`` apart: a slow line is no silence. 0:
    ``timeout`` is for the whole."""
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


class Transfer(Step, frozen=True, kw_only=True):
    """Send bytes, then count what moves until ``most`` bytes, end of stream, ``quiet`` or ``seconds`` have passed.

    None of these is a failure: the connection stands, and the count can go on with another of these steps.
    """

    handle: int
    data: bytes = b""
    """To be sent first (through TLS after a Handshake)."""
    most: int
    """TCP payload bytes; of an upload, those of ``data`` are counted whatever this says."""
    seconds: float
    """In all."""
    quiet: float
    """Seconds without a byte."""
    up: bool = False
    """Count what the peer's kernel acknowledges of ``data`` instead of what arrives."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What a kernel counts of a connection's transfer (Linux ``tcp_info``)."""

    segments: int
    """With payload, in the transfer's direction."""
    lost: int
    """Of these, received behind a hole, or sent again."""
    rtt_ms: float | None
    """Its estimate while bytes moved; ``None`` where it has none."""


class Transferred(Reply, frozen=True, kw_only=True):
    """What moved."""

    arrivals: tuple[tuple[float, int], ...] = ()
    """(milliseconds since the step began, TCP payload bytes), each read of the socket, in order."""
    head: bytes = b""
    """The first of what arrived (through TLS: of its content), at most 4 KB."""
    eof: bool = False
    quiet: bool = False
    """It ended because nothing moved any more."""
    counted: Counted | None = None
    """``None`` where the kernel does not say."""


class Handshake(Step, frozen=True, kw_only=True):
    """A whole TLS handshake by OpenSSL through a MemoryBIO; the chain is kept even when it does not verify."""

    handle: int
    sni: str | None
    timeout: float
    alpn: tuple[str, ...] = ("http/1.1",)
    old: bool = False
    """Also take what only old servers still need: TLS 1.0 and 1.1, small keys, ciphers that browsers have dropped."""
    authorities: tuple[str, ...] = ()
    """As of the target: who else is believed, beside the public roots."""


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
    settle: float | None = None
    """Seconds for which it is listened to after the first answer; ``None``: for the whole window in any case."""


class Injected(Reply, frozen=True, kw_only=True):
    """Every packet of the connection, and ICMP about this very copy, heard in the window."""

    packets: tuple[Packet, ...] = ()


class Close(Step, frozen=True, kw_only=True):
    """Close the connection, after ``linger`` seconds of listening for late packets."""

    handle: int
    linger: float = 0.0
    abort: bool = False
    """End it by a RST: after copies that may have arrived (``Inject``) the two sides' numbers differ, and a FIN would
    be sent again and again."""


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
