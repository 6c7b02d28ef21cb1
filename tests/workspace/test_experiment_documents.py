"""Each experiment has its document, and the bytes that it states are those of the one cost table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from balise_wire.assignment import Target
from balise_wire.experiments import MEASURED, OF_TARGETS, cost
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Design, Experiment, TargetRole

TARGET = Target(id="s/web/a.example/4", service="s", role=TargetRole.WEB, host="a.example", addresses=("198.18.1.1",))
CONTROLS = 3
"""As docs/experiments/schedule.md says of these figures."""
_FIGURE = re.compile(r"(\d+(?:\.(\d+))?) KB")


def stated(document: Path) -> list[str]:
    """Return the cells of a document's row of bytes: the sentinel's, and the paired run's where there is one."""
    rows = [line for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("| bytes |")]
    assert len(rows) == 1, f"{document.name} has no row of bytes, or several"
    return [cell.strip() for cell in rows[0].strip("|").split("|")][1:]


@pytest.mark.parametrize("word", MEASURED)
def test_bytes_are_those_of_the_cost_table(repo_root: Path, word: Experiment) -> None:
    """The first figure of a cell is the cost of that run, as exactly as it is written."""
    cells = stated(repo_root / "docs" / "experiments" / f"{word.value}.md")
    designs = [Design.SENTINEL, Design.PAIRED] if word in OF_TARGETS else [Design.SENTINEL]
    assert len(cells) == len(designs)
    for cell, design in zip(cells, designs, strict=True):
        figure = _FIGURE.search(cell)
        assert figure, f"{word.value}: {cell!r} states no KB"
        size = cost(word, RunShape(target=TARGET, design=design, controls=CONTROLS)) / 1000
        assert float(figure[1]) == round(size, len(figure[2] or "")), f"{word.value}, {design}: {size} KB"
