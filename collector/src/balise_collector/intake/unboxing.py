"""From what a broker delivered to signed frames: boxes are opened, carriers are taken apart. Pure.

A probe boxes what it keeps, so that nobody who takes its disk reads it, itself included: what an earlier run recorded
and had not sealed into a batch goes on in a *carrier*, an envelope with a sequence of its own around boxes that the
probe could only pass on. Each of them is decided about as if it had come alone, by ``validate``. Must not live here:
keys' storage (identity), what is believable (validate).
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from balise_collector.fleet.members import Fleet
from balise_collector.intake.validate import DEFAULT_LIMITS, Accepted, Gate, Limits, Quarantined, validate
from balise_collector.journal.clock_offset import ProbeClocks
from balise_wire.box import Opener, is_box
from balise_wire.seal import SealError
from balise_wire.topics import ProbeTopic

_DEEPEST: Final = 4
"""Carriers within carriers: a probe whose disk was damaged again passes on what it passed on before."""
_CARRIED_BYTES: Final = 16 * 1024 * 1024
"""Decompressed envelopes of one delivery; a probe fills a carrier with 64 KiB of boxes."""


class Letter(NamedTuple):
    """One signed message of a delivery."""

    frame: bytes
    """As it was signed; as it was delivered where it did not open."""
    outcome: Accepted | Quarantined


def letters(
    topic: ProbeTopic,
    payload: bytes,
    fleet: Fleet,
    received_at: float,
    opener: Opener,
    limits: Limits = DEFAULT_LIMITS,
    clocks: ProbeClocks | None = None,
    gate: Gate | None = None,
) -> Iterator[Letter]:
    """Yield everything in one delivery: the message itself and, after a carrier, what it carried.

    What was carried is in no stream: the carrier has the sequence.

    Args:
        topic: that it came on.
        payload: a sealed frame, or a box around one.
        fleet: who may speak.
        received_at: UNIX seconds on the collector's clock.
        opener: opens what was boxed for us.
        limits: bounds of the believable.
        clocks: what earlier messages told of the probes' clocks; each letter adds to it.
        gate: asked before a body is read.
    """
    left = _CARRIED_BYTES
    waiting = [(payload, 0)]
    while waiting:
        content, depth = waiting.pop()
        bounded = msgspec.structs.replace(limits, body_bytes=min(limits.body_bytes, left)) if depth else limits
        frame, refused = _opened(topic.probe, content, opener, limits, depth)
        letter = Letter(
            frame, refused or validate(topic, frame, fleet, received_at, bounded, clocks, carried=depth > 0, gate=gate)
        )
        envelope = letter.outcome.envelope
        if depth and envelope is not None:
            left = max(0, left - len(envelope.body))
            bare = msgspec.structs.replace(envelope, stream="", sequence=0, oldest=0)
            letter = letter._replace(outcome=msgspec.structs.replace(letter.outcome, envelope=bare))
        yield letter
        if isinstance(letter.outcome, Accepted):
            waiting.extend((part, depth + 1) for part in reversed(letter.outcome.carried))


def _opened(probe: str, content: bytes, opener: Opener, limits: Limits, depth: int) -> tuple[bytes, Quarantined | None]:
    """Return what was in a box, what is bare as it is, or why it cannot be had."""
    if depth > _DEEPEST:
        return content, Quarantined(reason=f"carried {depth} deep; {_DEEPEST} are read", raw=content, probe=probe)
    if not is_box(content) or len(content) > limits.batch_bytes:
        return content, None
    try:
        return opener.open(content), None
    except SealError as error:
        return content, Quarantined(reason=f"box: {error}", raw=content, probe=probe)
