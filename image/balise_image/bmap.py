"""The map of a card's bytes that hold something: bmaptool writes only those, and checks each (bmap 2.0, Intel).

Lives here: the ranges, their checksums and the file's own. Must not live here: the card.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

BLOCK: Final = 4096
_GAP: Final = 64
"""Blocks of zeros that are not worth a range of their own."""


def ranges(image: Path) -> list[tuple[int, int, str]]:
    """Return (first block, last block, SHA-256) of everything that is not zero."""
    found: list[tuple[int, int, str]] = []
    first = last = -1
    with image.open("rb") as source:
        number = 0
        while blocks := source.read(BLOCK * 256):
            for offset in range(0, len(blocks), BLOCK):
                block = blocks[offset : offset + BLOCK]
                if block.count(0) != len(block):
                    if first >= 0 and number - last > _GAP:
                        found.append((first, last, ""))
                        first = number
                    first = number if first < 0 else first
                    last = number
                number += 1
        if first >= 0:
            found.append((first, last, ""))
        return [(begin, end, _sum(source.fileno(), begin, end)) for begin, end, _ in found]


def _sum(source: int, begin: int, end: int) -> str:
    digest = hashlib.sha256()
    place, stop = begin * BLOCK, (end + 1) * BLOCK
    while place < stop:
        block = os.pread(source, min(BLOCK * 256, stop - place), place)
        if not block:
            break
        digest.update(block)
        place += len(block)
    return digest.hexdigest()


def text(image: Path) -> str:
    """Return the map; its own checksum is taken with zeros in the place of the checksum."""
    size = image.stat().st_size
    found = ranges(image)
    lines = "".join(
        f'        <Range chksum="{digest}"> {begin if begin == end else f"{begin}-{end}"} </Range>\n'
        for begin, end, digest in found
    )
    draft = (
        '<?xml version="1.0" ?>\n'
        '<bmap version="2.0">\n'
        f"    <ImageSize> {size} </ImageSize>\n"
        f"    <BlockSize> {BLOCK} </BlockSize>\n"
        f"    <BlocksCount> {-(-size // BLOCK)} </BlocksCount>\n"
        f"    <MappedBlocksCount> {sum(end - begin + 1 for begin, end, _ in found)} </MappedBlocksCount>\n"
        "    <ChecksumType> sha256 </ChecksumType>\n"
        f"    <BmapFileChecksum> {'0' * 64} </BmapFileChecksum>\n"
        f"    <BlockMap>\n{lines}    </BlockMap>\n"
        "</bmap>\n"
    )
    return draft.replace("0" * 64, hashlib.sha256(draft.encode()).hexdigest(), 1)
