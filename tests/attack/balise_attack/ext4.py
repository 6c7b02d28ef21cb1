"""An ext4 file system in a file, mounted for the length of a case, and what can be found in its raw bytes afterwards.

Lives here: making, mounting, and searching as somebody would who has the card and a hex editor: for words, and for
frames that the probe's own key explains. Must not live here: what must not be found.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import zstandard

from balise_attack.case import Skipped
from balise_wire.dictionary import DICTIONARIES

_PLAIN_FRAME = re.compile(rb"BLS1\x01")
_ZSTD = 77
"""Where the compressed envelope begins in a frame that anybody can read (wire's seal)."""
_LONGEST = 256 * 1024
_BLOCK = 1024


class Ext4:
    """One image; ``with`` mounts it."""

    def __init__(self, folder: Path, megabytes: int = 32) -> None:
        """Make an empty file system; skipped where this machine mounts none."""
        self.file = folder / "card.img"
        self.root = folder / "card"
        self.root.mkdir()
        with self.file.open("wb") as file:
            file.truncate(megabytes * 1024 * 1024)
        self._run("mkfs.ext4", "-q", "-m", "0", self.file)

    def __enter__(self) -> Path:
        """Mount it."""
        self._run("mount", "-o", "loop", self.file, self.root)
        return self.root

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Unmount it: everything is in the file then."""
        self._run("umount", self.root)

    @staticmethod
    def _run(*command: str | Path) -> None:
        try:
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise Skipped(f"{command[0]} is not on this machine") from None
        if done.returncode != 0:
            raise Skipped(f"{command[0]}: {done.stderr.strip().splitlines()[-1]} (loop mounts need root)")

    def counts(self, words: Iterable[bytes], **named: Iterable[bytes]) -> dict[str, int]:
        """Return how many results and other things the raw bytes give away.

        Args:
            words: one for each result: found as it is, or in a frame that is only compressed.
            named: more things by their name, each with what it is known by; found as they are.
        """
        whole = self.file.read_bytes()
        blocks = (whole[place : place + _BLOCK] for place in range(0, len(whole), _BLOCK))
        raw = b"".join(block for block in blocks if block.strip(b"\0"))
        readable = raw + b"".join(readable_frames(raw))
        found = {"results": sum(word in readable for word in words)}
        for name, marks in named.items():
            found[name] = sum(mark in readable for mark in marks)
        return found


def readable_frames(raw: bytes) -> Iterable[bytes]:
    """Yield what is in every frame of the wire that nobody sealed to anybody: results, assignments."""
    for match in _PLAIN_FRAME.finditer(raw):
        payload = raw[match.start() + _ZSTD : match.start() + _LONGEST]
        for dictionary in (None, *DICTIONARIES.values()):
            try:
                yield zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj().decompress(payload)
            except zstandard.ZstdError:
                continue
