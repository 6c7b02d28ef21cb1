"""What the card is made of: image.toml and packages.txt as frozen records, and the texts that follow from them.

Lives here: their shapes, the boot partition's two text files, the keys by which finished stages are found again. It
thinks only; the one thing it touches is the folder that it is told to read. Must not live here: making anything.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Final

import msgspec

SECTOR: Final = 512
MIB: Final = 1024 * 1024
ALIGN: Final = 4 * MIB
"""Where partitions begin: the erase block of common cards, so that no write touches two of them."""


class RecipeError(Exception):
    """The recipe, or the machine it is to be made on, cannot work: the text says what to do."""


class Kernel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[kernel]``: the suite that the kernel comes from (empty: the card's own), and which packages that means."""

    suite: str = ""
    packages: tuple[str, ...] = ()


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[layout]``: MiB of the partitions; the root's is its content and this much spare."""

    boot: int
    root_spare: int
    data: int


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[identity]``: the same on every card."""

    disk: str
    boot: str
    root: str
    data: str
    hash_seed: str


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file, and the packages beside it."""

    suite: str
    components: tuple[str, ...]
    kernel: Kernel
    layout: Layout
    identity: Identity
    boards: dict[str, tuple[str, ...]]
    packages: tuple[str, ...] = ()


def read(folder: Path) -> Recipe:
    """Read image.toml and packages.txt (RecipeError says what is wrong in them)."""
    table = tomllib.loads((folder / "image.toml").read_text(encoding="utf-8"))
    table["packages"] = packages((folder / "packages.txt").read_text(encoding="utf-8"))
    try:
        return msgspec.convert(table, Recipe, strict=False)
    except msgspec.ValidationError as error:
        raise RecipeError(f"image.toml: {error}") from None


def packages(text: str) -> list[str]:
    """Return the packages; every line must say why (RecipeError names the line that does not)."""
    found: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        name, hash_mark, reason = line.partition("#")
        if not name.strip():
            continue
        if not hash_mark or not reason.strip():
            raise RecipeError(f"packages.txt:{number}: {name.strip()} has no reason; write one after a #")
        found.append(name.strip())
    return found


def trees(recipe: Recipe) -> tuple[str, ...]:
    """Return the device trees of all boards."""
    return tuple(sorted(tree for board in recipe.boards.values() for tree in board))


def command_line(recipe: Recipe) -> str:
    """Return the kernel's command line (kernel-parameters.txt): one line, as the start files want it."""
    words = (
        f"root=PARTUUID={recipe.identity.disk}-02",
        "ro",
        "rootwait",
        "net.ifnames=0",  # eth0 and wlan0 on every board: one settings file fits all
        "fsck.repair=yes",  # nobody is there to answer
        "panic=10",
        "cpufreq.default_governor=schedutil",  # full speed when something is measured, cool in between
        "consoleblank=30",
        "quiet",
        "loglevel=3",
    )
    return " ".join(words) + "\n"


def config_txt() -> str:
    """Return the start files' settings; a Zero 2 W counts as a Pi 3 there, and a Pi 5 reads the same file."""
    return (
        "# Read by the board's start files before the kernel runs.\n"
        "arm_64bit=1\n"
        "# The kernel is Debian's, with mainline Linux's names of the device trees.\n"
        "upstream_kernel=1\n"
        "kernel=vmlinuz\n"
        "initramfs initrd.img followkernel\n"
        "# Debian's kernel starts a Pi 3 only with a steady clock of the serial port.\n"
        "enable_uart=1\n"
        "disable_splash=1\n"
        "# Nothing to see and nothing to hear: less power, less heat.\n"
        "hdmi_blanking=2\n"
        "dtparam=audio=off\n"
        "camera_auto_detect=0\n"
        "display_auto_detect=0\n"
        "gpu_mem=16\n"
    )


def readme_txt() -> str:
    """Return the words for whoever puts the card into a computer; they do not name the product."""
    lines = (
        "This card belongs into a small measuring box.",
        "",
        'The file whose name ends in ".toml" holds its settings; open it with any',
        "editor. It explains itself, and says what the box does and what it costs.",
        "After the box has run, a file whose name ends in '-status.txt' appears here",
        "and says how it is doing.",
        "",
        "To pause the box:  make an empty file named  pause  here, and start it again.",
        "To empty the box:  make an empty file named  wipe   here, and start it again.",
        "",
    )
    return "\r\n".join(lines)


def key(*parts: str | bytes) -> str:
    """Return the name under which a stage is found again: a short hash of everything that went into it."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def of_tree(folder: Path) -> str:
    """Return the hash of a folder's files: names, modes and content."""
    parts: list[bytes] = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        mode = b"x" if path.stat(follow_symlinks=False).st_mode & 0o100 else b"-"
        parts += [str(path.relative_to(folder)).encode(), mode, content]
    return key(*parts)
