"""The dns experiment: one question, and every answer heard (docs/experiments/dns.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.words import Experiment, Resolver, Way

QUESTION: Final = 300
"""Bytes of a question and its answer, with headers."""
HANDSHAKE: Final = 7_000
"""Bytes of the look at the certificate of an address that nobody assigned."""
QUESTIONS: Final = 7
"""Questions of a paired run, at most."""
TLS_PORT: Final = 443
TRAITS: Final = Traits(
    word=Experiment.DNS,
    title="name lookup (DNS)",
    transport=Transport.UDP,
    port=53,
    needs_address=False,
)


class DnsParameters(Parameters, frozen=True):
    """Nothing: the name is the target's."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run, both directions, on the generous side.

    An address that the target was assigned is expected, and is not asked for its certificate while nothing fails.
    """
    looks = HANDSHAKE if shape.target.port == TLS_PORT else 0
    if shape.paired:
        return QUESTIONS * QUESTION + looks
    return QUESTION * (2 if shape.family == 6 else 1) + (0 if shape.target.addresses else looks)


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
