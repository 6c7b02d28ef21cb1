"""The card as bytes: partition table, where partitions lie, and putting their contents there.

Lives here: the MBR (a Pi 3 starts from nothing else), offsets, and copying that leaves holes. Must not live here: what
is in the partitions.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from balise_image.recipe import ALIGN, MIB, SECTOR

FAT32_LBA: Final = 0x0C
LINUX: Final = 0x83
_LIKE_ANY: Final = b"\xfe\xff\xff"
"""Cylinder, head and sector of addresses beyond what they can say; nothing has read them since LBA."""


class Partition(msgspec.Struct, frozen=True):
    """One entry: kind, first byte and size in bytes, both multiples of a sector."""

    kind: int
    start: int
    size: int


def laid_out(sizes: Sequence[tuple[int, int]]) -> list[Partition]:
    """Return partitions of the given (kind, bytes), one after the other, each beginning at an erase block."""
    found: list[Partition] = []
    place = ALIGN
    for kind, size in sizes:
        whole = -(-size // ALIGN) * ALIGN
        found.append(Partition(kind, place, whole))
        place += whole
    return found


def table(partitions: Sequence[Partition], signature: int) -> bytes:
    """Return the first sector (at most four entries; ValueError for more, or for one beyond 2 TiB)."""
    if len(partitions) > 4:
        raise ValueError(f"{len(partitions)} partitions; an MBR holds 4")
    entries = b"".join(
        struct.pack("<B3sB3sII", 0, _LIKE_ANY, part.kind, _LIKE_ANY, _sectors(part.start), _sectors(part.size))
        for part in partitions
    )
    return bytes(440) + struct.pack("<IH", signature, 0) + entries.ljust(64, b"\0") + b"\x55\xaa"


def _sectors(count: int) -> int:
    sectors, rest = divmod(count, SECTOR)
    if rest or sectors >= 2**32:
        raise ValueError(f"{count} bytes cannot be said in an MBR")
    return sectors


def assemble(image: Path, partitions: Sequence[Partition], contents: Sequence[Path], signature: int) -> None:
    """Write the whole card; zeros become holes, so that a small card costs little space here."""
    end = partitions[-1].start + partitions[-1].size
    with image.open("wb") as out:
        out.truncate(end)
        out.write(table(partitions, signature))
        for part, content in zip(partitions, contents, strict=True):
            copy_into(out.fileno(), content, part)


def copy_into(out: int, content: Path, part: Partition) -> None:
    """Copy one partition's content to its place, without its zeros (ValueError when it does not fit)."""
    if content.stat().st_size > part.size:
        raise ValueError(f"{content.name} is larger than its partition")
    with content.open("rb") as source:
        place = part.start
        while block := source.read(MIB):
            if block.count(0) != len(block):
                os.pwrite(out, block, place)
            place += len(block)
