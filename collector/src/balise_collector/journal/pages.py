"""Rows out of the raw pages of a SQLite file, whatever else of it is damaged. Pure, and total: bytes in, rows out.

SQLite itself gives up a file whose header or schema changed by one bit, and every page below an interior one that did.
The rows are in the leaves, and each leaf stands for itself (sqlite.org/fileformat2.html, 1.6 and 2.1): they are read
page by page, and a cell that makes no sense costs itself. Lives here: that format, read only. Must not live here: which
table a row belongs to, and what it means (mending.py).
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

_TABLE_LEAF: Final = 0x0D
_SIZES: Final = frozenset(1 << power for power in range(9, 17))
_USUAL: Final = 4096
_HEADER: Final = 100
_PAYLOAD_MOST: Final = 64 * 1024 * 1024
_COLUMNS_MOST: Final = 64
_WAL_HEADER, _WAL_FRAME = 32, 24
_REALS: Final = struct.Struct(">d")

Value = int | float | str | bytes | None


class Row(NamedTuple):
    """One row of some table."""

    rowid: int
    values: tuple[Value, ...]
    """As stored: an INTEGER PRIMARY KEY is ``None`` here, its value is the row's id."""


class NoRowError(ValueError):
    """These bytes are no row."""


def page_size(data: bytes | memoryview) -> int:
    """Return the size of a file's pages by its header, or the usual one where that says nothing possible."""
    size = int.from_bytes(data[16:18], "big") if len(data) >= _HEADER else 0
    size = 65_536 if size == 1 else size
    return size if size in _SIZES else _USUAL


def committed(wal: bytes, size: int) -> dict[int, bytes]:
    """Return the newest committed form of each page that stands in a write-ahead log, by its number.

    Frames of an earlier use of the log have another salt (2.3 of the format); what follows the last commit counts for
    nothing.
    """
    found: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    salt = wal[16:24]
    for at in range(_WAL_HEADER, len(wal) - _WAL_FRAME - size + 1, _WAL_FRAME + size):
        number, after = struct.unpack_from(">II", wal, at)
        if wal[at + 8 : at + 16] != salt:
            break
        waiting[number] = wal[at + _WAL_FRAME : at + _WAL_FRAME + size]
        if after:  # the last frame of a transaction says how many pages the file then has
            found.update(waiting)
            waiting.clear()
    return found


class Pages:
    """A file's pages, with what its write-ahead log holds of them."""

    def __init__(self, data: bytes | memoryview, newer: Mapping[int, bytes] | None = None, size: int = 0) -> None:
        """Take the file's bytes, pages that stand in the place of its own, and their size (0: by the header)."""
        self._data = memoryview(data)
        self._newer = newer or {}
        self._size = size or page_size(data)

    def close(self) -> None:
        """Let go of the file's bytes."""
        self._data.release()

    def __len__(self) -> int:
        """Return how many pages there are."""
        return max(len(self._data) // self._size, max(self._newer, default=0))

    def _page(self, number: int) -> bytes | memoryview:
        """Return a page by its number, from 1 (NoRowError where there is none)."""
        newer = self._newer.get(number)
        if newer is not None:
            return newer
        if not 1 <= number <= len(self._data) // self._size:
            raise NoRowError(f"there is no page {number}")
        return self._data[(number - 1) * self._size : number * self._size]

    def rows(self) -> Iterator[Row]:
        """Yield every row that stands in a leaf of a table, in the order of pages."""
        for number in range(1, len(self) + 1):
            try:
                page = self._page(number)
            except NoRowError:
                continue
            yield from self._rows_of(page, _HEADER if number == 1 else 0)

    def _rows_of(self, page: bytes | memoryview, begin: int) -> Iterator[Row]:
        if page[begin] != _TABLE_LEAF:
            return
        cells = int.from_bytes(page[begin + 3 : begin + 5], "big")
        for place in range(min(cells, (self._size - begin - 8) // 2)):
            at = begin + 8 + 2 * place
            try:
                yield self._row(page, int.from_bytes(page[at : at + 2], "big"))
            except (NoRowError, IndexError, struct.error):
                continue

    def _row(self, page: bytes | memoryview, at: int) -> Row:
        """Read one cell of a leaf (NoRowError)."""
        length, at = varint(page, at)
        rowid, at = varint(page, at)
        if not 0 < length <= _PAYLOAD_MOST:
            raise NoRowError(f"{length} bytes are no payload")
        most = self._size - 35
        if length <= most:
            payload = bytes(page[at : at + length])
        else:
            least = (self._size - 12) * 32 // 255 - 23
            local = least + (length - least) % (self._size - 4)
            local = local if local <= most else least
            payload = bytes(page[at : at + local])
            following = int.from_bytes(page[at + local : at + local + 4], "big")
            payload += self._overflow(following, length - local)
        if len(payload) != length:
            raise NoRowError("its payload is cut off")
        return Row(rowid - (1 << 64) if rowid >= 1 << 63 else rowid, record(payload))

    def _overflow(self, number: int, length: int) -> bytes:
        """Read what did not fit into the leaf, along its chain of pages."""
        parts = []
        while length > 0:
            page = self._page(number)
            part = bytes(page[4 : 4 + min(length, self._size - 4)])
            parts.append(part)
            length -= len(part)
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return a variable-length integer and where the bytes behind it begin (1.6 of the format)."""
    value = 0
    for place in range(at, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def record(payload: bytes) -> tuple[Value, ...]:
    """Return the values of a record (2.1 of the format; NoRowError)."""
    length, at = varint(payload, 0)
    if not at <= length <= len(payload):
        raise NoRowError("its header is longer than it is")
    kinds = []
    while at < length:
        kind, at = varint(payload, at)
        kinds.append(kind)
        if len(kinds) > _COLUMNS_MOST:
            raise NoRowError("it has too many columns")
    if at != length:
        raise NoRowError("its header ends within a number")
    values = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        values.append(value)
    if at != len(payload):
        raise NoRowError("it is longer than its columns")
    return tuple(values)


_WHOLE: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Bytes of an integer by its serial type."""


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    size = _WHOLE.get(kind)
    if size is not None:
        return int.from_bytes(payload[at : at + size], "big", signed=True), at + size
    if kind == 0:
        return None, at
    if kind == 7:
        return float(_REALS.unpack_from(payload, at)[0]), at + 8
    if kind in {8, 9}:
        return kind - 8, at
    if kind < 12:
        raise NoRowError(f"{kind} is no serial type")
    size = (kind - 12) // 2
    raw = payload[at : at + size]
    if len(raw) != size:
        raise NoRowError("a column is cut off")
    return (raw.decode("utf-8", "replace") if kind % 2 else raw), at + size
