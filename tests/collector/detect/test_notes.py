"""The verdicts worth showing: a history keeps the strongest and the newest, and never more than twenty."""

from __future__ import annotations

from balise_collector.detect.notes import strength
from tests.collector.detect.conftest import Play


def test_the_newest_are_not_crowded_out_by_the_strong(play: Play) -> None:
    """An episode of today is shown though last week's had better proof; proof goes before score."""
    play.run(play.slots(0, 60, play.three, play.between(5, 60)))
    series = next(one for one in play.detector.index.histories() if one.probe == "pk01")
    notes = series.notes or []
    assert 10 <= len(notes) <= 20
    assert len({note.measurement for note in notes}) == len(notes)
    newest = max(note.at for note in notes)
    assert newest >= play.at(58)
    assert min(notes, key=strength).score == max(note.score for note in notes)
