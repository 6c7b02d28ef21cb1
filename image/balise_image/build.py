"""`make image`: the stages in their order, and what is printed of them.

Lives here: the order, the output files, the comparison with the build before. Must not live here: how a stage works.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import balise_wire.card as settings
from balise_image import agent, base, bmap, disk, filesystems, sbom, shell, tree
from balise_image import recipe as recipes
from balise_image.recipe import ALIGN, MIB, Recipe

FOLDER: Final = shell.ROOT / "image"
DIST: Final = shell.ROOT / "dist"
_START_FILES: Final = (
    *("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"),
    *("start_cd.elf", "fixup_cd.dat", "start4cd.elf", "fixup4cd.dat"),
)
"""Of the Pi 3 and 4; a Pi 5 has its own in its memory. "cd" is the short one that gpu_mem=16 asks for."""


def epoch() -> int:
    """Return the date of the commit, UNIX seconds: what a build dates its files with (reproducible-builds.org)."""
    return int(shell.run(["git", "-C", shell.ROOT, "log", "-1", "--format=%ct"]).strip())


def version() -> str:
    """Return the commit's short name; with a mark when the tree differs from it."""
    commit = shell.run(["git", "-C", shell.ROOT, "rev-parse", "--short=12", "HEAD"]).strip()
    paths = ["image", "wire/src", "agent", "locks/agent.txt"]
    changed = shell.run(["git", "-C", shell.ROOT, "status", "--porcelain", "--", *paths]).strip()
    return f"{commit}{'-changed' if changed else ''}"


def prepare() -> tuple[Recipe, Path]:
    """Check the machine, bring the tools, and return the recipe and the work folder."""
    shell.check_machine()
    shell.CACHE.mkdir(parents=True, exist_ok=True)
    shell.say("tools", "programs that build and boot a card")
    shell.run([shell.ROOT / "tools/fetch-tools", "--for", "image"])
    return recipes.read(FOLDER), shell.CACHE


def build(*, pack: bool = True) -> Path:
    """Build the card, and return the image, which image-test boots; dist/ only where it is to be packed."""
    recipe, work = prepare()
    moment = epoch()
    archive = base.build(recipe)
    start = base.unpack(archive, FOLDER / "files")
    base.start_files(start)
    found = agent.wheels()
    installed = agent.install(found, start / "root", archive.stem)
    root = tree.build(start, installed, moment)
    boot = boot_files(recipe, start, root, work)
    tree.slim(root)
    tree.date(root, moment, base.made_at(archive))
    image = work / "card.img"
    shell.say("card", "file systems and partition table")
    layout = lay(recipe, start, boot, root, image, work, moment)
    shell.say("card", f"{image.stat().st_size >> 20} MiB: " + ", ".join(f"{part.size >> 20}" for part in layout))
    (work / "card.start").write_text(str(start))
    return publish(image, root, found, moment) if pack else image


def lay(
    recipe: Recipe, start: Path, files: dict[str, Path], root: Path, image: Path, work: Path, moment: int
) -> list[disk.Partition]:
    """Write the image from the finished folders."""
    tools = start / "root"
    boot = filesystems.fat(files, work / "boot.fat", recipe, moment)
    size = -(-(filesystems.needed(root) * 21 // 20 + recipe.layout.root_spare * MIB) // ALIGN) * ALIGN
    system = filesystems.ext4(
        root, work / "root.ext4", size=size, label="system", uuid=recipe.identity.root,
        recipe=recipe, tools=tools, epoch=moment,
    )  # fmt: skip
    data = filesystems.ext4(
        data_folder(work / "work-data", moment), work / "data.ext4", size=recipe.layout.data * MIB, label="data",
        uuid=recipe.identity.data, recipe=recipe, tools=tools, epoch=moment,
    )  # fmt: skip
    contents = [boot, system, data]
    layout = disk.laid_out(
        list(zip((disk.FAT32_LBA, disk.LINUX, disk.LINUX), (path.stat().st_size for path in contents), strict=True))
    )
    disk.assemble(image, layout, contents, int(recipe.identity.disk, 16))
    for path in contents:
        path.unlink()
    return layout


def boot_files(recipe: Recipe, start: Path, root: Path, work: Path) -> dict[str, Path]:
    """Return the boot partition's files: the start files, the device trees, the kernel, and what people read."""
    firmware = start / "root/usr/lib/raspi-firmware"
    broadcom = start / f"root/usr/lib/linux-image-{base.kernel_version(root)}/broadcom"
    files = {name: firmware / name for name in _START_FILES}
    files |= {f"{name}.dtb": broadcom / f"{name}.dtb" for name in recipes.trees(recipe)}
    files |= {"vmlinuz": start / "vmlinuz", "initrd.img": start / "initrd.img"}
    texts = {
        "config.txt": recipes.config_txt(),
        "cmdline.txt": recipes.command_line(recipe),
        "README.txt": recipes.readme_txt(),
        settings.SETTINGS_FILE: settings.render(settings.CardSettings()),
    }
    folder = shell.clear(work / "work-boot")
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
        files[name] = folder / name
    return files


def data_folder(folder: Path, moment: int) -> Path:
    """Return the data partition's first content: its folders, with the owners that the mounts and services want."""
    shell.clear(folder)
    owned = {"probe": (0o700, tree.UID), "journal": (0o2755, 0), "clock": (0o755, 0), "ssh": (0o700, 0)}
    for name, (mode, owner) in owned.items():
        (folder / name).mkdir()
        os.chown(folder / name, owner, owner)
        (folder / name).chmod(mode)
        os.utime(folder / name, (moment, moment))
    os.utime(folder, (moment, moment))
    return folder


def publish(image: Path, root: Path, wheels: list[Path], moment: int) -> Path:
    """Write dist/: the packed card, its map, the list of what is on it and the sums of all; compare with before."""
    DIST.mkdir(exist_ok=True)
    name = "balise-card-arm64"
    shell.say("dist", "compressing")
    packed = DIST / f"{name}.img.xz"
    with packed.open("wb") as out:
        subprocess.run(
            ["nice", "-n", "5", "xz", "-1", "-T2", "--block-size=16MiB", "-c", image],
            stdout=out,
            stdin=subprocess.DEVNULL,
            env=shell.environment(),
            check=True,
        )  # fmt: skip
    (DIST / f"{name}.bmap").write_text(bmap.text(image))
    parts = sbom.debian((root / "var/lib/dpkg/status").read_text())
    metadata = sorted((root / agent.FOLDER).glob("*.dist-info/METADATA"))
    parts += [sbom.wheel(path.read_text()) for path in metadata]
    (DIST / f"{name}.spdx.json").write_bytes(sbom.document(parts, name, version(), moment))
    outputs = sorted(path for path in DIST.glob(f"{name}.*"))
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in outputs)
    before = (DIST / "SHA256SUMS").read_text() if (DIST / "SHA256SUMS").exists() else ""
    (DIST / "SHA256SUMS").write_text(sums)
    say_result(packed, image, len(parts), len(wheels), before, sums)
    return image


def say_result(packed: Path, image: Path, parts: int, wheels: int, before: str, sums: str) -> None:
    """Print what the build ends with."""
    size = f"{packed.stat().st_size / 1e6:.0f} MB packed, {image.stat().st_size / 1e6:.0f} MB on the card at least"
    shell.say("done", f"{packed.relative_to(shell.ROOT)}: {size}; {parts} packages, {wheels} of them wheels")
    shell.say("done", f"version {version()}, build time {shell.seconds():.0f} s")
    same = "the build before this one gave the same bytes" if before == sums else "other bytes than the build before"
    shell.say("done", same if before else "no build before this one to compare with")
    print(sums, end="", flush=True)


def clean() -> None:
    """Forget every stage but the downloaded packages."""
    for path in shell.CACHE.iterdir():
        if path.name != "debs":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
