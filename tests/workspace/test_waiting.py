"""No test waits by the clock: it waits for what has to come (tests/testbed/waiting.py), and fails without it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def sleeps(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that let time pass: ``sleep(2)``, or a wait on an event that nobody could ever set."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        fresh = isinstance(node.func.value, ast.Call) and ast.unparse(node.func.value.func).endswith("Event")
        if node.func.attr == "sleep" or (node.func.attr == "wait" and fresh):
            yield node.lineno


def test_no_test_waits_by_the_clock() -> None:
    """In tests and fixtures; programs that play a part (servers, plays in namespaces) have deadlines of their own."""
    files = [*TESTS.rglob("test_*.py"), *TESTS.rglob("conftest.py")]
    assert len(files) > 200
    found = [
        f"{file.relative_to(TESTS)}:{line}" for file in sorted(files) for line in sleeps(ast.parse(file.read_bytes()))
    ]
    assert found == [], "wait for it with tests.testbed.waiting.eventually"


def test_a_wait_by_the_clock_is_seen() -> None:
    """Both disguises; a wait on an event that somebody sets is none."""
    assert list(sleeps(ast.parse("time.sleep(1)\nthreading.Event().wait(0.2)\n"))) == [1, 2]
    assert list(sleeps(ast.parse("done.wait(5)\nself.stopping.wait(1)\n"))) == []
