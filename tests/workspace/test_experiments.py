"""An experiment is one name in five places: the sets are equal, and a new one needs one line outside its own files.

A toy is laid out in a copy of the tree and taken the whole way; then it loses one part after the other, and each time
one line says which. Must not live here: what any one experiment does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from balise_wire.experiments import ASKED, MEASURED, REGISTRY
from balise_wire.experiments.registry import module_name

ROOT = Path(__file__).parents[2]
MEMBERS = ("wire", "agent", "collector", "lab")
NAME = "toy"
PROGRAMS = {
    "agent": "from balise_agent.__main__ import main",
    "collector": "from balise_collector.run.start import main",
    "lab": "from balise_lab.run.start import main",
}
PARTS = (
    ("agent", "wire/src/balise_wire/experiments/toy.py", "wire/experiments/toy.py is missing"),
    *(
        ("agent", f"agent/src/balise_agent/experiments/toy/{part}.py", f"agent/experiments/toy/{part}.py is missing")
        for part in ("plan", "outcome", "contacts")
    ),
    *(
        ("collector", f"collector/src/balise_collector/experiments/toy/{part}.py", f"toy/{part}.py is missing")
        for part in ("facts", "rules", "references", "evidence", "intake", "points", "export")
    ),
    ("lab", "lab/src/balise_lab/counterparts/toy.py", "no file answers the experiments toy"),
)


def names(folder: str, pattern: str) -> set[str]:
    """Return the names in a folder of the tree."""
    return {path.stem for path in (ROOT / folder).glob(pattern)}


def test_the_five_sets_are_equal() -> None:
    """Wire, agent, collector, tests and documents know the same experiments; a reserved word has no plan anywhere.

    What is only asked for has no scenario of a timetable: it is played on a way of its own (tests/chain).
    """
    every = {module_name(word) for word in REGISTRY}
    measured = {module_name(word) for word in MEASURED}
    shared = {"__init__", "registry", "traits"}
    assert names("wire/src/balise_wire/experiments", "*.py") - shared == every
    assert names("agent/src/balise_agent/experiments", "*/outcome.py") == {"outcome"}
    for member in ("agent", "collector"):
        folders = (ROOT / f"{member}/src/balise_{member}/experiments").glob("*/__init__.py")
        assert {path.parent.name for path in folders} == every, member
    asked = {module_name(word) for word in ASKED}
    assert {path.parent.name for path in (ROOT / "tests/experiments").glob("*/scenario.yaml")} == measured - asked
    assert measured <= names("docs/experiments", "*.md")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a copy of the tree in which a toy was laid out."""
    folder = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "wire", "agent", "collector", "lab", "dashboards", "tools",
         "docs", "tests", "examples", "pyproject.toml"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    (folder / ".tools").symlink_to(ROOT / ".tools")
    before = (folder / "wire/src/balise_wire/words.py").read_text()
    said = run(folder, "tools/experiment", NAME)
    assert said.returncode == 0, said.stderr
    after = (folder / "wire/src/balise_wire/words.py").read_text()
    assert len(after.splitlines()) == len(before.splitlines()) + 1
    yield folder
    shutil.rmtree(folder)


def run(folder: Path, *arguments: str | Path, seconds: float = 110.0) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, with the copy's own packages."""
    sources = [str(folder / member / "src") for member in MEMBERS]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=seconds,
    )  # fmt: skip


@pytest.mark.slow
def test_a_toy_is_taken_the_whole_way(copy: Path) -> None:
    """Scheduled, consented, scrubbed, judged, shown and exported by the copy's own tests, with nothing else edited."""
    done = run(
        copy, "-m", "pytest", "-q", "-p", "no:xdist", "-m", "not slow", "tests/experiments",
        "tests/agent/experiments/toy", "tests/collector/experiments/toy", "tests/wire/experiments",
        "tests/lab/counterparts/test_toy.py",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "toy" in run(copy, "-c", f"{PROGRAMS['agent']}; import sys; sys.argv[1:] = ['list']; main()").stdout


@pytest.mark.slow
def test_a_toy_has_its_place_in_a_day_of_everything(copy: Path) -> None:
    """What it usually costs is reckoned with, and it has its turn."""
    done = run(
        copy, "-m", "pytest", "-q", "-p", "no:xdist", "tests/experiments/test_day_of_profiles.py", "-k", "standard"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"\n{NAME} " in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("program", "part", "said"), PARTS, ids=[part.split("/src/")[1] for _, part, _ in PARTS])
def test_a_part_that_is_left_out_is_named(copy: Path, program: str, part: str, said: str) -> None:
    """The program does not start, and one line on the terminal says what is missing; no traceback."""
    file = copy / part
    kept = file.read_text()
    file.unlink()
    try:
        ended = run(copy, "-c", f"import sys; {PROGRAMS[program]}; sys.argv[1:] = ['--help']; sys.exit(main())")
    finally:
        file.write_text(kept)
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr


@pytest.mark.parametrize("name", ["", "Toy", "dns", "a b", "../x"])
def test_a_name_that_cannot_be_is_refused(copy: Path, name: str) -> None:
    """Small letters and digits, and no name that is taken; nothing is written then."""
    said = run(copy, "tools/experiment", name)
    assert said.returncode == 2
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.lab
@pytest.mark.timeout(500)
def test_a_toy_is_played_by_a_scenario(copy: Path) -> None:
    """Real packets, a real box, and the verdict and the incident that its scenario expects."""
    lab = Path(sys.executable).with_name("balise-lab")
    done = run(copy, lab, "run", f"tests/experiments/{NAME}/scenario.yaml", seconds=480.0)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
