"""Tests mirror the tree: a module's tests stand where its name says, and a test file names the module that it tests.

`mirror.toml` beside this file lists what does not, by its reason. Must not live here: how well anything is tested.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = tomllib.loads(Path(__file__).with_name("mirror.toml").read_text(encoding="utf-8"))
MEMBERS = {
    "wire": ROOT / "wire/src/balise_wire",
    "agent": ROOT / "agent/src/balise_agent",
    "collector": ROOT / "collector/src/balise_collector",
    "lab": ROOT / "lab/src/balise_lab",
    "dashboards": ROOT / "dashboards/balise_dashboards",
    "image": ROOT / "image/balise_image",
}
"""Folder of tests -> the package that it mirrors. All other folders of tests are about whole programs or the tree."""


def does_something(file: Path) -> bool:
    """Whether a module has a function or a class; an `__init__` without is a title page."""
    code = ast.parse(file.read_bytes()).body
    return file.stem != "__init__" or any(isinstance(one, ast.FunctionDef | ast.ClassDef) for one in code)


def modules() -> Iterator[tuple[Path, Path, str]]:
    """Yield every module that does something, the folder of its tests, and the name that they begin with."""
    for member, package in MEMBERS.items():
        for file in sorted(package.rglob("*.py")):
            place = file.relative_to(package)
            if place == Path("__init__.py") or not does_something(file):
                continue
            word = place.parent.name if file.stem == "__init__" else place.stem
            yield file, ROOT / "tests" / member / place.parent, f"test_{word.lstrip('_')}"


def name(path: Path) -> str:
    """A path as the list has it."""
    return path.relative_to(ROOT).as_posix()


WITHOUT = [module for group in LIST["without"] for module in group["modules"]]
ALONE = [test for group in LIST["alone"] for test in group["tests"]]


def test_every_module_has_its_tests() -> None:
    """`x/y.py` has `tests/<member>/x/test_y.py` (or `test_y_*.py`), or stands in the list."""
    bare = {
        name(file)
        for file, folder, start in modules()
        if not (folder / f"{start}.py").exists() and not any(folder.glob(f"{start}_*.py"))
    }
    missing, stale = sorted(bare - set(WITHOUT)), sorted(set(WITHOUT) - bare)
    assert not missing, "modules without tests of their name: write some, or give the reason in mirror.toml"
    assert not stale, "lines of mirror.toml that are no longer needed, or name no module: take them out"


def test_every_test_file_has_its_module() -> None:
    """`tests/<member>/x/test_y_z.py` is about `x/y_z.py`, `x/y.py` or the whole of `y/`, or stands in the list."""
    named = {(folder, start) for _, folder, start in modules()}
    strange = set()
    for member in MEMBERS:
        for file in (ROOT / "tests" / member).rglob("test_*.py"):
            words = file.stem.split("_")
            starts = {"_".join(words[:end]) for end in range(2, len(words) + 1)}
            if f"test_{file.parent.name}" not in starts and not any((file.parent, one) in named for one in starts):
                strange.add(name(file))
    missing, stale = sorted(strange - set(ALONE)), sorted(set(ALONE) - strange)
    assert not missing, "test files that name no module: move them, or give the reason in mirror.toml"
    assert not stale, "lines of mirror.toml that are no longer needed: take them out"


def test_the_list_only_shrinks() -> None:
    """Each module stands in it once, every test that is named is there, and `most` is how many there are."""
    assert len(WITHOUT) == len(set(WITHOUT)) == LIST["most"]
    assert [test for group in LIST["without"] for test in group["tests"] if not (ROOT / test).is_file()] == []
