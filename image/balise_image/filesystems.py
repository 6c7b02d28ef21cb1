"""Folders become file systems, without mounting anything: FAT by mtools, ext4 by the card's own mke2fs.

mke2fs of the card (1.47.2) takes every date it writes from SOURCE_DATE_EPOCH; older ones would write when a file was
copied here. Being the card's own, it also gives the same bytes on every build machine. Lives here: options and sizes.
Must not live here: what is in the folders.
"""

import os
import platform
import shutil
from pathlib import Path

from balise_image import shell
from balise_image.recipe import MIB, Recipe

_INODES_SPARE = 4096


def fat(files: dict[str, Path], image: Path, recipe: Recipe, epoch: int) -> Path:
    """Make the boot partition: files by their name there, all in the root folder."""
    with image.open("wb") as out:
        out.truncate(recipe.layout.boot * MIB)
    number = recipe.identity.boot.replace("-", "")
    dated = {"SOURCE_DATE_EPOCH": str(epoch)}
    shell.run(["mkfs.vfat", "--invariant", "-F", "32", "-n", "BOOT", "-i", number, image], extra=dated)
    staged = shell.clear(image.with_suffix(".files"))
    for name, source in files.items():
        shutil.copyfile(source, staged / name)
        os.utime(staged / name, (epoch, epoch))
    names = [staged / name for name in sorted(files)]
    shell.run(["mcopy", "-i", image, "-m", *names, "::"], extra=dated)
    shutil.rmtree(staged)
    return image


def ext4(
    folder: Path, image: Path, *, size: int, label: str, uuid: str, recipe: Recipe, tools: Path, epoch: int
) -> Path:
    """Make an ext4 file system of ``size`` bytes with a folder in it; ``tools`` is a root with the card's mke2fs."""
    image.unlink(missing_ok=True)
    with image.open("wb") as out:
        out.truncate(size)
    features = "metadata_csum,64bit,extent" if label == "data" else "^has_journal,metadata_csum,64bit,extent"
    shell.run(
        [
            *program(tools, "usr/sbin/mke2fs"),
            "-q", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0", "-O", features, "-L", label, "-U", uuid,
            "-E", f"hash_seed={recipe.identity.hash_seed},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0",
            # One inode in 256 KiB of data: the kernel zeroes their tables as it grows, 16 times less this way.
            *(("-i", str(256 * 1024)) if label == "data" else ("-N", str(inodes(folder)))),
            "-d", folder, image,
        ],
        extra={"SOURCE_DATE_EPOCH": str(epoch), "MKE2FS_CONFIG": str(tools / "etc/mke2fs.conf")},
    )  # fmt: skip
    return image


def inodes(folder: Path) -> int:
    """Return how many inodes a folder needs, and some."""
    return sum(1 for _ in folder.rglob("*")) + _INODES_SPARE


def needed(folder: Path) -> int:
    """Return the bytes that a folder's files take in blocks of 4 KiB; a hard link is counted once."""
    seen: set[int] = set()
    total = 0
    for path in folder.rglob("*"):
        state = path.lstat()
        if state.st_ino not in seen:
            seen.add(state.st_ino)
            total += 4096 + -(-state.st_size // 4096) * 4096 if not path.is_symlink() else 256
    return total


def program(root: Path, name: str) -> list[str | Path]:
    """Return how an arm64 program of a root is started from outside it, with that root's own libraries."""
    if platform.machine() == "aarch64":
        loader = root / "lib/ld-linux-aarch64.so.1"
        return [loader, "--library-path", root / "usr/lib/aarch64-linux-gnu", root / name]
    return [shell.emulator(), "-L", root, root / name]
