"""Policer, shaper and lossy path told apart: in the model, and in the captures of Flach et al. 2016."""

from __future__ import annotations

import lzma
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from balise_collector.run.captures.limiters import Limiter, Sent, classify
from balise_collector.run.captures.transmissions import transmissions

SEGMENT = 1_448
RTT = 0.1


def flow(passes: Callable[[float, int], float | None], seconds: float = 60.0, seed: int = 3) -> list[Sent]:
    """Return what a sender that halves its rate at a loss, and else adds to it, sends over a path.

    Args:
        passes: from when and how many bytes are sent to when they arrive, or ``None`` for lost.
        seconds: for which it sends.
        seed: of the gaps between segments.
    """
    draw, at, window, found = random.Random(seed), 0.0, 10.0, list[Sent]()
    while at < seconds:
        burst = [at + 0.0002 * place + 0.001 * draw.random() for place in range(max(2, int(window)))]
        came = [passes(when, SEGMENT) for when in sorted(burst)]
        found += [Sent(when, SEGMENT, one is None, one) for when, one in zip(sorted(burst), came, strict=True)]
        lost = sum(one is None for one in came)
        window = max(2.0, window / 2) if lost else window + 1.0
        last = max((one for one in came if one is not None), default=at)
        at = max(at + RTT, last) + 0.0005
    return found


def policer(kbps: float, bucket: float) -> Callable[[float, int], float | None]:
    """Return a token bucket that drops."""
    state = {"tokens": bucket, "at": 0.0}

    def passes(at: float, size: int) -> float | None:
        state["tokens"] = min(bucket, state["tokens"] + kbps * 125.0 * (at - state["at"]))
        state["at"] = at
        if state["tokens"] < size:
            return None
        state["tokens"] -= size
        return at + RTT

    return passes


def shaper(kbps: float, queue: float) -> Callable[[float, int], float | None]:
    """Return a queue that is emptied at a rate."""
    state = {"free": 0.0}

    def passes(at: float, size: int) -> float | None:
        begins = max(at, state["free"])
        if (begins - at) * kbps * 125.0 > queue:
            return None
        state["free"] = begins + size / (kbps * 125.0)
        return state["free"] + RTT

    return passes


def lossy(share: float) -> Callable[[float, int], float | None]:
    """Return a path that loses at random."""
    draw = random.Random(9)
    return lambda at, _size: None if draw.random() < share else at + RTT


@pytest.mark.parametrize("kbps", [500.0, 3_000.0])
@pytest.mark.parametrize("bucket", [8_000.0, 100_000.0])
def test_a_policer_is_told(kbps: float, bucket: float) -> None:
    """Down to half a megabit, where a window is a few segments."""
    assert classify(flow(policer(kbps, bucket))).limiter is Limiter.POLICED


@pytest.mark.parametrize("kbps", [500.0, 3_000.0])
@pytest.mark.parametrize("queue", [30_000.0, 300_000.0])
def test_a_shaper_is_told(kbps: float, queue: float) -> None:
    """Whether or not its queue overflows, which drops as a bucket does."""
    assert classify(flow(shaper(kbps, queue))).limiter is Limiter.SHAPED


@pytest.mark.parametrize("share", [0.01, 0.02, 0.05])
def test_a_lossy_path_is_told(share: float) -> None:
    """No bucket foretells chance."""
    assert classify(flow(lossy(share), 300.0)).limiter is Limiter.LOSSY


def test_too_little_tells_nothing() -> None:
    """A few segments fit any bucket."""
    assert classify(flow(lossy(0.01), 3.0)).limiter is Limiter.NONE
    assert classify([]).limiter is Limiter.NONE


def truth(name: str) -> Limiter:
    """Return what a capture's name says of it (FILENAMES.md)."""
    if "LOSS=0%" not in name:
        return Limiter.LOSSY
    return Limiter.POLICED if "PCIR=" in name else Limiter.SHAPED


@pytest.mark.real_data
def test_the_captures_of_a_laboratory_are_told_apart(shared_data: Path) -> None:
    """Flach et al. 2016, 0.5 to 10 Mb/s: each kind in nine of ten at least, and no more is told as it."""
    captures = sorted((shared_data / "policing").glob("*.pcap.xz"))
    assert captures
    matrix: Counter[tuple[Limiter, Limiter]] = Counter()
    for path in captures:
        found = transmissions(lzma.decompress(path.read_bytes()))
        most = max(found.values(), key=len)
        matrix[truth(path.name), classify(most).limiter] += 1
    for kind in (Limiter.POLICED, Limiter.SHAPED, Limiter.LOSSY):
        of_kind = sum(count for (true, _), count in matrix.items() if true is kind)
        told = sum(count for (_, said), count in matrix.items() if said is kind)
        assert matrix[kind, kind] >= 0.9 * of_kind > 0, matrix
        assert matrix[kind, kind] >= 0.9 * told, matrix
