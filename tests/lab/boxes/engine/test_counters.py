"""What a box counted, read by another process."""

from pathlib import Path

from balise_lab.boxes.engine.counters import Counters, Tally, read


def test_a_reading_is_there_while_the_box_works_and_after_it(tmp_path: Path) -> None:
    """It stands in a file, not in the program."""
    path = tmp_path / "counted"
    assert read(path) == Counters()
    tally = Tally(path)
    tally.add(seen=3, matched=2, flows=1)
    assert read(path) == Counters(3, 2, 0, 1)
    tally.add(fired=2)
    del tally
    assert read(path).plus(Counters(1, 1, 1)) == Counters(4, 3, 3, 1)
