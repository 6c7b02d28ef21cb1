"""What a person may read on the card or write into it stands in docs/card.md."""

from __future__ import annotations

from pathlib import Path

from balise_agent.provisioning.card.findings import CardProblem
from balise_agent.provisioning.card.reading import KEYS

PAGE = (Path(__file__).parents[4] / "docs" / "card.md").read_text()


def test_every_finding_is_explained() -> None:
    """A row for each id, and no row without one."""
    rows = [line.split("`")[1] for line in PAGE.partition("## Findings")[2].splitlines() if line.startswith("| `")]
    assert rows == [problem.value for problem in CardProblem]


def test_every_key_is_explained() -> None:
    """A row for each key of the file."""
    rows = {line.split("`")[1] for line in PAGE.partition("## The keys")[2].splitlines() if line.startswith("| `")}
    assert {f"[{table}] {key}" if table else key for table, key in KEYS} <= rows
