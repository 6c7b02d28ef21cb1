"""How often somebody may knock: token buckets per source and for all, pure; the time is an argument.

An office enrols forty cards from one address within a minute, so a source may come in a burst and then one at a time.
The table of sources is bounded. Must not live here: sockets, answers.
"""

import ipaddress
from collections import OrderedDict
from typing import Final, NamedTuple

_SOURCES_MOST: Final = 4096


class Pace(NamedTuple):
    """So many at once, and then so many a second."""

    burst: float
    per_second: float


SOURCE: Final = Pace(60.0, 0.5)
"""Of one board's line, or an office's, at the enrolment listener."""
ALL: Final = Pace(200.0, 10.0)
"""Of all strangers together."""


class Bucket:
    """What is left of a pace."""

    def __init__(self, pace: Pace, now: float) -> None:
        """Begin full; ``now`` is in monotonic seconds."""
        self._pace = pace
        self._left = pace.burst
        self._at = now

    def take(self, now: float) -> bool:
        """Take one where there is one."""
        self._left = min(self._pace.burst, self._left + max(0.0, now - self._at) * self._pace.per_second)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Rate:
    """Who has knocked lately."""

    def __init__(self, pace: Pace) -> None:
        """Remember nobody yet; each source has this pace."""
        self._pace = pace
        self._sources: OrderedDict[str, Bucket] = OrderedDict()

    def allows(self, source: str, now: float) -> bool:
        """Whether a source may be answered now (monotonic seconds); each question counts."""
        name = source_of(source)
        bucket = self._sources.pop(name, None) or Bucket(self._pace, now)
        self._sources[name] = bucket
        while len(self._sources) > _SOURCES_MOST:
            self._sources.popitem(last=False)
        return bucket.take(now)

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
