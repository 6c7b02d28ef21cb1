"""Stages `base` and `start`: Debian's packages in a folder, and the kernel's first file system.

Lives here: mmdebstrap with the machine's own mirror, and mkinitramfs. The two slow parts under an emulator are taken
out of the packages' hands: depmod runs on the build machine, the initrd is made once, afterwards, and only again when a
package or our part of it changed. Must not live here: anything of ours beyond the initrd's script.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from balise_image import recipe as recipes
from balise_image import shell, sources
from balise_image.recipe import Recipe, RecipeError

_LATER = ("depmod", "update-initramfs")
"""Programs that packages start at their installation and that do nothing then."""
_NEVER = 315532800
"""1980, the first date that FAT knows: in what is kept between commits."""
_NOT_UNPACKED = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/bash-completion/*",
    "path-exclude=/usr/share/zsh/*",
    "force-unsafe-io",
)
_LEFT_BEHIND = (
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/apt/preferences.d/card",
    "etc/apt/sources.list",
    "etc/apt/sources.list.d",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "etc/machine-id",
    "etc/resolv.conf",
    "etc/ssh/ssh_host_ecdsa_key",
    "etc/ssh/ssh_host_ecdsa_key.pub",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_ed25519_key.pub",
    "etc/ssh/ssh_host_rsa_key",
    "etc/ssh/ssh_host_rsa_key.pub",
    "var/cache/ldconfig/aux-cache",
    "var/lib/systemd/random-seed",
)
"""What tells the build machine, or would be the same secret on every card."""


def machine_sources(recipe: Recipe) -> str:
    """Return the card's sources.list from this machine's configuration."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    texts = [path.read_text(encoding="utf-8") for path in files if path.is_file()]
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    codename = release.get("VERSION_CODENAME", "").strip('"') if release.get("ID") == "debian" else ""
    return sources.for_card([entry for text in texts for entry in sources.entries(text)], codename, recipe, os.environ)


def closure(recipe: Recipe, listed: str) -> list[str]:
    """Return `name version` of every package that the mirror would install now, from lists of our own.

    This is what finds a finished base again: a mirror that has nothing new for us, though new files, changes nothing.
    """
    folder = shell.CACHE / "apt"
    for name in ("lists/partial", "cache/archives/partial", "preferences.d"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(listed)
    (folder / "preferences.d/card").write_text(sources.preferences(recipe))
    (folder / "status").write_text("")
    conf = folder / "apt.conf"
    carried = sources.carried_options(shell.run(["apt-config", "dump"]))
    conf.write_text(
        "".join(f"{option};\n" for option in carried)
        + f'Dir::State "{folder}";\nDir::State::lists "{folder}/lists";\nDir::State::status "{folder}/status";\n'
        f'Dir::Cache "{folder}/cache";\nDir::Etc::sourcelist "{folder}/sources.list";\n'
        'Dir::Etc::sourceparts "/dev/null";\n'
        f'Dir::Etc::preferencesparts "{folder}/preferences.d";\nDir::Etc::preferences "/dev/null";\n'
        'APT::Architecture "arm64";\n#clear APT::Architectures;\nAPT::Architectures "arm64";\n'
        'APT::Install-Recommends "false";\nAPT::Sandbox::User "root";\nDebug::NoLocking "true";\n'
        'Acquire::Languages "none";\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n'
        "#clear DPkg::Post-Invoke;\n"
    )
    apt = ["apt-get", "-qq", f"-c={conf}"]
    shell.run([*apt, "update", "--error-on=any"])
    plan = shell.run([*apt, "--simulate", "install", *recipe.packages, "?priority(required)"])
    return sorted(" ".join(found) for found in re.findall(r"^Inst (\S+) \((\S+) ", plan, re.MULTILINE))


def build(recipe: Recipe) -> Path:
    """Return the archive with Debian's part of the root file system, made now or found from before."""
    listed = machine_sources(recipe)
    try:
        wanted = closure(recipe, listed)
    except RecipeError as error:
        newest = max(shell.CACHE.glob("base-*.tar"), key=lambda path: path.stat().st_mtime, default=None)
        if newest is None:
            raise
        shell.say("base", f"the mirror does not answer ({str(error).splitlines()[-1]}); taking {newest.name} as it is")
        return newest
    name = recipes.key(*wanted, *_NOT_UNPACKED, *_LEFT_BEHIND, *_LATER)
    archive = shell.CACHE / f"base-{name}.tar"
    if archive.exists():
        shell.say("base", f"found ({name})")
        return archive
    work = shell.clear(shell.CACHE / "work-base")
    shell.say("base", f"{len(recipe.packages)} packages and what they require; 10 to 25 minutes")
    (work / "sources.list").write_text(listed)
    (work / "preferences").write_text(sources.preferences(recipe))
    debs = shell.CACHE / "debs"
    debs.mkdir(exist_ok=True)
    hooks = _hooks(work, debs)
    options = sources.carried_options(shell.run(["apt-config", "dump"]))
    command: list[str | Path] = [
        "mmdebstrap", "--mode=root", "--format=tar", "--arch=arm64", "--variant=minbase",
        "--skip=check/qemu,download/empty,essential/unlink,cleanup/apt/cache,check/empty",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--aptopt={option}" for option in options),
        *(f"--dpkgopt={option}" for option in _NOT_UNPACKED),
        f"--include={','.join(recipe.packages)}",
        *(f"--{when}-hook={script}" for when, script in hooks.items()),
        "", work / "base.tar", work / "sources.list",
    ]  # fmt: skip
    now = int(Path(work / "sources.list").stat().st_mtime)
    log = shell.CACHE / "base.log"
    log.unlink(missing_ok=True)
    (work / "tmp").mkdir()
    with shell.arm64_programs():
        shell.run(command, log=log, extra={"SOURCE_DATE_EPOCH": str(now), "TMPDIR": str(work / "tmp")})
    archive.with_suffix(".date").write_text(str(now))
    (work / "base.tar").rename(archive)
    shutil.rmtree(work, ignore_errors=True)
    shell.say("base", f"made ({archive.stat().st_size >> 20} MiB)")
    return archive


def made_at(archive: Path) -> int:
    """Return when a base was made: mmdebstrap dates with it what no package brought, and nothing is newer."""
    return int(archive.with_suffix(".date").read_text())


def _hooks(work: Path, debs: Path) -> dict[str, Path]:
    """Write the three scripts that mmdebstrap calls with the root's path."""
    texts = {
        "setup": f"""mkdir -p "$1/var/cache/apt/archives/partial" "$1/etc/apt/preferences.d"
find {debs} -name '*.deb' -exec cp -t "$1/var/cache/apt/archives/" {{}} +
cp {work}/preferences "$1/etc/apt/preferences.d/card"
""",
        "essential": f"""for program in {" ".join(_LATER)}; do
    chroot "$1" dpkg-divert --quiet --local --rename --add --divert /usr/sbin/$program.real /usr/sbin/$program
    printf '#!/bin/sh\nexit 0\n' >"$1/usr/sbin/$program"
    chmod 755 "$1/usr/sbin/$program"
done
mkdir -p "$1/boot/firmware"
cp -n -t {debs} "$1"/var/cache/apt/archives/*.deb || true
""",
        "customize": f"""for program in {" ".join(_LATER)}; do
    rm "$1/usr/sbin/$program"
    chroot "$1" dpkg-divert --quiet --local --rename --remove /usr/sbin/$program
done
cp -n -t {debs} "$1"/var/cache/apt/archives/*.deb || true
rm -rf "$1"/var/cache/apt/archives "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists "$1"/boot/firmware/*
rm -rf "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old "$1"/var/log/*.log "$1"/var/log/apt
cd "$1" && rm -rf {" ".join(_LEFT_BEHIND)}
""",
    }
    written: dict[str, Path] = {}
    for when, text in texts.items():
        written[when] = work / f"hook-{when}"
        written[when].write_text(f"#!/bin/sh\nset -eu\n{text}")
        written[when].chmod(0o755)
    return written


def unpack(archive: Path, ours: Path) -> Path:
    """Return the base as a folder, with the card's part of initramfs-tools in it; kept for the next build."""
    name = recipes.key(archive.name, recipes.of_tree(ours / "etc/initramfs-tools"))
    folder = shell.CACHE / f"start-{name}"
    if (folder / "made").exists():
        shell.say("start", f"found ({name})")
        return folder
    for old in shell.CACHE.glob("start-*"):
        shutil.rmtree(old)
    root = folder / "root"
    root.mkdir(parents=True)
    shell.run(["tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", root, "-f", archive])
    shutil.copytree(ours / "etc/initramfs-tools", root / "etc/initramfs-tools", dirs_exist_ok=True)
    return folder


def start_files(folder: Path) -> None:
    """Make the modules' index and the initrd in an unpacked base: `initrd.img` and `vmlinuz` stand beside its root."""
    if (folder / "made").exists():
        return
    root = folder / "root"
    version = kernel_version(root)
    shell.say("start", f"index of the modules of {version}")
    shell.run(["depmod", "-b", root, version])
    shell.say("start", "initrd; 2 to 5 minutes")
    log = shell.CACHE / "start.log"
    log.unlink(missing_ok=True)
    with shell.arm64_programs(), _proc_in(root):
        chroot: list[str | Path] = [
            "chroot",
            root,
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin",
            f"SOURCE_DATE_EPOCH={_NEVER}",
        ]
        shell.run([*chroot, "mkinitramfs", "-o", "/boot/initrd.img", version], log=log)
    shutil.move(root / "boot/initrd.img", folder / "initrd.img")
    shutil.copy2(root / f"boot/vmlinuz-{version}", folder / "vmlinuz")
    (folder / "made").write_text(version)
    shell.say("start", f"initrd made ({(folder / 'initrd.img').stat().st_size >> 20} MiB)")


def kernel_version(root: Path) -> str:
    """Return the version of the one kernel in a root."""
    found = [path.name for path in (root / "usr/lib/modules").iterdir()]
    if len(found) != 1:
        raise RecipeError(f"the base holds {len(found)} kernels ({', '.join(found)}); one is wanted: see packages.txt")
    return found[0]


@contextlib.contextmanager
def _proc_in(root: Path) -> Iterator[None]:
    """Mount /proc in a root for the time of a block: mkinitramfs asks it."""
    shell.run(["mount", "-t", "proc", "proc", root / "proc"])
    try:
        yield
    finally:
        shell.run(["umount", root / "proc"])
