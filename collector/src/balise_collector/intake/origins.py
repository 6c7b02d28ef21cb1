"""Which network an address belongs to, by a table that the operator supplies: nobody is asked, and no address is kept.

Two formats, told apart by their first line of data; empty lines and lines that begin with ``#`` are passed over:

- tab-separated ranges, as iptoasn.com gives them away: first address, last address, AS number, country, description;
- comma-separated prefixes: ``prefix,asn,country``, of which the longest counts.

AS number 0 is "not announced", a country that is no ISO 3166-1 code is none. The table is of the day on which it was
made; we ship none. Lives here: reading it into little memory, and looking up. Must not live here: where an address
comes from (writer.py), what a network means for a probe (whereabouts.py).
"""

import ipaddress
import logging
import re
import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from balise_collector.system.errors import ConfigError

_log = logging.getLogger(__name__)
_LINES_MOST: Final = 5_000_000
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_ASN_MOST: Final = 2**32


class Origin(NamedTuple):
    """Where a network belongs; 0 and the empty text are not known."""

    asn: int = 0
    country: str = ""


class _Range(NamedTuple):
    """Addresses from first to last, as numbers; of IPv6 only the first 64 bits."""

    first: int
    last: int
    origin: Origin


class Origins:
    """The table, in arrays: half a million ranges take some ten megabytes."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        """Read a table (ValueError where no line of it is one)."""
        self._countries: list[str] = [""]
        self._index: dict[str, int] = {"": 0}
        self.ranges = 0
        self.unread = 0
        """Lines that are of neither format."""
        ranges: dict[int, list[_Range]] = {4: [], 6: []}
        for version, one in self._read(lines):
            ranges[version].append(one)
        self._four = self._packed(ranges[4], array("I"))
        self._six = self._packed(ranges[6], array("Q"))
        if not self.ranges and self.unread:
            raise ValueError(f"none of its {self.unread} lines is a range or a prefix with an AS number")

    def _read(self, lines: Iterable[str]) -> Iterator[tuple[int, _Range]]:
        for number, line in enumerate(lines):
            if number >= _LINES_MOST:
                _log.warning("the table of origins has more than %d lines; the others are not read", _LINES_MOST)
                return
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                yield _line(text)
            except ValueError:
                self.unread += 1

    def _packed(self, ranges: list[_Range], kind: "array[int]") -> tuple["array[int]", "array[int]", "array[int]"]:
        """Return starts, AS numbers and countries of stretches that do not overlap, in order; gaps have origin 0."""
        starts, asns, countries = kind, array("I"), array("H")
        for start, origin in _flat(ranges):
            starts.append(start)
            asns.append(origin.asn)
            countries.append(self._country(origin.country))
        self.ranges += len(ranges)
        return starts, asns, countries

    def _country(self, code: str) -> int:
        if code not in self._index:
            self._index[code] = len(self._countries)
            self._countries.append(code)
        return self._index[code]

    def look_up(self, address: str) -> Origin | None:
        """Return the network of an address; ``None`` for what is none, is not public, or is not in the table."""
        try:
            ip = ipaddress.ip_address(address.strip("[]").split("%", 1)[0])
        except ValueError:
            return None
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        starts, asns, countries = self._four if ip.version == 4 else self._six
        place = bisect_right(starts, int(ip) if ip.version == 4 else int(ip) >> 64) - 1
        if place < 0:
            return None
        found = Origin(asns[place], self._countries[countries[place]])
        return found if found.asn or found.country else None


def _line(text: str) -> tuple[int, _Range]:
    """Read one line (ValueError for what is none)."""
    if "\t" in text:
        first, last, asn, country, *_ = (part.strip() for part in text.split("\t"))
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    else:
        prefix, asn, country, *_ = (part.strip() for part in text.split(","))
        network = ipaddress.ip_network(prefix, strict=False)
        low, high = network[0], network[-1]
    number = int(asn.removeprefix("AS"))
    if low.version != high.version or int(low) > int(high) or not 0 <= number < _ASN_MOST:
        raise ValueError(text)
    origin = Origin(number, country if _COUNTRY.fullmatch(country) and number else "")
    shift = 0 if low.version == 4 else 64
    return low.version, _Range(int(low) >> shift, int(high) >> shift, origin)


def _flat(ranges: list[_Range]) -> Iterator[tuple[int, Origin]]:
    """Yield where each origin begins, in order: an inner range interrupts the one around it."""
    nothing = Origin()
    around: list[_Range] = []
    last: tuple[int, Origin] | None = None

    def step(start: int, origin: Origin) -> Iterator[tuple[int, Origin]]:
        nonlocal last
        if last is None or last[1] != origin:
            last = (start, origin)
            yield last

    for one in sorted(ranges, key=lambda each: (each.first, -each.last)):
        while around and around[-1].last < one.first:
            ended = around.pop()
            yield from step(ended.last + 1, around[-1].origin if around else nothing)
        yield from step(one.first, one.origin)
        around.append(one)
    while around:
        ended = around.pop()
        yield from step(ended.last + 1, around[-1].origin if around else nothing)


def read_origins(path: Path) -> Origins:
    """Read the table from its file (ConfigError where it cannot be read)."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return Origins(file)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"[network] origins {path}: {error}; give tab-separated ranges or `prefix,asn,country` (docs/broker.md)"
        ) from None


class FreshOrigins:
    """The table of a file, read again in a thread of its own when the file has changed: a big one takes seconds."""

    def __init__(self, path: Path) -> None:
        """Read the table once (ConfigError where it cannot be read)."""
        self._path = path
        self._read_at = _changed(self._path)
        self._table = read_origins(path)
        self._thread: threading.Thread | None = None
        _log.info("%d ranges of origins from %s", self._table.ranges, path)

    def look_up(self, address: str) -> Origin | None:
        """As ``Origins.look_up``."""
        return self._table.look_up(address)

    def freshen(self) -> None:
        """Begin to read the file again where it has changed; returns at once."""
        changed = _changed(self._path)
        if changed != self._read_at and (self._thread is None or not self._thread.is_alive()):
            self._read_at = changed
            self._thread = threading.Thread(target=self._read, name="origins", daemon=True)
            self._thread.start()

    def _read(self) -> None:
        try:
            self._table = read_origins(self._path)
            _log.info("%d ranges of origins from %s", self._table.ranges, self._path)
        except ConfigError as error:
            _log.error("%s; the table of before stays", error)


class OriginsOnDemand:
    """The table of a file, read when an address is first asked for; one that cannot be read knows no address.

    It is tried again when the file has changed. Any thread may ask.
    """

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self._table: FreshOrigins | None = None
        self._failed_at: float | None = None
        self._lock = threading.Lock()

    def look_up(self, address: str) -> Origin | None:
        """As ``Origins.look_up``."""
        with self._lock:
            table = self._opened()
        return None if table is None else table.look_up(address)

    def _opened(self) -> FreshOrigins | None:
        if self._table is not None:
            self._table.freshen()
        elif (changed := _changed(self._path)) != self._failed_at:
            try:
                self._table = FreshOrigins(self._path)
            except ConfigError as error:
                self._failed_at = changed
                _log.error("%s; until then no network is named", error)
        return self._table


def _changed(path: Path) -> float:
    """Return when a file changed last, UNIX seconds; 0 where it cannot be asked."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
