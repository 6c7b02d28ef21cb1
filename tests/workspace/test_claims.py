"""docs/claims.md: what is named there exists, and every claim has a line."""

import re
from pathlib import Path

from balise_lab.field.load import load


def _rows(repo_root: Path) -> dict[str, list[str]]:
    text = (repo_root / "docs" / "claims.md").read_text(encoding="utf-8")
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| S")
    ]
    return {row[0]: row[1:] for row in cells}


def test_every_claim_has_a_line(repo_root: Path) -> None:
    """The mission has 24."""
    assert list(_rows(repo_root)) == [f"S{n}" for n in range(1, 25)]


def test_what_shows_a_claim_exists(repo_root: Path) -> None:
    """Who renames a scenario, a situation or a test hears of it here; and nothing is claimed that nothing shows."""
    situations = {
        one.id for file in sorted((repo_root / "tests/field/situations").glob("*.yaml")) for one in load(file)
    }
    rows = _rows(repo_root)
    assert all(shown or "**open**" in state for _, state, shown in rows.values())
    prose = (repo_root / "docs" / "claims.md").read_text(encoding="utf-8").partition("\n| S1 |")
    beside = " ".join(line for line in prose[2].splitlines() if not line.startswith("| S"))
    for claim, shown in [*((claim, row[-1]) for claim, row in rows.items()), ("beside the table", beside)]:
        for name in re.findall(r"scenario `([^`]+)`", shown):
            assert (repo_root / "tests" / "scenarios" / f"{name}.yaml").exists(), (claim, name)
        for name in re.findall(r"situation `([^`]+)`", shown):
            assert name in situations, (claim, name)
        for name in re.findall(r"`(tests/[^`]+)`", shown):
            assert (repo_root / name).exists(), (claim, name)
