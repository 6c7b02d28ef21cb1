"""Kinds of tests that a machine cannot run: skipped with a reason for a person, never all of them in CI."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

A_TEST = """
import pytest

@pytest.mark.{kind}
def test_of_a_kind():
    assert True

def test_of_no_kind():
    assert True
"""


def run_in_a_bare_clone(repo_root: Path, folder: Path, kind: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with our conftest where neither tools nor data are beside the tests."""
    clone = folder / "clone"
    (clone / "tests").mkdir(parents=True)
    for file in ("__init__.py", "conftest.py"):
        shutil.copy(repo_root / "tests" / file, clone / "tests")
    shutil.copytree(repo_root / "tests" / "testbed", clone / "tests" / "testbed")
    shutil.copy(repo_root / "pyproject.toml", clone)
    (clone / "tests" / "test_kind.py").write_text(A_TEST.format(kind=kind), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "tests"]
    return subprocess.run(
        command, cwd=clone, env={"CI": ci, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["netns", "lab", "real_data"])
def test_a_person_is_told_why_a_kind_was_skipped(repo_root: Path, tmp_path: Path, kind: str) -> None:
    """Where a means is missing the tests that need it are skipped with the mend; the run is green."""
    done = run_in_a_bare_clone(repo_root, tmp_path, kind, ci="")
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert f"every test marked {kind} was skipped; CI would fail: {kind}: " in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["netns", "lab", "real_data"])
def test_ci_may_not_skip_a_whole_kind(repo_root: Path, tmp_path: Path, kind: str) -> None:
    """A green CI in which no namespace test ran would say what it does not know."""
    done = run_in_a_bare_clone(repo_root, tmp_path, kind, ci="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert f"every test marked {kind} was skipped; this fails CI" in done.stdout
