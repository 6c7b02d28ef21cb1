"""A detector as bytes: it goes on from them as if it had never stopped."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.detect import Detector
from tests.collector.detect.conftest import Play


def test_a_snapshot_is_read_back_as_it_was(play: Play) -> None:
    """Histories, silence, episodes and notes: written again, the bytes are the same."""
    play.run(play.slots(0, 40, play.seven, play.between(20, 40)))
    data = play.detector.snapshot()
    again = Detector()
    again.restore(data, play.at(40))
    assert again.snapshot() == data
    assert again.episodes == play.detector.episodes
    assert again.index.references == play.detector.index.references


def test_what_explains_a_failure_outlives_a_restart(play: Play) -> None:
    """That a service was down, and a line dead: a verdict that comes behind the restart must not be dated by it."""
    play.run(play.slots(0, 10, play.seven))
    probe = play.three[0].probe
    play.detector.index.probes[probe].unwell = play.at(9)
    (series, *_) = [one for one in play.detector.index.histories() if one.probe == probe]
    series.explained = int(play.at(8))
    again = Detector()
    again.restore(play.detector.snapshot(), play.at(10))
    assert again.index.probes[probe].unwell == play.at(9)
    assert series.explained in {one.explained for one in again.index.histories() if one.probe == probe}


@pytest.mark.parametrize("data", [b"", b"\x80", msgspec.msgpack.encode({"codes": [["no.such", "insufficient", None]]})])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    """Whoever is given one of another version starts from the journal instead."""
    with pytest.raises(msgspec.DecodeError):
        Detector().restore(data)
