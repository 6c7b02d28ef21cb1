"""Every experiment against every box and every ordinary fault, as docs/matrix.md shows it, in the virtual field."""

from pathlib import Path

import pytest

from balise_lab.matrix.play import idle, in_field
from balise_lab.matrix.rows import ROWS, Row
from balise_lab.matrix.table import table, wrong


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_box_is_told_by_its_experiment_and_no_fault_is_judged(row: Row, repo_root: Path) -> None:
    """The row comes out as it must, and as docs/matrix.md shows it (`make matrix` writes that anew)."""
    outcome = in_field(row)
    assert list(wrong(row, outcome)) == []
    line = table([(row, outcome)]).splitlines()[-1]
    assert line in (repo_root / "docs" / "matrix.md").read_text(encoding="utf-8").splitlines()


def test_boxes_that_touched_no_packet_are_named() -> None:
    """One of two homes was enough; what has no counter is not known."""
    boxes = [
        {"kind": kind, "counters": counters}
        for kind, counters in (("wifi", {"fired": 0}), ("wifi", {"fired": 3}), ("loss", {"fired": 0}), ("power", {}))
    ]
    assert idle(boxes) == {"loss"}
