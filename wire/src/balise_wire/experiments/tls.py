"""The tls experiment: a ClientHello with a name, and once a day the certificate chain (docs/experiments/tls.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.through import ASKED, MOST, Through
from balise_wire.trial import Trial
from balise_wire.words import Experiment

HELLO: Final = 3_000
"""Bytes of one hello-only trial that is answered, at most: the window lets one segment of the server's flight through;
without it 3,057 to 5,022 (chains of two certificates, ECDSA with 2 names to RSA with 40)."""
USUAL_HELLO: Final = {4: 2_620, 6: 2_840}
"""Measured, by IP version."""
CHAIN: Final = 6_500
"""Bytes of one full handshake at most: 3,838 to 5,802 with the same chains; stapled responses and longer ones cost
more."""
USUAL_CHAIN: Final = {4: 4_360, 6: 4_590}
LONG: Final = HELLO + 1_500
"""Bytes of a hello-only trial whose hello takes two segments."""
USUAL_LONG: Final = {4: 3_740, 6: 4_000}
UNHEARD: Final = 4_700
"""Bytes of a hello that nobody answers: the kernel sends it six or seven times in eight seconds (RFC 6298)."""
LONG_UNHEARD: Final = 14_000
"""The same of a hello in two segments."""
TRAITS: Final = Traits(
    word=Experiment.TLS,
    title="encrypted greeting (TLS)",
    transport=Transport.TCP,
    heavy=True,
    daily=True,
    cadence="hello_every",
    rests_from=0.9,
    explained_by=Experiment.TCP,
)


class TlsParameters(Parameters, frozen=True):
    """Nothing: name and port are the target's."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions; ``RunShape.controls``: whether there is a helper.

    A series looks at both chains where the name passes; where it does not, hellos are not answered, and the helper is
    asked.
    """
    if shape.paired:
        passes = 4 * HELLO + 2 * CHAIN
        dies = HELLO + 4 * UNHEARD + (HELLO + 2 * UNHEARD) * min(1, shape.controls)
        return max(passes, dies) + MOST * (UNHEARD + ASKED) * shape.through
    # Where the long hello is not answered the control's follows.
    return max(CHAIN if shape.full else HELLO, UNHEARD) + 2 * LONG_UNHEARD * shape.long


def usual(shape: RunShape) -> int:
    """Return the bytes of a run where everything is answered."""
    hello, chain = USUAL_HELLO[shape.family], USUAL_CHAIN[shape.family]
    if shape.paired:
        return 4 * hello + chain
    return (chain if shape.full else hello) + USUAL_LONG[shape.family] * shape.long


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
    """Whether the chain verified for the name; ``None`` for hello-only trials, and where none was shown."""
    chain: tuple[Certificate, ...] = ()
    hello_bytes: int = 0
    """Bytes of the ClientHello that was sent; 0 where it was not told."""
    segments: int = 0
    """TCP segments that carried it, as the capture saw them leave; 0 where it was not told."""
    wire_bytes: int | None = None
    """TCP payload bytes that came back on the connection, whether or not they made a record; ``None`` where it was not
    told. ``bytes_received`` of a hello-only trial is cut at the first record's head."""
    through: Through | None = None
    """Of an arm by way of a proxy: by which; ``connect_ms`` is then the time until the proxy said that it is connected.
    """
    certificate_shown: bool | None = None
    """Whether a certificate was seen, valid or not; ``None`` where none could be (a hello-only trial, TLS 1.3)."""
