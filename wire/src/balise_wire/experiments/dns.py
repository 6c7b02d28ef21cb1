"""The dns experiment: one question, and every answer heard (docs/experiments/dns.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Final

import msgspec

from balise_wire.experiments.tls import Certificate
from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.failures import Failure
from balise_wire.trial import Trial
from balise_wire.words import Experiment, Proof, Resolver, ResolverPlace, Way

QUESTION: Final = 300
"""Bytes of a question and its answer, with headers."""
USUAL_QUESTION: Final = {4: 205, 6: 250}
"""Bytes of one that is answered at once, with a CNAME and an address, by IP version."""
MOST_QUESTION: Final = 620
"""Bytes of one that nobody answers: seven copies to three resolvers. A name has 24 letters here."""
HANDSHAKE: Final = 7_000
"""Bytes of the look at the certificate of an address that nobody assigned."""
USUAL_HANDSHAKE: Final = {4: 4_310, 6: 4_590}
LOOKS: Final = 1
"""Looks a day at the certificate of a name's addresses that nobody assigned: one address of an answer is enough."""
USUAL_QUESTIONS: Final = {4: 7, 6: 8}
"""Of a paired run in which everything is answered."""
QUESTIONS: Final = 11
"""Questions of a paired run, at most: two of them are asked past a resolver in the home, one over TCP, and one asks how
the network makes IPv6 addresses."""
TLS_PORT: Final = 443
TRAITS: Final = Traits(
    word=Experiment.DNS,
    title="name lookup (DNS)",
    transport=Transport.UDP,
    port=53,
    needs_address=False,
    looks=LOOKS,
)


class DnsParameters(Parameters, frozen=True):
    """Nothing: the name is the target's."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions.

    An address that is neither assigned nor proven is asked for its certificate (``RunShape.full``), in a sentinel over
    IPv6 one of each record type.
    """
    look = HANDSHAKE if shape.target.port == TLS_PORT else 0
    if shape.paired:
        return QUESTIONS * MOST_QUESTION + look
    return _types(shape) * (MOST_QUESTION + look * shape.full)


def usual(shape: RunShape) -> int:
    """Return the bytes of a run where everything is answered.

    An address that the target was assigned is expected, and is not asked for its certificate while nothing fails; any
    other is asked once a day, in a run that looks at more (``Traits.looks``).
    """
    question, look = USUAL_QUESTION[shape.family], USUAL_HANDSHAKE[shape.family]
    look *= shape.target.port == TLS_PORT and not shape.target.addresses
    if shape.paired:
        return USUAL_QUESTIONS[shape.family] * question + look
    return _types(shape) * (question + look * shape.full)


def _types(shape: RunShape) -> int:
    """Return how many record types a sentinel asks for."""
    return 2 if shape.family == 6 else 1


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
    records: int = -1
    """Records in the answer section, of any type; -1 where it was not told. An answer without error, records and SOA is
    an *empty* one, which no name server of the name gives (RFC 2308 2.2)."""
    soa: bool | None = None
    """Whether the authority section has an SOA record, as an honest *no such name* and *no such data* have (RFC 2308);
    ``None`` where it was not told."""
    ad: bool | None = None
    """Authenticated data (RFC 4035 3.2.3); ``None`` where it was not told."""
    server: int = -1
    """Place, in the network's list, of the resolver that gave this answer; -1 where it was not told."""


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
    """Whether the first accepted answer's address showed a certificate valid for the name; ``None`` where it was not
    asked for one, or showed none (``tls_proof`` says which; probes up to commit 0aa15c1 said ``False`` for both)."""
    tls_address: str = ""
    """The address that was tried for ``tls_consistent``."""
    tls_proof: Proof = Proof.UNKNOWN
    """What became of the look at the certificate."""
    tls_failure: Failure | None = None
    """How the look failed: why the chain is not valid (``refused``), or what happened instead (``not_shown``)."""
    tls_connected: bool | None = None
    """Whether the address answered a TCP handshake; ``None`` where it was not asked."""
    tls_certificate: Certificate | None = None
    """The leaf that was shown where it is not valid for the name: its issuer and dates tell a portal, an interceptor
    and a wrong clock apart."""
    resolver_place: ResolverPlace = ResolverPlace.UNKNOWN
    """Where the resolver stands that was asked (of several, the first that answered)."""
    nat64: tuple[str, ...] | None = None
    """Prefixes by which this network makes IPv6 addresses of IPv4 ones (RFC 7050): an address inside is no forgery.
    Empty: there is none; ``None``: it was not asked."""
