"""docs/troubleshooting.md holds every id that a person may meet, with the words they meet it in, and none besides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from balise_agent.provisioning.card.findings import CardProblem
from balise_agent.system.problems import PROBLEMS, ProblemId
from balise_collector.words.tables import WHYS
from balise_wire.enrolment import Refusal

KINDS = {
    "## Why not ticked": [*Refusal.known()],
    "## What the doctor finds": [*ProblemId],
    "## The card": [*CardProblem],
}
"""Section of the document, and the ids whose rows it holds."""


@pytest.fixture(scope="module")
def page(repo_root: Path) -> str:
    """Return the document."""
    return (repo_root / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """Return the part of the document from a heading of the second rank to the next one."""
    return re.split(r"\n## ", page.partition(f"\n{title}")[2])[0]


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of each row that begins with an id."""
    found = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {cells[0].split("`")[1]: cells for cells in found}


@pytest.mark.parametrize("title", KINDS)
def test_each_id_has_its_row_and_none_is_made_up(page: str, title: str) -> None:
    """Who quotes an id finds it, and every id in the tables is one that a program says."""
    assert sorted(rows(section(page, title))) == sorted(kind.value for kind in KINDS[title])


def test_the_doctors_rows_follow_the_order_of_cause(page: str) -> None:
    """Mending goes from the top: the tables read in the order in which the doctor looks."""
    told = [ProblemId(one) for one in rows(section(page, "## What the doctor finds"))]
    assert told == list(ProblemId)


def test_the_boxs_sentences_are_the_ones_it_says(page: str) -> None:
    """A sentence copied from the status file is found word for word."""
    for one, cells in rows(section(page, "## What the doctor finds")).items():
        assert cells[1] == PROBLEMS[ProblemId(one)].told, one


def test_the_fleets_words_are_the_ones_it_shows(page: str) -> None:
    """Every reason for a silence has its row, and no row another reason."""
    text = section(page, "## Why silent")
    told = [line.strip("| ").split(" | ")[0] for line in text.splitlines() if line.startswith("| ")][1:]
    assert sorted(told) == sorted(WHYS.values())


def test_every_mend_is_told(page: str) -> None:
    """No row ends in an empty cell: who comes here wants to know what to do."""
    for title in KINDS:
        for one, cells in rows(section(page, title)).items():
            assert cells[-1].strip("| "), one
            assert len(cells) == 4, (one, cells)
