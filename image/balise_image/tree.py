"""Stage `root`: the card's root file system as a folder, from the base, the agent, the units and image/files.

Lives here: what is put on top of Debian, what is switched on and off, the service's user, and the dates of files. Must
not live here: the texts of those files (image/files, agent/systemd), or how a folder becomes a file system.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from balise_image import shell

UNITS: Final = "usr/lib/systemd/system"
WANTED: Final = {
    "multi-user.target.wants": (
        "balise-agent.service",
        "balise-card.service",
        "balise-status.path",
        "light.path",
        "light.service",
        "ssh.service",
        "systemd-networkd.service",
    ),
    "sysinit.target.wants": ("systemd-resolved.service", "systemd-timesyncd.service"),
    "data.mount.wants": ("data-grow.service",),
}
"""Services of the card. ssh and Wi-Fi have conditions: without a key or a network name they do not start."""
MASKED: Final = (
    "apt-daily.service",
    "apt-daily.timer",
    "apt-daily-upgrade.service",
    "apt-daily-upgrade.timer",
    "bluetooth.service",
    "console-getty.service",
    "debug-shell.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "getty@tty1.service",
    "raspi-firmware-check.service",
    "serial-getty@.service",
    "ssh.socket",
    "systemd-firstboot.service",
    "systemd-machine-id-commit.service",
    "systemd-networkd-wait-online.service",
    "systemd-random-seed.service",
    "wpa_supplicant.service",
)
"""What has nothing to do on the card: logins on a screen, updates of its own accord, whatever would write or listen."""
SILENCED: Final = ("systemd-ssh-generator",)
"""Generators: this one makes sshd listen on sockets of the machine as soon as it is installed."""
UID: Final = 950
_DAY_OF_PASSWORDS: Final = "20000"
"""The day in /etc/shadow on which passwords were locked: the day of the build otherwise."""


def build(start: Path, agent: Path, epoch: int) -> Path:
    """Return the root folder, made afresh in a work folder; ``slim`` and ``date`` are still to come.

    Args:
        start: the stage with the unpacked base below ``root``.
        agent: what the stage ``agent`` made.
        epoch: date of everything that this build makes, UNIX seconds: the commit's.
    """
    root = shell.CACHE / "work-root"
    shutil.rmtree(root, ignore_errors=True)
    shell.say("root", "Debian, the agent, the units and our files")
    shell.run(["cp", "-a", "--reflink=auto", start / "root", root])
    for path in (*root.glob("boot/vmlinuz*"), *root.glob("boot/initrd*"), *root.glob("boot/System.map*")):
        path.unlink()
    for path in root.glob("var/cache/apt/*.bin"):  # apt's own memory: it differs each time, and nobody here reads it
        path.unlink()
    shutil.rmtree(root / "usr/lib/balise", ignore_errors=True)
    shell.run(["cp", "-a", f"{agent}/.", root])
    bring(root)
    switch(root)
    _add_user(root)
    _lock(root)
    for folder in (
        "data",
        "boot/firmware",
        "var/lib/balise",
        "var/log/journal",
        "var/lib/systemd/timesync",
        "etc/balise",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    resolved = root / "etc/resolv.conf"
    resolved.unlink(missing_ok=True)
    # The network's own resolvers: the probe asks them itself, and the stub listens on no port (60-quiet.conf).
    resolved.symlink_to("../run/systemd/resolve/resolv.conf")
    (root / "usr/lib/clock-epoch").touch()  # systemd never starts the clock before this file's date
    for folder in ("etc", "var"):  # else systemd brings users, caches and hardware names up to date at every start
        (root / folder / ".updated").write_text(f"TIMESTAMP_NSEC={epoch * 1_000_000_000}\n")
    return root


def bring(root: Path) -> None:
    """Copy our files and the units, owned by root, with modes of their own and today's date (``date`` puts it right).

    Who checked the repository out, when, and with which umask must not be seen on a card: its very "/" is among them.
    """
    shutil.copytree(shell.ROOT / "image/files", root, dirs_exist_ok=True, symlinks=True)
    shutil.copytree(shell.ROOT / "agent/systemd", root / UNITS, dirs_exist_ok=True)
    _own(root)


def slim(root: Path) -> None:
    """Take out what only the boot partition needs, and has: start files and the device trees of every arm64 board."""
    for found in (
        *root.glob("usr/lib/linux-image-*"),
        *root.glob("usr/lib/modules/*/dtb"),
        root / "usr/lib/raspi-firmware",
    ):
        if found.is_symlink():
            found.unlink()
        elif found.exists():
            shutil.rmtree(found)


def switch(root: Path) -> None:
    """Turn services on and off by links, as systemctl enable and mask would."""
    system = root / "etc/systemd/system"
    for folder, names in WANTED.items():
        (system / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            template = name.partition("@")[0] + "@.service" if "@" in name else name
            ours = system / template
            _link(system / folder / name, f"/{'etc/systemd/system' if ours.exists() else UNITS}/{template}")
    for name in MASKED:
        _link(system / name, "/dev/null")
    generators = root / "etc/systemd/system-generators"
    generators.mkdir(parents=True, exist_ok=True)
    for name in SILENCED:
        _link(generators / name, "/dev/null")


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _add_user(root: Path) -> None:
    """Write the service's user down, as sysusers.d says it; the number is the data partition's owner."""
    lines = {
        "etc/passwd": f"balise:x:{UID}:{UID}:Network quality measurements:/var/lib/balise:/usr/sbin/nologin\n",
        "etc/group": f"balise:x:{UID}:\n",
        "etc/shadow": f"balise:!*:{_DAY_OF_PASSWORDS}::::::\n",
        "etc/gshadow": "balise:!*::\n",
    }
    for name, line in lines.items():
        text = (root / name).read_text()
        if "\nbalise:" not in text:
            (root / name).write_text(text + line)
        (root / f"{name}-").unlink(missing_ok=True)


def _lock(root: Path) -> None:
    """See to it that nobody has a password, and that the file does not tell the day of the build."""
    shadow = root / "etc/shadow"
    users = [line.split(":") for line in shadow.read_text().splitlines()]
    shadow.write_text("".join(":".join([name, "!*", _DAY_OF_PASSWORDS, *rest]) + "\n" for name, _, _, *rest in users))


def _own(root: Path) -> None:
    """Give to root what the copies brought."""
    for source in (shell.ROOT / "image/files", shell.ROOT / "agent/systemd"):
        base = root if source.name == "files" else root / UNITS
        for path in (source, *sorted(source.rglob("*"))):
            there = base / path.relative_to(source)
            os.chown(there, 0, 0, follow_symlinks=False)
            os.utime(there, follow_symlinks=False)
            if not there.is_symlink():
                there.chmod(0o755 if there.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def date(root: Path, epoch: int, installed: int) -> None:
    """Date everything that an installation or this build made with ``epoch``; what packages brought keeps its date.

    Debian's compiled Python files are believed only as long as the source keeps the date that it has in the package.
    The last step before the file system is made, which copies the dates of reading as well.

    Args:
        root: the finished folder.
        epoch: the commit's date, UNIX seconds.
        installed: when the base was made; a file of that very date was made by an installation, not by a package.
    """
    for path in (root, *root.rglob("*")):
        made = path.stat(follow_symlinks=False).st_mtime_ns
        dated = epoch * 1_000_000_000 if made // 1_000_000_000 >= installed else made
        os.utime(path, ns=(dated, dated), follow_symlinks=False)
