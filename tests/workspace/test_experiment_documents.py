"""Each experiment has its document, and the bytes that it states are those of the one cost table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from balise_wire.assignment import Target
from balise_wire.experiments import MEASURED, OF_TARGETS, cost, usual
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Design, Experiment, TargetRole

TARGET = Target(id="s/web/a.example/4", service="s", role=TargetRole.WEB, host="a.example", addresses=("198.18.1.1",))
CONTROLS = 3
"""As docs/experiments/schedule.md says of these figures."""
_USUAL = re.compile(r"\busually (\d+(?:\.(\d+))?) KB")
_MOST = re.compile(r"\bat most (\d+(?:\.(\d+))?) KB")


def stated(document: Path) -> list[str]:
    """Return the cells of a document's row of bytes: the sentinel's, and the paired run's where there is one."""
    rows = [line for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("| bytes |")]
    assert len(rows) == 1, f"{document.name} has no row of bytes, or several"
    return [cell.strip() for cell in rows[0].strip("|").split("|")][1:]


@pytest.mark.parametrize("word", MEASURED)
def test_bytes_are_those_of_the_cost_table(repo_root: Path, word: Experiment) -> None:
    """A cell says what a run usually costs and what at most, as exactly as it is written."""
    cells = stated(repo_root / "docs" / "experiments" / f"{word.value}.md")
    designs = [Design.SENTINEL, Design.PAIRED] if word in OF_TARGETS else [Design.SENTINEL]
    assert len(cells) == len(designs)
    for cell, design in zip(cells, designs, strict=True):
        shape = RunShape(target=TARGET, design=design, controls=CONTROLS)
        for pattern, size in ((_USUAL, usual(word, shape) / 1000), (_MOST, cost(word, shape) / 1000)):
            figure = pattern.search(cell)
            assert figure, f"{word.value}: {cell!r} states no KB after {pattern.pattern}"
            assert float(figure[1]) == round(size, len(figure[2] or "")), f"{word.value}, {design}: {size} KB"
