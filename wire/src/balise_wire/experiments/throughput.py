"""The throughput experiment: how fast bytes of a name move beside a control's on the same path.

Here live what a trial saw, what a target says to it, its traits and what it costs (docs/experiments/throughput.md).
Must not live here: its plan (agent), its rules (collector), or any verdict.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.experiments.http import TLS_PORT
from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.words import Experiment, TransferDirection, TransferEnd

OVERHEAD: Final = 9_000
"""Bytes of one trial beside what it moves, at most: TCP, a whole TLS handshake, requests and heads."""
USUAL_OVERHEAD: Final = 7_000
SENTINEL_BYTES: Final = 49_152
"""Most that a trial of a sentinel moves."""
WATCHED_BYTES: Final = 24_576
"""The same, while the target is known to be slow."""
UPLOAD_BYTES: Final = 32_768
"""What a trial of the upload mirror moves."""
SENTINEL_PAIRS: Final = 2
"""Pairs of a sentinel at most: a slow one is followed by another."""
PAIRS: Final = 4
"""Control and subject side by side in a paired run, in the order ABBA ABBA."""
LEAST_BYTES: Final = 12_000
"""Bytes below which a transfer tells no rate: less than the first flight of a server (RFC 6928)."""
TRAITS: Final = Traits(
    word=Experiment.THROUGHPUT,
    title="rate of transfer (throughput)",
    transport=Transport.TCP,
    exclusive=True,
    heavy=True,
    cadence="throughput_every",
    rests_from=0.7,
    explained_by=Experiment.TCP,
)
Path = Annotated[str, msgspec.Meta(pattern="^(/[!-~]*)?$(?!\\n)", max_length=1_024)]


class ThroughputParameters(Parameters, frozen=True):
    """What is fetched, and where; always over TLS."""

    path: Annotated[str, msgspec.Meta(pattern="^/[!-~]*$(?!\\n)", max_length=1_024)] = "/"
    """Path and query of something that is longer than a first flight: printable ASCII without spaces."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = TLS_PORT
    sample_bytes: Annotated[int, msgspec.Meta(ge=16_384, le=204_800)] = 65_536
    """Most that one trial of a paired run moves."""
    repeat: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    """How often it is asked for on one connection, where one is too short to tell a rate."""
    control_path: Path = ""
    """What is fetched of the target's neighbour; empty: the neighbour is no control, and the subject's own page is
    asked for under another name in the hello."""


SAMPLE_MS: Final = 100.0
"""Milliseconds within which bytes that are counted together moved, at most: an upload is looked at every 50 ms."""
FINEST_MS: Final = 10.0
"""Milliseconds below which the time of a download is the board's, not the line's: what a busy board reads late lies in
its buffer already and seems to come at once."""
TRAIN_MS: Final = 20.0
"""The same of trains, which are shorter than a transfer."""
SLOWEST_MS: Final = 10_000.0
"""Milliseconds that a download lasts that is ended by its time."""


class ThroughputObservation(Trial, frozen=True, tag="throughput"):
    """One transfer on one connection over TLS."""

    address: str
    port: int
    name: str
    """The name in the hello."""
    host: str = ""
    """The name in the request."""
    path: str = "/"
    direction: TransferDirection = TransferDirection.DOWN
    connect_ms: float | None = None
    """Time to the completed TCP handshake; ``None`` where it did not complete."""
    status: int | None = None
    """HTTP status of the first response; ``None`` where none came."""
    asked_bytes: int | None = None
    """Most bytes that were to be moved."""
    moved_bytes: int = 0
    """TCP payload that arrived behind the request; of an upload, what the server's kernel acknowledged."""
    transfer_ms: float | None = None
    """From the first to the last of them; ``None`` where there were none."""
    goodput_kbps: float | None = None
    """Kilobits a second of the payload after slow start, or of all of it where that was not over; ``None`` below 12,000
    bytes."""
    settled: bool | None = None
    """Whether the rate had stopped growing, so that it is the path's and not slow start's; ``None`` without a rate."""
    train_kbps: float | None = None
    """Kilobits a second within the flights of a download, the pauses of slow start left out: what the narrowest link
    lets through, told also where a transfer ended before it was full (dispersion of packet trains, Dovrolis et al.
    2001). ``None`` where too few bytes came in trains."""
    bin_ms: float = 100.0
    """Width of ``bins``: 100 ms, doubled until they hold the transfer."""
    bins: Annotated[tuple[int, ...], msgspec.Meta(max_length=128)] = ()
    """Bytes that arrived in each, from the first byte on."""
    end: TransferEnd = TransferEnd.UNKNOWN
    segments: int | None = None
    """Segments with payload that the kernel counted, in the transfer's direction; ``None`` where it did not say."""
    lost: int | None = None
    """Of these, those that came behind a hole (received) or were sent again (sent)."""
    rtt_ms: float | None = None
    """The kernel's round trip while bytes moved (receiver's estimate, or the sender's smoothed one)."""
    line_kbps: float | None = None
    """Median rate of the controls that this probe measured earlier; ``None`` where there are too few."""

    @property
    def at_once(self) -> bool:
        """Whether all of an upload moved within one sample, so that no rate can be told of it but the least.

        A download is seen as it arrives: what comes of it at once may be a bucket's burst.
        """
        sampled = self.direction is TransferDirection.UP and self.end is TransferEnd.ENOUGH
        return sampled and self.goodput_kbps is None and self.moved_bytes >= LEAST_BYTES

    @property
    def told_kbps(self) -> float | None:
        """Kilobits a second of the path: behind slow start, or within its flights where that went on to the end."""
        if self.settled is False and self.train_kbps is not None:
            return self.train_kbps
        return self.least_kbps

    @property
    def is_sure(self) -> bool:
        """Whether ``told_kbps`` is the path's rate and no lower bound."""
        return self.settled is not False or self.train_kbps is not None

    @property
    def least_kbps(self) -> float | None:
        """Kilobits a second that it had at least: its rate, or what moves all of it in a sample; ``None``: not told."""
        return self.moved_bytes * 8 / SAMPLE_MS if self.at_once else self.goodput_kbps


def ratio(control: ThroughputObservation, subject: ThroughputObservation) -> float | None:
    """Return the subject's rate over the control's.

    0 where the subject froze alone; 1 where all of it moved at once; at most 1 where all of the control's did, since
    the control's least rate stands for its rate then. Downloads count as no faster than what moves as many bytes in
    ``FINEST_MS``; one that ran out of time below ``LEAST_BYTES`` as no slower than what moves these in its time.
    Where slow start took all of the control, its rate is the round trip's on both sides: then what counts is the rate
    within flights, if both tell it, or the whole's if that is less and the subject had left slow start.
    ``None`` where either tells none.
    """
    if control.least_kbps is None:
        return None
    if subject.end is TransferEnd.FROZEN and control.end is not TransferEnd.FROZEN:
        return 0.0
    if subject.at_once:
        return 1.0
    ours, down = subject.goodput_kbps, subject.direction is control.direction is TransferDirection.DOWN
    if ours is None and down and subject.end is TransferEnd.TIME:
        ours = LEAST_BYTES * 8 / SLOWEST_MS
    if ours is None:
        return None
    if down:
        flights = _ratio_of_trains(control, subject)
        if flights is not None and subject.settled is False:
            return flights
        most = max(LEAST_BYTES, min(control.moved_bytes, subject.moved_bytes)) * 8 / FINEST_MS
        whole = min(ours, most) / min(control.least_kbps, most)
        return whole if flights is None else min(whole, flights)
    found = ours / control.least_kbps
    return min(1.0, found) if control.at_once else found


def _ratio_of_trains(control: ThroughputObservation, subject: ThroughputObservation) -> float | None:
    """Return the subject's rate within flights over the control's, where that is needed and both are told."""
    if control.settled is not False or control.train_kbps is None or subject.train_kbps is None:
        return None
    return subject.train_kbps / control.train_kbps


def spent(moved: int) -> int:
    """Return the bytes of one trial at most, both directions with headers and acknowledgements."""
    return OVERHEAD + moved * 11 // 10


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions: no trial ends early.

    A sentinel is one pair, and once more one where the first is slow; a paired run four of them, and with a helper as
    many of the upload mirror.
    """
    most = shape.target.parameters_of(ThroughputParameters).sample_bytes
    pairs, most = (PAIRS, most) if shape.paired else (SENTINEL_PAIRS, min(most, SENTINEL_BYTES))
    return 2 * pairs * (spent(most) + (spent(UPLOAD_BYTES) if shape.controls else 0))


def usual(shape: RunShape) -> int:
    """Return the bytes of a run on a line that is too fast for a trial to end early, where no pair is repeated."""
    most = shape.target.parameters_of(ThroughputParameters).sample_bytes
    pairs, most = (PAIRS, most) if shape.paired else (1, min(most, SENTINEL_BYTES))
    return 2 * pairs * (usually(most) + (usually(UPLOAD_BYTES) if shape.controls else 0))


def usually(moved: int) -> int:
    """Return the bytes of one trial, both directions."""
    return USUAL_OVERHEAD + moved * 21 // 20
