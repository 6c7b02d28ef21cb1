"""How often somebody may knock: token buckets per source and for all, pure; the time is an argument.

An office enrols forty cards from one address within a minute, so a source may come in a burst and then one at a time.
The table of sources is bounded. Must not live here: sockets, answers.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

SOURCE_BURST: Final = 60
SOURCE_PER_SECOND: Final = 0.5
ALL_BURST: Final = 200
ALL_PER_SECOND: Final = 10.0
_SOURCES_MOST: Final = 4096


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float

    def take(self, now: float, burst: float, per_second: float) -> bool:
        """Take one where there is one."""
        self.left = min(burst, self.left + (now - self.at) * per_second)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


@dataclass
class Rate:
    """Who has knocked lately."""

    _sources: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)
    _all: _Bucket = field(default_factory=lambda: _Bucket(ALL_BURST, 0.0))

    def allows(self, source: str, now: float) -> bool:
        """Whether a source may be answered now (monotonic seconds); each question counts."""
        name = source_of(source)
        bucket = self._sources.pop(name, None) or _Bucket(SOURCE_BURST, now)
        self._sources[name] = bucket
        while len(self._sources) > _SOURCES_MOST:
            self._sources.popitem(last=False)
        return bucket.take(now, SOURCE_BURST, SOURCE_PER_SECOND) and self._all.take(now, ALL_BURST, ALL_PER_SECOND)

    def __len__(self) -> int:
        return len(self._sources)


def source_of(address: str) -> str:
    """Return whom an address stands for: itself, or its IPv6 /64, which one line has whole (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
