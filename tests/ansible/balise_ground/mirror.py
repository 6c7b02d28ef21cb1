"""Where Debian's packages come from: the build machine's own configuration of apt, never a name in this repository.

Lives here: reading what apt-get and apt-config print. Must not live here: downloads.
"""

from __future__ import annotations

import os
import re
import subprocess

OVERRIDE = "BALISE_DEBIAN_MIRROR"
_FORMAT = "$(REPO_URI) $(ORIGIN) $(LABEL)"


def mirror_of(targets: str) -> str:
    """The first mirror of Debian's main archive in what ``apt-get indextargets`` printed; empty without one."""
    for line in targets.splitlines():
        address, _, labels = line.partition(" ")
        if labels == "Debian Debian":
            return address
    return ""


def proxies_of(dump: str) -> list[str]:
    """Options for apt out of what ``apt-config dump`` printed: its proxies, nothing else."""
    return re.findall(r'^(Acquire::https?::Proxy(?:::[\w.-]+)? "[^"]+");$', dump, flags=re.MULTILINE)


def ask_apt() -> tuple[str, list[str]]:
    """Return the mirror's address and the options for apt; the address is empty where this machine knows none."""
    said = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for command in (
            ["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"],
            ["apt-config", "dump"],
        )
    ]
    return os.environ.get(OVERRIDE) or mirror_of(said[0]), proxies_of(said[1])
