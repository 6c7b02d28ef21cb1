"""The root file system of the machines: Debian with systemd and sshd, and the packages the roles will ask for.

Lives here: one run of mmdebstrap, kept in the cache until its definition changes. What the roles install is not
installed here: it waits in a folder inside the root, which is the machines' only source of apt, for they have no
network. Must not live here: files of one machine (machine.py).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from balise_ground import mirror

SUITES = {"trixie": "3.13", "bookworm": "3.11"}
"""Releases of Debian that the roles serve, and the Python of each."""
BASE = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "python3-apt"),
    *("ca-certificates", "iproute2", "iputils-ping", "procps", "passwd"),
)
OFFERED = ("mosquitto", "python3-venv", "python3-systemd", "influxdb", "nginx")
"""What the roles install."""
FOLDER = "srv/packages"
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "systemd-firstboot.service",
    "systemd-modules-load.service",
    "systemd-networkd-wait-online.service",
)
"""Units without a meaning on a machine that has no console, no modules and no network."""


class CannotBuild(Exception):
    """The root cannot be made: the text says why, and the mend."""


def place(cache: Path, suite: str) -> Path:
    """Return where the root of a release is kept."""
    return cache / f"root-{suite}"


def build(project: Path, cache: Path, suite: str) -> None:
    """Make the root of a release, where the cache has none of this definition."""
    root = place(cache, suite)
    stamp = cache / f"root-{suite}.stamp"
    wanted = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if root.is_dir() and stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    address, options = mirror.ask_apt()
    if not address:
        raise CannotBuild(f"apt knows no mirror of Debian here; name one: {mirror.OVERRIDE}=ADDRESS make ansible-test")
    stamp.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    program = _mmdebstrap(project, cache)
    print(f"ground: Debian {suite} into {root.relative_to(project)} (kept for the next time)", flush=True)
    log_file = cache / f"root-{suite}.log"
    with log_file.open("wb") as log:
        done = subprocess.run(_command(program, suite, root, address, options), stdout=log, stderr=log, check=False)
    if done.returncode != 0:
        last = log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-4:]
        raise CannotBuild("\n".join([f"mmdebstrap ended with {done.returncode}:", *last]))
    _offer(root)
    stamp.write_text(wanted, encoding="ascii")


def _mmdebstrap(project: Path, cache: Path) -> str:
    """The machine's mmdebstrap, or the one of its package, unpacked privately: it is one script."""
    own = shutil.which("mmdebstrap")
    if own is not None:
        return own
    folder = cache / "mmdebstrap"
    script = folder / "usr/bin/mmdebstrap"
    if not script.exists():
        command = [sys.executable, str(project / "tools/fetch-tools"), "--unpack", "mmdebstrap", str(folder)]
        if subprocess.run(command, check=False).returncode != 0:
            raise CannotBuild("no mmdebstrap; run: sudo apt-get install --no-install-recommends mmdebstrap")
    return str(script)


def _command(program: str, suite: str, root: Path, address: str, options: list[str]) -> list[str]:
    """mmdebstrap's command line; the packages on offer are downloaded with what they depend on."""
    download = (
        f'mkdir -p "$1/{FOLDER}/partial" && chroot "$1" apt-get -qq -y --no-install-recommends --download-only '
        f"-o Dir::Cache::archives=/{FOLDER} install {' '.join(OFFERED)}"
    )
    quiet = ['Acquire::Languages "none"', *options]
    return [
        "perl",
        program,
        "--variant=minbase",
        "--mode=root",
        "--components=main",
        *(f"--aptopt={option}" for option in quiet),
        f"--include={','.join(BASE)}",
        f"--customize-hook={download}",
        *(f'--customize-hook=ln -sf /dev/null "$1/etc/systemd/system/{unit}"' for unit in MASKED),
        suite,
        str(root),
        f"deb {address} {suite} main",
    ]


def _offer(root: Path) -> None:
    """Make the folder of packages the machine's only source, and let apt read it."""
    folder = root / FOLDER
    index = []
    for package in sorted(folder.glob("*.deb")):
        fields = subprocess.run(["dpkg-deb", "-f", str(package)], capture_output=True, text=True, check=True).stdout
        data = package.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        index.append(f"{fields}Filename: ./{package.name}\nSize: {len(data)}\nSHA256: {digest}\n")
    (folder / "Packages").write_text("\n".join(index), encoding="utf-8")
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    source = f"Types: deb\nURIs: file:/{FOLDER}\nSuites: ./\nTrusted: yes\n"
    (root / "etc/apt/sources.list.d/offered.sources").write_text(source, encoding="ascii")
    environment = {**os.environ, "LC_ALL": "C"}
    subprocess.run(["chroot", str(root), "apt-get", "-qq", "update"], check=True, env=environment)
