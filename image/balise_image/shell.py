"""The edge: programs run, lines said, folders cleared, time measured.

Lives here: how every step starts a program (its output goes to the stage's log, not to the screen), where the tools are
found, and the registration of the emulator for the time of a build. Must not live here: what is built.
"""

import contextlib
import ctypes
import os
import platform
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from balise_image.recipe import RecipeError

ROOT: Final = Path(__file__).resolve().parents[2]
TOOLS: Final = ROOT / ".tools-image"
CACHE: Final = ROOT / ".cache" / "image"
_BINFMT: Final = Path("/proc/sys/fs/binfmt_misc")
_HANDLER: Final = "qemu-aarch64"
_ELF_ARM64: Final = (
    r":qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:{interpreter}:F"
)
"""binfmt-misc (kernel.org): ELF, 64 bits, AArch64. F opens the emulator now, so that a chroot finds it."""
_CLONE_NEWNET: Final = 0x40000000
_STARTED: Final = time.monotonic()
_ENDING: Final = threading.Event()


def say(stage: str, text: str) -> None:
    """One line of progress, with the seconds since the start."""
    print(f"image: {time.monotonic() - _STARTED:6.0f} s  {stage}: {text}", flush=True)


def seconds() -> float:
    """Return the seconds since the program began."""
    return time.monotonic() - _STARTED


def environment(**extra: str) -> dict[str, str]:
    """Return the surroundings of every program: our tools first on PATH, one language, no questions."""
    own = os.environ.get("PATH", "/usr/bin:/bin")
    # Last: what a wrapped program starts in its turn (mmdebstrap its tar filter).
    path = os.pathsep.join((str(TOOLS / "bin"), "/usr/sbin", "/sbin", own, str(TOOLS / "root/usr/bin")))
    fixed = {
        "PATH": path,
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "TZ": "UTC",
        "MTOOLS_SKIP_CHECK": "1",
    }
    return {**os.environ, **fixed, **extra}


def run(command: Sequence[str | Path], *, log: Path | None = None, extra: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed.

    Args:
        command: argument vector.
        log: where its output goes as well, for a stage that takes long.
        extra: variables beside ``environment``.

    Raises:
        RecipeError: it failed; the text names it, quotes its last lines, and says where the rest is.
    """
    words = [str(word) for word in command]
    surroundings = environment(**(extra or {}))
    if log is None:
        done = subprocess.run(
            words, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        said, code = done.stdout + done.stderr, done.returncode
        printed = done.stdout
    else:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as out:
            code = subprocess.run(
                words, env=surroundings, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
            ).returncode
        said = printed = log.read_text(encoding="utf-8", errors="replace")
    if code != 0:
        tail = "\n".join(said.strip().splitlines()[-8:])
        where = f"\n(all of it: {log})" if log else ""
        raise RecipeError(f"{Path(words[0]).name} failed with {code}:\n{tail}{where}")
    return printed


def end_on_signals() -> None:
    """From now on SIGTERM and Ctrl-C end what rests, so that everything that was started is ended too."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _ENDING.set())


def rest(length: float) -> None:
    """Wait so many real seconds (RecipeError when somebody ended the program)."""
    if _ENDING.wait(length):
        raise RecipeError("ended before its end")


def clear(folder: Path) -> Path:
    """Return the folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def check_machine() -> None:
    """Refuse, with the mend, what the build cannot do without."""
    if os.geteuid() != 0:
        raise RecipeError("the card's root file system has files of several owners; run: sudo make image")
    if platform.machine() not in {"x86_64", "aarch64"}:
        raise RecipeError(f"{platform.machine()} was never tried; build on x86-64 or arm64")
    free = shutil.disk_usage(ROOT).free
    if free < 8 << 30:
        raise RecipeError(f"{free >> 30} GiB are free below {ROOT}; the build needs 8")


def leave_the_network(address: str) -> None:
    """Move this process, and all that it starts, into a network namespace with a loopback and one address on it.

    So a trial reaches nobody, whatever goes wrong in it (namespaces(7)).
    """
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        raise RecipeError("no network namespace can be made here; run: sudo make image-test")
    ip = next(
        (path for path in (ROOT / ".tools/bin/ip", Path("/usr/sbin/ip"), Path("/sbin/ip")) if path.exists()), "ip"
    )
    run([ip, "link", "set", "lo", "up"])
    run([ip, "address", "add", f"{address}/32", "dev", "lo"])


@contextlib.contextmanager
def arm64_programs() -> Iterator[None]:
    """Let the kernel start arm64 programs through the emulator while the block runs."""
    if platform.machine() == "aarch64" or _runs_arm64():
        yield
        return
    mend = "run: mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc, or install qemu-user-static"
    if not (_BINFMT / "register").exists():
        done = subprocess.run(
            ["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RecipeError(f"this kernel cannot be told how to start arm64 programs ({done.stderr.strip()}); {mend}")
    with contextlib.suppress(OSError):
        (_BINFMT / _HANDLER).write_text("-1")
    try:
        (_BINFMT / "register").write_text(_ELF_ARM64.format(interpreter=emulator()))
    except OSError as error:
        raise RecipeError(f"the emulator could not be registered ({error.strerror}); {mend}") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (_BINFMT / _HANDLER).write_text("-1")


def emulator() -> Path:
    """Return the emulator itself: the kernel cannot start a wrapper."""
    for folder in (TOOLS / "root/usr/bin", Path("/usr/bin")):
        for name in ("qemu-aarch64-static", "qemu-aarch64"):
            if (folder / name).exists():
                return folder / name
    raise RecipeError("no static qemu-aarch64 here; run: tools/fetch-tools --for image --force")


def _runs_arm64() -> bool:
    """Tell whether somebody (the package, another build) has registered an emulator that still exists."""
    try:
        lines = (_BINFMT / _HANDLER).read_text().splitlines()
    except OSError:
        return False
    interpreter = next((line.split()[1] for line in lines if line.startswith("interpreter")), "")
    # Only with F a chroot finds it (Debian's package registers so).
    return (
        "enabled" in lines
        and any("F" in line for line in lines if line.startswith("flags"))
        and Path(interpreter).exists()
    )
