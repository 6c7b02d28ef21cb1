"""The clienthello experiment: forms of one ClientHello, and which get through (docs/experiments/clienthello.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Final

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.word import Word
from balise_wire.words import Experiment

HELLO: Final = 3_300
"""Bytes of one hello that is answered, at most: of ``tls`` 3,000, an extension of 370 bytes more, and a segment."""
UNHEARD: Final = 7_200
"""Bytes of one that nobody answers: the kernel sends it six or seven times in eight seconds (RFC 6298)."""
USUAL_HELLO: Final = {4: 2_700, 6: 2_920}
"""Measured, by IP version, over all forms of a run."""
FORMS: Final = 6
"""Hellos of a sentinel, and most of a series."""
ANSWERED: Final = 4
"""Hellos of a series in which the extension passes."""
TRAITS: Final = Traits(
    word=Experiment.CLIENTHELLO,
    title="forms of the encrypted greeting (clienthello)",
    transport=Transport.TCP,
    heavy=True,
    risky=True,
    of_service=False,
    cadence="clienthello_every",
    steady=True,
    rests_from=0.9,
    explained_by=Experiment.TLS,
)


class HelloForm(Word):
    """What is peculiar to a ClientHello."""

    PLAIN = "plain"
    """As ``tls`` sends it: one record, one segment."""
    EXTENSION = "extension"
    """With an extension of a reserved type (RFC 8701) more, as long as the one that is asked about."""
    ECH = "ech"
    """With encrypted_client_hello (RFC 9849, 0xFE0D) beside the name, in the form of an outer hello."""
    ESNI = "esni"
    """With encrypted_server_name (draft-ietf-tls-esni-02, 0xFFCE) beside the name."""
    NAMELESS = "nameless"
    """Without any name."""
    SEGMENTS = "segments"
    """In two TCP segments, cut inside the name."""
    RECORDS = "records"
    """In two TLS records of one segment, cut inside the name."""
    UNKNOWN = "unknown"


class HelloExtension(Word):
    """Which extension a target asks about."""

    ECH = "ech"
    ESNI = "esni"
    UNKNOWN = "unknown"


class ClienthelloParameters(Parameters, frozen=True):
    """Which extension; name and port are the target's."""

    extension: HelloExtension = HelloExtension.ECH


class ClienthelloObservation(Trial, frozen=True, tag="clienthello"):
    """One ClientHello of one form on one kernel TCP connection."""

    address: str
    port: int
    sni: str | None
    """The name in it; ``None`` for a nameless one."""
    form: HelloForm
    connect_ms: float | None = None
    """Time to the completed TCP handshake; ``None`` where it did not complete: the failure is then TCP's."""
    bytes_received: int = 0
    """Bytes back from the server: the compared outcome is any byte, not a finished handshake."""
    record: str = ""
    """First TLS record back, as of ``tls``."""
    hello_bytes: int = 0
    """Bytes of the ClientHello that was sent, with its records' headers; 0 where it was not told."""
    segments: int = 0
    """TCP segments that carried it, as the capture saw them leave; 0 where it was not told."""
    whole: bool | None = None
    """Of one in two segments: whether the kernel also sent it in one, when it sent it again; ``None`` of other forms,
    and where it was not told."""
    wire_bytes: int | None = None
    """TCP payload bytes that came back on the connection; ``None`` where it was not told."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions.

    A sentinel ends with the first hello that dies; a series in which the extension dies has three that do.
    """
    if shape.paired:
        return max(FORMS * HELLO, 3 * HELLO + 3 * UNHEARD)
    return (FORMS - 1) * HELLO + UNHEARD


def usual(shape: RunShape) -> int:
    """Return the bytes of a run where everything is answered."""
    return (ANSWERED if shape.paired else FORMS) * USUAL_HELLO[shape.family]


def form_of(extension: HelloExtension) -> HelloForm:
    """Return the form of a hello with an extension; unknown where this program has none."""
    return {HelloExtension.ECH: HelloForm.ECH, HelloExtension.ESNI: HelloForm.ESNI}.get(extension, HelloForm.UNKNOWN)
