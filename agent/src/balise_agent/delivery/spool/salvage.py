"""What is still whole in a damaged SQLite file: its rows, page by page, without the pointers that lead there. Pure.

A page that a dying card has lost costs, through SQLite, everything behind it: a zeroed interior page takes all the
leaves below it, a zeroed first page the file. But a leaf names its own rows, and a long row names the pages that it
goes on in (sqlite.org/fileformat2.html, 1.6 b-tree pages, 2.1 record format, 4 the write-ahead log). So every leaf is
read by itself; what does not hold together costs itself and is counted.

Lives here: the file format, bounded at every step: the bytes may be anything. Must not live here: files, what rows
mean, or whether a blob is what was written: its keeper's check says so.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

PAGE: Final = 4096
"""Bytes of a page where no header says so: what SQLite has made since 3.12."""
_LONGEST: Final = 1 << 20
"""Bytes of a row; the spool refuses larger ones before it writes them."""
_MOST_COLUMNS: Final = 16
_TABLE_LEAF: Final = 13
_INDEX_LEAF: Final = 10
_INDEX_INTERIOR: Final = 2
"""Holds rows as well, each behind a pointer of 4 bytes; its header is 4 bytes longer."""
_FIRST_PAGE_HEADER: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_WAL_MAGIC: Final = (0x377F0682, 0x377F0683)
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_NARROW: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Bytes of an integer by its serial type."""

Value = int | float | str | bytes | None
Row = tuple[int, tuple[Value, ...]]
"""The row's number (0 in a table without one), and its columns."""


class _Torn(ValueError):
    """Something does not hold together."""


@dataclass(frozen=True)
class LogFrame:
    """One page in the write-ahead log."""

    page: int
    place: int
    """Where its bytes begin in the log."""
    commits: bool


@dataclass
class Salvage:
    """What was found so far."""

    torn: int = 0
    """Rows whose own pages are there and that are not whole all the same."""
    seen: set[int] = field(default_factory=set)
    """Hashes of the rows that were given: a page may be there twice."""


def page_size(head: bytes) -> int:
    """Return the bytes of a page by the file's first bytes; the usual ones where those are damaged."""
    size = int.from_bytes(head[16:18], "big")
    size = 65536 if size == 1 else size
    return size if head.startswith(_MAGIC) and size >= 512 and size & (size - 1) == 0 else PAGE


def frames(log: bytes, size: int) -> list[LogFrame | None]:
    """Return the pages of a write-ahead log's last generation by their place, ``None`` for any other.

    Checksums of frames are not looked at: who asks wants to know what is behind a damaged one.

    Args:
        log: the file.
        size: bytes of a page.
    """
    if len(log) < _WAL_HEADER + _FRAME_HEADER:
        return []
    salt = log[16:24] if _is_log_header(log[:_WAL_HEADER]) else log[_WAL_HEADER + 8 : _WAL_HEADER + 16]
    found: list[LogFrame | None] = []
    for start in range(_WAL_HEADER, len(log) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        page, commit = struct.unpack_from(">II", log, start)
        known = log[start + 8 : start + 16] == salt and page > 0
        found.append(LogFrame(page, start + _FRAME_HEADER, commits=commit != 0) if known else None)
    return found


def newest(found: list[LogFrame | None]) -> Mapping[int, int]:
    """Return where each page's newest committed bytes begin in the log."""
    last = max((index for index, frame in enumerate(found) if frame is not None and frame.commits), default=-1)
    return {frame.page: frame.place for frame in found[: last + 1] if frame is not None}


def _is_log_header(head: bytes) -> bool:
    """Whether the log's header is whole: its magic, and the checksum of its first 24 bytes (4.1, 4.2)."""
    magic = int.from_bytes(head[:4], "big")
    if magic not in _WAL_MAGIC:
        return False
    first, second = 0, 0
    words = struct.unpack((">" if magic & 1 else "<") + "6I", head[:24])
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = first + one + second & 0xFFFFFFFF
        second = second + other + first & 0xFFFFFFFF
    return struct.unpack_from(">II", head, 24) == (first, second)


def rows(read: Callable[[int], bytes], count: int, result: Salvage) -> Iterator[Row]:
    """Yield every row that is whole, in the order of pages; a row that is there twice is given once.

    Args:
        read: the bytes of a page by its number from 1; short or empty where they cannot be had.
        count: pages of the file.
        result: what could not be read is counted here.
    """
    unused = _unused(read, count)
    for number in range(1, count + 1):
        if number in unused:
            continue
        page = read(number)
        header = _FIRST_PAGE_HEADER if number == 1 else 0
        for cell in _cells(page, header):
            try:
                row = _row(page, cell, read, count, is_table=page[header] == _TABLE_LEAF)
            except (_Torn, struct.error, UnicodeDecodeError, IndexError):
                result.torn += 1
                continue
            mark = hash(row)
            if mark not in result.seen:
                result.seen.add(mark)
                yield row


def _unused(read: Callable[[int], bytes], count: int) -> set[int]:
    """Return the pages of the freelist: what they still hold was given up long ago."""
    head = read(1)
    found: set[int] = set()
    trunk = int.from_bytes(head[32:36], "big") if head.startswith(_MAGIC) else 0
    while 0 < trunk <= count and trunk not in found:
        found.add(trunk)
        page = read(trunk)
        if len(page) < 8:
            break
        following, length = struct.unpack_from(">II", page)
        leaves = struct.unpack_from(f">{min(length, len(page) // 4 - 2)}I", page, 8)
        found.update(leaf for leaf in leaves if 0 < leaf <= count)
        trunk = following
    return found


def _cells(page: bytes, header: int) -> Iterator[int]:
    """Yield where the rows of a page begin; nothing for one that holds none."""
    if len(page) <= header + 12 or page[header] not in {_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR}:
        return
    count = int.from_bytes(page[header + 3 : header + 5], "big")
    pointer = 4 if page[header] == _INDEX_INTERIOR else 0
    first = header + 8 + pointer
    for index in range(min(count, (len(page) - first) // 2)):
        place = int.from_bytes(page[first + 2 * index : first + 2 * index + 2], "big")
        if first + 2 * count <= place < len(page) - pointer:
            yield place + pointer


def _row(page: bytes, place: int, read: Callable[[int], bytes], count: int, *, is_table: bool) -> Row:
    """Return the row in one cell (_Torn where it is not whole)."""
    length, place = _varint(page, place)
    number = 0
    if is_table:
        number, place = _varint(page, place)
    if not 0 < length <= _LONGEST:
        raise _Torn
    return number, _columns(_payload(page, place, length, read, count, is_table=is_table))


def _payload(
    page: bytes, place: int, length: int, read: Callable[[int], bytes], count: int, *, is_table: bool
) -> bytes:
    """Return a row's bytes: in its leaf, and in the pages that it goes on in (1.6, "Cell Payload Overflow Pages")."""
    usable = len(page)
    most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
    if length <= most:
        here = length
    else:
        least = (usable - 12) * 32 // 255 - 23
        here = least + (length - least) % (usable - 4)
        here = here if here <= most else least
    content = bytearray(page[place : place + here])
    if len(content) != here:
        raise _Torn
    following = int.from_bytes(page[place + here : place + here + 4], "big") if length > here else 0
    while len(content) < length:
        more = read(following) if 0 < following <= count else b""
        if len(more) != usable:
            raise _Torn
        content += more[4 : 4 + length - len(content)]
        following = int.from_bytes(more[:4], "big")
    return bytes(content)


def _columns(payload: bytes) -> tuple[Value, ...]:
    """Return a record's columns (2.1)."""
    end, place = _varint(payload, 0)
    if not place <= end <= len(payload):
        raise _Torn
    kinds: list[int] = []
    while place < end:
        kind, place = _varint(payload, place)
        kinds.append(kind)
        if len(kinds) > _MOST_COLUMNS:
            raise _Torn
    values: list[Value] = []
    place = end
    for kind in kinds:
        value, place = _value(payload, place, kind)
        values.append(value)
    if place != len(payload):
        raise _Torn
    return tuple(values)


def _value(payload: bytes, place: int, kind: int) -> tuple[Value, int]:
    """Return one column by its serial type, and where the next begins."""
    if kind == 0:
        return None, place
    if kind in {8, 9}:
        return kind - 8, place
    if kind == 7:
        return struct.unpack_from(">d", payload, place)[0], place + 8
    size = _NARROW.get(kind, (kind - 12) // 2 if kind >= 12 else -1)
    part = payload[place : place + size]
    if size < 0 or len(part) != size:
        raise _Torn
    if kind <= 6:
        return int.from_bytes(part, "big", signed=True), place + size
    return (part.decode("utf-8") if kind % 2 else bytes(part)), place + size


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where the next begins (1.6, "variable-length integer")."""
    value = 0
    for index in range(8):
        byte = content[place + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + index + 1
    value = value << 8 | content[place + 8]
    return value - (1 << 64) if value >= 1 << 63 else value, place + 9
