"""The version of the rules follows the code that judges: by itself, with any change of a condition, and no other."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from balise_collector.judge import RULES_VERSION
from balise_collector.judge import version as versions
from balise_wire.words import Experiment

_MODULE: Final = '''
"""A module."""
from __future__ import annotations

MOST = 3
"""Attempts."""

def condition(found: int, name: str) -> str | None:
    """Say it."""
    return f"{name!r:>{MOST}} of {found}" if found > MOST and name != "" else None
'''


def _digest(text: str) -> str:
    return versions.digest({"m": ast.parse(text)})


@pytest.mark.slow
def test_the_rules_bear_the_version_of_the_code_that_is_installed() -> None:
    """A verdict names the code that made it: what is imported and what is digested are one."""
    modules = versions.deciding()
    assert versions.digest(modules) == versions.version() == RULES_VERSION
    machinery = ("context", "fingerprints", "injection", "limits", "record", "references", "rules", "verdict")
    assert {f"balise_collector.judge.{name}" for name in machinery} <= set(modules)
    assert "balise_collector.conclude.judgement" in modules
    parts = {f"{word}.{part}" for word in Experiment.known() for part in ("facts", "rules", "references")}
    assert {f"balise_collector.experiments.{part}" for part in parts} <= set(modules)


@pytest.mark.slow
def test_every_number_comparison_and_connective_of_the_judge_moves_the_version() -> None:
    """Nobody has to remember a number: at a430c09 one measurement was blocked and insufficient under one version."""
    changed = 0
    for name, tree in versions.deciding().items():
        before = versions.canonical(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value is not True:
                node.value += 1
            elif isinstance(node, ast.Compare):
                node.ops[0] = ast.IsNot() if isinstance(node.ops[0], ast.Is) else ast.Is()
            elif isinstance(node, ast.BoolOp):
                node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            else:
                continue
            after = versions.canonical(tree)
            assert after != before, f"{name}:{node.lineno}"
            before = after
            changed += 1
    assert changed > 300


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MOST = 3", "MOST = 4"),
        ("found > MOST", "found >= MOST"),
        (" and ", " or "),
        ('name != ""', 'name != " "'),
        ("else None", "else False"),
        ("!r", "!s"),
        (":>{MOST}", ":<{MOST}"),
        (" of {found}", " of {name}"),
        ("if found > MOST", "if not found > MOST"),
    ],
)
def test_a_changed_condition_is_another_version(old: str, new: str) -> None:
    """Constants, comparisons, connectives, texts and what is formatted: each decides."""
    assert old in _MODULE
    assert _digest(_MODULE.replace(old, new)) != _digest(_MODULE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another charter."""'),
        ('"""Attempts."""', ""),
        ('    """Say it."""\n', ""),
        ("MOST = 3\n", "MOST = 3  # as Duan et al. found\n\n\n"),
        ("MOST = 3", "MOST = 0x3"),
        ("found > MOST and", "(found > MOST) and"),
    ],
)
def test_words_about_the_code_are_no_version(old: str, new: str) -> None:
    """A comment, a docstring or a line break re-judges nothing."""
    assert old in _MODULE
    assert _digest(_MODULE.replace(old, new)) == _digest(_MODULE)


def test_what_the_judge_imports_of_the_collector_decides_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that moves to another room of the collector is still a part of the rules; what types need is not."""
    text = versions.source

    def moved(name: str) -> str:
        imports = (
            "from balise_collector.detect.thresholds import BOUND\n"
            "if TYPE_CHECKING:\n    from balise_collector.fleet.members import Member\n"
        )
        return text(name) + imports * (name == "balise_collector.experiments.dns.rules")

    monkeypatch.setattr(versions, "source", moved)
    found = set(versions.deciding())
    assert "balise_collector.detect.thresholds" in found
    assert {"balise_wire.addresses", "balise_wire.bins"} <= found
    assert "balise_wire.words" not in found
    assert "balise_collector.fleet.members" not in found


def test_without_its_source_the_judge_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of bytecode alone must not judge under a version that means nothing."""
    (tmp_path / "bytecode_alone.py").write_text("X = 1\n", encoding="ascii")
    monkeypatch.syspath_prepend(tmp_path)
    compiled = "import py_compile; py_compile.compile('bytecode_alone.py', 'bytecode_alone.pyc')"
    subprocess.run([sys.executable, "-c", compiled], cwd=tmp_path, check=True)
    (tmp_path / "bytecode_alone.py").unlink()
    with pytest.raises(LookupError, match="no source is installed"):
        versions.source("bytecode_alone")


def _others() -> list[str]:
    """Return the other Pythons of this machine that the collector runs on."""
    homes = sorted(Path(sys.base_prefix).parent.glob("3.1[123].*/bin/python3"))
    named = [shutil.which(f"python3.{minor}") for minor in (11, 12, 13)]
    return [str(home) for home in homes] or [name for name in named if name]


@pytest.mark.parametrize("python", _others())
def test_every_python_makes_the_same_version(python: str) -> None:
    """Two collectors of one release that run on two Pythons must not tell two versions (3.12 and 3.13 were tried)."""
    script = f"""
import ast, pathlib, sys, types
folder = pathlib.Path({str(Path(versions.__file__).parent)!r})
module = types.ModuleType("version")
module.__package__ = "balise_collector.judge"
exec(compile((folder / "version.py").read_text(encoding="utf-8"), "version.py", "exec"), module.__dict__)
print(module.digest({{path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in folder.glob("*.py")}}))
"""
    there = subprocess.run([python, "-c", script], check=False, capture_output=True, text=True)
    if there.returncode and "not installed" in there.stderr:
        pytest.skip("a shim without its Python")
    folder = Path(versions.__file__).parent
    here = versions.digest({path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in folder.glob("*.py")})
    assert there.stdout.strip() == here, there.stderr
