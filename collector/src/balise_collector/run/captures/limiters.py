"""What holds a captured transfer down: a policer, a shaper, or a path that loses packets. Pure.

A shaper delivers at its rate whatever is sent, so that most of what is acknowledged comes at one pace, and its queue
makes round trips longer. A policer passes what a token bucket has tokens for and drops the rest at once: which segments
die follows from when they were sent. On a lossy path nothing tells which die. After Flach et al. 2016 ("An
internet-wide analysis of traffic policing"), whose bucket is fitted here with its size, since a policer's small bucket
overflows while a sender waits; connections between two hosts share one limit. Must not live here: reading captures
(transmissions.py).
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

LEAST_LOSSES: Final = 15
"""Losses, and segments that passed, without which a bucket fits anything (Flach et al. 2016)."""
LEAST_WINDOWS: Final = 50
_WINDOW: Final = 2
"""Acknowledgements over which a pace is taken: few, since over a round trip every sender has one pace."""
_ALIKE: Final = 0.15
ONE_PACE: Final = 0.5
"""Share of the windows within 15 % of the median from which on a shaper sets the pace; real shapers have 0.73 to 0.98,
policers and lossy paths 0.02 to 0.20."""
FITS: Final = 0.7
"""Balanced share of losses and passes that a bucket foretells, as the median over thirds of a capture; real policers
have 0.79 to 1.0, lossy paths 0.55 to 0.62, and chance 0.5."""
_THIRDS: Final = 3
_LOOKED_AT: Final = 4_000
"""Segments of a third."""
_RATES: Final = tuple(0.85 * 1.1**step for step in range(16))
"""Of the goodput: a bucket that overflows has more than what it lets through."""
_BUCKETS: Final = tuple(3_000.0 * 1.6**step for step in range(14))
"""Bytes, 3 KB to 1.4 MB."""
_LEAST_SECONDS: Final = 1e-4


class Limiter(StrEnum):
    """What was found."""

    POLICED = "policed"
    SHAPED = "shaped"
    LOSSY = "lossy"
    NONE = "none"
    """Too little was lost, and nothing sets a pace."""


class Sent(NamedTuple):
    """One segment with payload, as it left its sender."""

    at: float
    """Seconds."""
    size: int
    lost: bool
    delivered: float | None
    """When it was acknowledged; ``None`` where it was not."""


class Found(NamedTuple):
    """What holds a transfer down, and by what it was told."""

    limiter: Limiter
    loss: float
    pace: float
    """Share of windows at one pace; 0 where there were too few."""
    bucket: float
    """How well a token bucket foretells what is lost; 0 where too little was."""
    kbps: float
    """Goodput from the first to the last segment."""


def classify(segments: Sequence[Sent]) -> Found:
    """Tell what holds a transfer down.

    Args:
        segments: of all connections between two hosts in one direction, in the order of time.
    """
    losses = sum(each.lost for each in segments)
    pace, bucket = one_pace(segments), 0.0
    limiter = Limiter.NONE
    if pace >= ONE_PACE:
        limiter = Limiter.SHAPED
    elif LEAST_LOSSES <= losses <= len(segments) - LEAST_LOSSES:
        bucket = fitted(segments)
        limiter = Limiter.POLICED if bucket >= FITS else Limiter.LOSSY
    passed = sum(each.size for each in segments if not each.lost)
    lasted = segments[-1].at - segments[0].at if segments else 0.0
    return Found(
        limiter,
        losses / len(segments) if segments else 0.0,
        pace,
        bucket,
        passed * 8 / 1000.0 / lasted if lasted > 0.0 else 0.0,
    )


def one_pace(segments: Sequence[Sent]) -> float:
    """Return the share of windows of delivery that have the median's pace, within 15 %."""
    sizes: defaultdict[float, int] = defaultdict(int)
    for each in segments:
        if each.delivered is not None:
            sizes[each.delivered] += each.size
    arrived = sorted(sizes.items())
    paces = [
        sum(size for _, size in arrived[at + 1 : at + _WINDOW + 1])
        / max(arrived[at + _WINDOW][0] - arrived[at][0], _LEAST_SECONDS)
        for at in range(0, len(arrived) - _WINDOW, _WINDOW)
    ]
    if len(paces) < LEAST_WINDOWS:
        return 0.0
    middle = statistics.median(paces)
    return sum(abs(pace - middle) < _ALIKE * middle for pace in paces) / len(paces)


def fitted(segments: Sequence[Sent]) -> float:
    """Return how well the best token bucket foretells what is lost: the median over thirds of a transfer."""
    size = len(segments) // _THIRDS
    thirds = [segments[part * size : (part + 1) * size][:_LOOKED_AT] for part in range(_THIRDS)]
    return statistics.median(_best(third) for third in thirds)


def _best(segments: Sequence[Sent]) -> float:
    """Return the best bucket's word on one stretch."""
    lasted = segments[-1].at - segments[0].at if segments else 0.0
    if lasted <= 0.0:
        return 0.0
    goodput = sum(each.size for each in segments if not each.lost) / lasted
    return max(_foretold(segments, goodput * rate, bucket) for rate in _RATES for bucket in _BUCKETS)


def _foretold(segments: Sequence[Sent], rate: float, bucket: float) -> float:
    """Return the mean of the shares of losses and of passes that a bucket foretells; 0 where there are not both.

    Args:
        segments: in the order of time.
        rate: bytes a second.
        bucket: bytes that it holds at most.
    """
    tokens, before = bucket, segments[0].at
    dropped = passed = losses = passes = 0
    for each in segments:
        tokens = min(bucket, tokens + rate * (each.at - before))
        before = each.at
        short = tokens < each.size
        if each.lost:
            losses += 1
            dropped += short
        else:
            passes += 1
            passed += not short
            tokens = max(tokens - each.size, -bucket)
    return (dropped / losses + passed / passes) / 2 if losses and passes else 0.0
