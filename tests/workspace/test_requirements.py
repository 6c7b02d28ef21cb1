"""Each member declares what it imports: a package that another member happens to bring is not there on a probe."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

MEMBERS = ("wire", "agent", "collector", "lab")


def normalised(name: str) -> str:
    """The name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(source: Path) -> Iterator[str]:
    """Top-level names that the modules under a folder import, wherever in the file they do."""
    for file in source.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.split(".")[0]


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_declares_what_it_imports(repo_root: Path, member: str) -> None:
    """`pip install balise-agent` on a Raspberry Pi must bring everything the agent imports."""
    project = tomllib.loads((repo_root / member / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [line for extra in project.get("optional-dependencies", {}).values() for line in extra]
    declared = {
        normalised(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in (*project["dependencies"], *optional)
    }
    # A package of an extra need not be installed here; then its import name goes by the name of the distribution.
    # An editable member of ours tells no import names at all.
    brought_by = dict(packages_distributions()) | {f"balise_{name}": [f"balise-{name}"] for name in MEMBERS}
    foreign = set(imported(repo_root / member / "src")) - set(sys.stdlib_module_names) - {f"balise_{member}"}
    undeclared = {
        name
        for name in foreign
        if not {normalised(brought) for brought in brought_by.get(name, [f"{name}-python"])} & declared
    }
    assert not undeclared, f"{member}/pyproject.toml does not name what brings {', '.join(sorted(undeclared))}"
