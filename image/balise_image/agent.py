"""Stage `agent`: the probe's program for the card, from the commit's own sources and the locked wheels.

Lives here: the choice of wheels (tools/wheelhouse takes them by the hashes in locks/agent.txt, for Python 3.13 on
aarch64), unpacking them into one folder, and compiling them with the card's own Python. Must not live here: versions.
"""

import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Final

from balise_image import recipe as recipes
from balise_image import shell
from balise_image.recipe import RecipeError

PYTHON: Final = "3.13"
PLATFORM: Final = f"{PYTHON}-aarch64"
FOLDER: Final = "usr/lib/balise"
_PROGRAM: Final = """\
#!/usr/bin/python3 -I
# The probe. Isolated: no variable and no folder of a user changes what it imports.
import sys

sys.path.insert(0, "/usr/lib/balise")
from balise_agent.__main__ import main

sys.exit(main())
"""


def wheels() -> list[Path]:
    """Return our wheels and the locked ones, fetched anew when sources or lock changed."""
    sources = [shell.ROOT / member / part for member in ("wire", "agent") for part in ("src", "pyproject.toml")]
    parts = [recipes.of_tree(path) if path.is_dir() else path.read_text() for path in sources]
    name = recipes.key(PLATFORM, (shell.ROOT / "locks/agent.txt").read_text(), *parts)
    folder = shell.CACHE / f"wheels-{name}"
    if not (folder / "made").exists():
        for old in shell.CACHE.glob("wheels-*"):
            shutil.rmtree(old)
        shell.say("agent", f"wheels for Python {PLATFORM} from locks/agent.txt")
        folder.mkdir()
        shell.run(
            [shell.ROOT / "tools/wheelhouse", "--for", PLATFORM, folder], extra={"SOURCE_DATE_EPOCH": "315532800"}
        )
        with tarfile.open(folder / "agent.tar") as archive:
            archive.extractall(folder, filter="data")
        (folder / "made").touch()
    found = sorted(folder.glob("own/*.whl")) + sorted(folder.glob("locked/*.whl"))
    check(found)
    return found


def check(found: list[Path]) -> None:
    """Refuse wheels that could not run on the card (RecipeError names them)."""
    if len([wheel for wheel in found if wheel.name.startswith("balise_")]) != 2:
        raise RecipeError("the wheels of wire and agent are not there; run make setup, then make image again")
    alien = [wheel.name for wheel in found if not fits(wheel.name)]
    if alien:
        raise RecipeError(f"not for Python {PLATFORM}: {', '.join(alien)}; run make locks")


def fits(name: str) -> bool:
    """Tell whether a wheel of this name runs on the card (PEP 425: python tag, abi tag, platform tag)."""
    python, abi, platform = name.removesuffix(".whl").split("-")[-3:]
    if platform == "any":
        return abi == "none" and any(tag in {"py3", "py2.py3"} or tag.startswith("py3") for tag in python.split("."))
    return abi in {"cp313", "abi3", "none"} and all(
        tag.startswith("manylinux") and tag.endswith("_aarch64") for tag in platform.split(".")
    )


def install(found: list[Path], python_root: Path, python: str) -> Path:
    """Return a folder with what belongs into the root file system: packages, compiled, and the program.

    ``python_root`` is a root with the card's own Python in it, and ``python`` the name of the base that it came with:
    another version's compiled files would be ignored.
    """
    folder = shell.CACHE / f"agent-{recipes.key(*(wheel.read_bytes() for wheel in found), _PROGRAM, python)}"
    if (folder / "made").exists():
        shell.say("agent", "found")
        return folder / "root"
    for old in shell.CACHE.glob("agent-*"):
        shutil.rmtree(old)
    library = folder / "root" / FOLDER
    library.mkdir(parents=True)
    for wheel in found:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(library)
    shutil.rmtree(library / "bin", ignore_errors=True)
    program = folder / "root/usr/bin/balise-agent"
    program.parent.mkdir(parents=True)
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    shell.say("agent", f"compiling {len(found)} packages with the card's Python; 1 to 2 minutes")
    _compile(library, python_root)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path == program else 0o644)
    (folder / "made").touch()
    return folder / "root"


def _compile(library: Path, python_root: Path) -> None:
    """Compile with hashes that are never checked (PEP 552): same sources, same bytes, whatever the files' dates."""
    place = python_root / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(library, place)
    log = shell.CACHE / "agent.log"
    log.unlink(missing_ok=True)
    chroot: list[str | Path] = ["chroot", python_root, "env", "-i", "PATH=/usr/bin", "PYTHONHASHSEED=0"]
    compile_all = ["python3", "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    # Protocols that the agent does not import (codec/ names the ones it does): two thirds of everything.
    compile_all += ["-x", "/scapy/(contrib|modules|tools|libs/winpcapy)"]
    with shell.arm64_programs():
        shell.run([*chroot, *compile_all, f"/{FOLDER}"], log=log)
    shutil.rmtree(library)
    shutil.move(place, library)
