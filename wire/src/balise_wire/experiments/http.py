"""The http experiment: one GET with one Host (docs/experiments/http.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.experiments.tls import Certificate
from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.failures import Failure
from balise_wire.trial import Trial
from balise_wire.words import Experiment

HEAD: Final = 3_500
"""Bytes of TCP, request and response head at most: a request that is not answered leaves six or seven times."""
USUAL_HEAD: Final = 1_520
OVER_TLS: Final = 6_000
"""Bytes that a fetch over TLS costs more, at most."""
USUAL_OVER_TLS: Final = 4_300
TLS_PORT: Final = 443
FETCHES: Final = 4
"""Of a paired run."""
TRAITS: Final = Traits(
    word=Experiment.HTTP,
    title="page (HTTP)",
    transport=Transport.TCP,
    heavy=True,
    cadence="http_every",
    rests_from=0.7,
    explained_by=Experiment.TCP,
)


class HttpParameters(Parameters, frozen=True):
    """What is fetched, and where."""

    path: Annotated[str, msgspec.Meta(pattern="^/[!-~]*$(?!\\n)", max_length=1_024)] = "/"
    """Path and query: printable ASCII without spaces."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 80
    """443 means over TLS."""
    fetch_bytes: Annotated[int, msgspec.Meta(ge=0, le=524_288)] = 16_384
    """Most bytes of a body that are asked for; a device has a lower bound of its own."""


def spent(body_bytes: int, *, tls: bool) -> int:
    """Return the bytes of one fetch at most: a body costs a tenth more than itself, each segment acknowledged."""
    return HEAD + body_bytes * 11 // 10 + (OVER_TLS if tls else 0)


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions."""
    asked = shape.target.parameters_of(HttpParameters)
    return spent(asked.fetch_bytes, tls=asked.port == TLS_PORT) * (FETCHES if shape.paired else 1)


def usual(shape: RunShape) -> int:
    """Return the bytes of a run where everything is answered, and the page is as long as what is asked for."""
    asked = shape.target.parameters_of(HttpParameters)
    more = {4: 105, 6: 109}[shape.family]
    one = USUAL_HEAD + asked.fetch_bytes * more // 100 + (USUAL_OVER_TLS if asked.port == TLS_PORT else 0)
    return one * (FETCHES if shape.paired else 1)


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
    whole_bytes: int | None = None
    """Length of the whole body: announced, or read to its end; ``None`` where nobody said it. Two bodies compare by
    this alone: a cut length says nothing."""
    asked_bytes: int | None = None
    """Most bytes of the body that were asked for; ``None`` where it was not told."""
    wire_bytes: int | None = None
    """TCP payload bytes that arrived on the connection, handshake and unfinished TLS records included: what a transfer
    had brought when it froze. ``None`` where it was not told."""
    idle_ms: float | None = None
    """From the last of them to the end of the trial; ``None`` where nothing came, or it was not told."""
    redirect_site: str = ""
    """Registrable name of the host that a redirect leads to; empty where it leads to none."""
    same_site: bool | None = None
    """Whether that is the registrable name of ``host``; ``None`` where there is no redirect to another host."""
    retry_after: int | None = None
    """Seconds of Retry-After (RFC 9110 10.2.3): the server asks for patience; ``None`` where it does not."""
    robot_test: bool | None = None
    """Whether the response has the marks of a test for robots; ``None`` where it was not told."""
    tls_failure: Failure | None = None
    """Why the chain is not valid for ``host``, over TLS."""
    certificate: Certificate | None = None
    """The leaf that was shown where it is not."""
