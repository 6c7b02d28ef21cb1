"""A board that is none: the built card in QEMU, with a power switch, a network cable and a clock of our own.

Lives here: QEMU's command line, its control socket (QMP), and reading and writing a card's partitions while the machine
is off. The network is QEMU's own, inside its process: the machine reaches the host's loopback at one address and
whatever else the trials' own network namespace has: nothing. Must not live here: what is tried.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from balise_image import disk, shell
from balise_image.recipe import MIB, SECTOR, RecipeError

HOST: Final = "198.18.0.2"
"""The host's loopback, as the machine sees it. A reserved prefix (RFC 2544): no machine of anybody answers there."""
TARGET: Final = "198.18.64.2"
"""What is measured: not on the machine's own network, where a probe refuses to measure."""
NETWORK: Final = "198.18.0.0/24"
MAC: Final = "b8:27:eb:5c:0f:fe"
"""The chip's own address, with a board maker's prefix: it must not be seen on the line."""
_MEMORY: Final = "512"


class Card:
    """A copy of the image, as large as a card would be."""

    def __init__(self, image: Path, path: Path, *, grow_to: int = 0) -> None:
        """Copy the image; ``grow_to`` MiB is the size of the card, 0 leaves no room to grow."""
        self.path = path
        shell.run(["cp", "--sparse=always", "--reflink=auto", image, path])
        if grow_to:
            with path.open("r+b") as out:
                out.truncate(grow_to * MIB)

    def start(self, number: int) -> int:
        """Return the first byte of a partition, 1 to 4, as its table says now."""
        with self.path.open("rb") as source:
            table = source.read(SECTOR)
        return int.from_bytes(table[446 + 16 * (number - 1) + 8 :][:4], "little") * SECTOR

    def size(self, number: int) -> int:
        """Return the bytes of a partition."""
        with self.path.open("rb") as source:
            table = source.read(SECTOR)
        return int.from_bytes(table[446 + 16 * (number - 1) + 12 :][:4], "little") * SECTOR

    @property
    def _boot(self) -> str:
        return f"{self.path}@@{self.start(1)}"

    def put(self, name: str, content: bytes) -> None:
        """Write a file onto the boot partition, as a person with a laptop would."""
        draft = self.path.with_suffix(".put")
        draft.write_bytes(content)
        shell.run(["mcopy", "-o", "-i", self._boot, draft, f"::{name}"])
        draft.unlink()

    def remove(self, name: str) -> None:
        """Remove a file from the boot partition."""
        shell.run(["mdel", "-i", self._boot, f"::{name}"])

    def get(self, name: str) -> str:
        """Return a file of the boot partition as text; empty where there is none."""
        draft = self.path.with_suffix(".get")
        draft.unlink(missing_ok=True)
        with contextlib.suppress(RecipeError):
            shell.run(["mcopy", "-n", "-i", self._boot, f"::{name}", draft])
        return draft.read_text(encoding="utf-8", errors="replace") if draft.exists() else ""

    def debugfs(self, number: int, *requests: str, write: bool = False) -> str:
        """Ask, or change, an ext4 partition without mounting it."""
        place = f"{self.path}?offset={self.start(number)}"
        options = ["-w"] if write else []
        script = self.path.with_suffix(".debugfs")
        script.write_text("\n".join(requests) + "\n")
        return shell.run(["debugfs", *options, "-f", script, place])

    def mend(self, number: int) -> None:
        """Replay a partition's journal after a power cut, so that debugfs sees what the next start would."""
        part = self.path.with_suffix(f".part{number}")
        with part.open("wb") as out, self.path.open("rb") as source:
            source.seek(self.start(number))
            left = self.size(number)
            out.truncate(left)
            place = 0
            while left > 0 and (block := source.read(min(MIB, left))):
                if block.count(0) != len(block):
                    out.seek(place)
                    out.write(block)
                place += len(block)
                left -= len(block)
        subprocess.run(["e2fsck", "-fy", part], env=shell.environment(), capture_output=True, check=False)
        with self.path.open("r+b") as out:
            disk.copy_into(out.fileno(), part, disk.Partition(disk.LINUX, self.start(number), self.size(number)))
        part.unlink()


class Machine:
    """The card in a machine that is on."""

    def __init__(self, card: Card, start: Path, *, cable: bool, clock: str, append: str, capture: Path | None) -> None:
        """Switch on.

        Args:
            card: what is in the slot.
            start: the stage with kernel and initrd, the very ones of the boot partition.
            cable: whether there is a network.
            clock: what the clock says: "utc", or a date.
            append: the kernel's command line.
            capture: where everything on the line is written, as pcap.
        """
        self.card = card
        self.console = card.path.with_suffix(".console")
        self._control = card.path.with_suffix(".qmp")
        self._control.unlink(missing_ok=True)
        network = ["-nic", "none"]
        if cable:
            network = [
                "-netdev", f"user,id=line,net={NETWORK},host={HOST},dns=198.18.0.3,ipv6=off",
                "-device", f"virtio-net-pci,netdev=line,mac={MAC},romfile=",
            ]  # fmt: skip
            if capture:
                network += ["-object", f"filter-dump,id=dump,netdev=line,file={capture},maxlen=65535"]
        self.switched_on = time.monotonic()
        self._console = self.console.open("ab")
        self._process = subprocess.Popen(
            [
                "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", _MEMORY,
                "-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none", "-serial", "stdio",
                "-kernel", start / "vmlinuz", "-initrd", start / "initrd.img", "-append", append,
                "-drive", f"if=none,id=card,format=raw,file={card.path},cache=writeback",
                "-device", "virtio-blk-pci,drive=card,romfile=", "-device", "virtio-rng-pci,romfile=",
                "-rtc", f"base={clock}", "-qmp", f"unix:{self._control},server=on,wait=off",
                *network,
            ],
            env=shell.environment(), stdin=subprocess.DEVNULL, stdout=self._console, stderr=self._console,
        )  # fmt: skip

    @property
    def on(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def seconds(self) -> float:
        """Return the seconds since it was switched on."""
        return time.monotonic() - self.switched_on

    def cut(self) -> None:
        """Cut the power: what the machine had not written yet is lost."""
        self._process.kill()
        self._process.wait()
        self._console.close()

    def ask(self, command: str, **arguments: object) -> Any:
        """Ask QEMU itself (QMP)."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(10)
            control.connect(str(self._control))
            answer: dict[str, Any] = {}
            with control.makefile("rw", encoding="utf-8") as line:
                line.readline()
                for words in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                    line.write(json.dumps(words) + "\n")
                    line.flush()
                    answer = json.loads(line.readline())
                    while "event" in answer:
                        answer = json.loads(line.readline())
        return answer.get("return")

    def written(self) -> int:
        """Return the bytes written to the card since it was switched on."""
        return sum(int(one["stats"]["wr_bytes"]) for one in self.ask("query-blockstats"))

    def unplug(self, *, connected: bool) -> None:
        """Pull the network cable, or put it back."""
        self.ask("set_link", name="line", up=connected)


def clear(folder: Path) -> Path:
    """Return an empty folder for a trial."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
