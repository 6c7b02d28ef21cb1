"""Where the lab's system programs are, and our own.

Lives here: the search for one program (`$BALISE_TOOLS`, then `.tools/bin` of the checkout, then PATH and the sbin
folders) and the error that says how to get it. Must not live here: what the programs are used for.
"""

import os
import shutil
import sys
from functools import cache
from pathlib import Path

from balise_lab.errors import ConfigError

# /usr/sbin is not on an ordinary user's PATH on Debian, yet nft, dnsmasq and nginx live there.
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def folders() -> tuple[str, ...]:
    """Folders to look in, best first."""
    named = os.environ.get("BALISE_TOOLS", "")
    first = [named, str(Path(named) / "bin")] if named else []
    checkout = [str(parent / ".tools" / "bin") for parent in Path(__file__).resolve().parents]
    return (*first, *checkout, *os.environ.get("PATH", os.defpath).split(os.pathsep), *SBIN)


@cache
def find(name: str) -> str:
    """Absolute path of a program; raises ConfigError that names the mend."""
    found = shutil.which(name, path=os.pathsep.join(folders()))
    if found is None:
        raise ConfigError(
            f"the lab needs the program {name}, and neither $BALISE_TOOLS, .tools/bin nor PATH has it",
            "run tools/fetch-tools in the checkout (it installs nothing on the machine), or install the package",
        )
    return found


def ours(name: str) -> str:
    """Return the path of one of our programs: beside this Python, else on PATH (ConfigError where it is missing)."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise ConfigError(f"the program {name} is not installed", "run make setup in the checkout")
    return found
