"""The reference of kinds: what people read is what the lab is made of."""

from pathlib import Path

from balise_lab.boxes.engine.registry import KINDS
from balise_lab.scenario.reference import tables


def test_the_documented_reference_is_the_registry(repo_root: Path) -> None:
    """docs/scenarios.md holds both tables as `balise-lab kinds` prints them."""
    assert tables(KINDS) in (repo_root / "docs" / "scenarios.md").read_text(encoding="utf-8")


def test_every_parameter_has_one_row_whatever_kinds_take_it() -> None:
    """One name is one parameter; where kinds differ in what it is unless given, the row says so."""
    rows = [row for row in tables(KINDS).splitlines() if row.startswith("| `inline`")]
    assert rows == ["| `inline` | no: it forges, and the true packets pass | yes or no | yes; `dns.inject`: no |"]
