"""What the ground needs of the machine it runs on, and the one sentence that says what is missing.

Lives here: looking, without changing anything. Must not live here: mending.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

PROGRAMS = ("unshare", "nsenter", "pivot_root", "mount", "perl", "apt-get", "dpkg-deb", "ssh", "ssh-keygen")
PACKAGES = "util-linux, mount, perl, apt, dpkg and openssh-client"
KERNEL = ("overlay", "cgroup2", "tmpfs")
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def search_path(root: Path) -> str:
    """PATH with the lab's private programs (ip, ethtool) first and the sbin folders last."""
    return os.pathsep.join([str(root / ".tools/bin"), os.environ.get("PATH", "/usr/bin:/bin"), *SBIN])


def missing(root: Path) -> str:
    """Return why no ground can be made here, with the mend; empty where it can."""
    if platform.system() != "Linux":
        return "the machines are Linux namespaces, and this is no Linux"
    if os.geteuid() != 0:
        return "a machine with an init of its own needs root: sudo make ansible-test"
    known = Path("/proc/filesystems").read_text(encoding="ascii").split()
    lacking = [name for name in KERNEL if name not in known]
    if lacking:
        return f"this kernel has no {', '.join(lacking)}; run it on a machine whose kernel does (modprobe may do)"
    absent = [name for name in PROGRAMS if shutil.which(name, path=search_path(root)) is None]
    if absent:
        return f"no {', '.join(absent)} on this machine; Debian has them in {PACKAGES}"
    if not (root / ".tools/bin/ip").exists():
        return "no .tools/bin/ip; run: make setup"
    if not (root / ".venv-ansible/bin/ansible-playbook").exists():
        return "no .venv-ansible; run: tools/setup ansible"
    return ""
