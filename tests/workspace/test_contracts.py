"""A charter's word is held: what calls itself pure stands under an import contract, and no import hides from them."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("wire/src", "agent/src", "collector/src", "lab/src")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
PURE = re.compile(r"\b[Pp]ure\b(?!\)| modules)")
"""In a charter. "From pure modules" and "(limits.py, pure)" speak of others."""
EXCEPT = {
    "balise_agent.net.classify": "names the exceptions of ssl",
    "balise_lab.compare.result": "takes the rows of a tally that SQLite counts",
    "balise_lab.run.chaos": "draws from a seed, and names the lab's programs",
}
HIDDEN = {
    "balise_wire.experiments.traits": "a target holds parameters, and traits ask a target",
}
"""Modules that import something for the type checker only."""


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module of the members, by its dotted name."""
    for root in (ROOT / package for package in PACKAGES):
        for file in sorted(root.rglob("*.py")):
            yield ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"), file


def under_contract(module: str) -> bool:
    """Whether a contract forbids a module the clock and the network, by its name or its folder's."""
    parts = module.split(".")
    ways = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return any(
        ways & set(contract["source_modules"]) and {"socket", "time"} <= set(contract["forbidden_modules"])
        for contract in CONTRACTS["contracts"]
        if contract["type"] == "forbidden"
    )


@pytest.mark.slow
def test_what_calls_itself_pure_stands_under_a_contract() -> None:
    """The word is a promise to whoever imports the module; review does not see an import that is far off."""
    pure = {name for name, file in modules() if PURE.search(ast.get_docstring(ast.parse(file.read_bytes())) or "")}
    assert len(pure) > 80
    assert sorted(name for name in pure if not under_contract(name) and name not in EXCEPT) == []
    assert [name for name in EXCEPT if name not in pure or under_contract(name)] == [], "no longer an exception"


@pytest.mark.slow
def test_no_import_hides_behind_the_type_checker() -> None:
    """An arrow that only annotations need is an arrow: it is in the graph, or in the list with its reason."""
    assert CONTRACTS["exclude_type_checking_imports"] is False
    hidden = {
        name
        for name, file in modules()
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.If)
        and "TYPE_CHECKING" in ast.unparse(node.test)
        and any(isinstance(one, ast.Import | ast.ImportFrom) for one in node.body)
    }
    assert hidden == set(HIDDEN)


def test_this_test_sees_a_promise_that_nobody_holds() -> None:
    """Words that speak of other modules are none."""
    assert PURE.search("Counting words. Pure.")
    assert PURE.search("What may enter: pure, total")
    assert not PURE.search("the rules come from pure modules")
    assert not PURE.search("the rules (limits.py, pure)")
    assert not under_contract("balise_collector.run.app")
