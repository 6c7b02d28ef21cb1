"""tools/figures: what it counts, on a tree of a few files that git knows."""

import subprocess
from pathlib import Path

from tests.testbed import scripts

figures = scripts.load("figures")
FILES = {
    "agent/src/balise_agent/__init__.py": "",
    "agent/src/balise_agent/low.py": "class Word:\n    pass\n",
    "agent/src/balise_agent/left.py": "from balise_agent.right import turn\nclass Word:\n    pass\n",
    "agent/src/balise_agent/right/__init__.py": "",
    "agent/src/balise_agent/right/turn.py": "from balise_agent import left, low\n",
    "agent/src/balise_agent/schedule.py": '"""Experiment.TCP"""\nimport x  # Experiment.TCP\nTURN = Experiment.TCP\n',
    "tests/test_a.py": "def test(a: int, b: Any, c, *, d: Any | None) -> None:\n    pass\n",
    "docs/a.md": f"{'x ' * 70}\n| {'x ' * 70}|\n",
}


def test_what_is_counted(tmp_path: Path) -> None:
    """A cycle shares a floor, two classes meet where both modules are imported, and Any is no type."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    told = dict(figures.report(figures.Checkout(tmp_path)))
    agent = "agent: 3 modules and 1 folders at the root, 3 arrows, 2 floors, 1 cycles"
    assert "cycle: left, right" in told[agent]
    assert told["1 of them can meet in one file"] == ["Word: agent/src/balise_agent/right/turn.py"]
    assert told["2 of 4 parameters in tests are Any or have no type"] == [
        "tests/test_a.py:1 test(b)",
        "tests/test_a.py:1 test(c)",
    ]
    assert told["1 lines of the agenda that name an experiment"] == [
        "agent/src/balise_agent/schedule.py:3 TURN = Experiment.TCP"
    ]
    assert told["1 document lines above 120, outside tables"] == ["docs/a.md:1 (140)"]
    assert told["1 document lines above 120, in tables"] == ["docs/a.md:2 (143)"]
