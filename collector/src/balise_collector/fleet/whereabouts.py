"""Whether a line is where its record says: matches, differs, or not known. Pure.

Two signs, neither of them the probe's to choose. The first is the network from which the broker saw it connect, looked
up in the operator's table and thrown away (origins.py); it holds from that connection to the next. The second, where
the first is not known, is the way its packets take: controls of the country that were near once and are now further
than those abroad, time and again, look like a tunnel whose other end is elsewhere. A line whose controls at home were
never near tells nothing: many countries send their own traffic round by another. Must not live here: what is done with
a line that differs (judge/record.py), where sightings are kept (journal/).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from balise_wire.experiments.line import LineObservation
from balise_wire.measurement import Network
from balise_wire.words import Scope

NEAR_MS: Final = 30.0
"""Controls at home that take no more than this longer than the nearest abroad are near: a country's diameter and back
in fibre is 20 ms and less for all but the ten largest, and both have the line's own delay in common."""
FAR_MS: Final = 80.0
"""More than this further than the nearest abroad, and the way home leads through another continent."""
KNOWN_AFTER: Final = 12
"""Line checks with controls at home near, after which it is known that they are: an hour."""
FAR_AFTER: Final = 3
"""Line checks in a row with controls at home far, after which the line differs."""
KEPT_MOST: Final = 2_000
"""Changes of network kept of one probe."""
_LEAST: Final = 2
"""Controls on each side that must have answered: one has troubles of its own."""


class Where(StrEnum):
    """What is known of where a line is."""

    MATCHES = "matches"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Sign(StrEnum):
    """What it is known by."""

    BROKER = "broker"
    ROUND_TRIPS = "round_trips"
    NONE = "none"


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """From which network a probe was seen to connect; 0 and the empty text where the table did not say."""

    no: int = 0
    """Position in the journal."""
    probe: str
    at: float
    """UNIX seconds on the collector's clock."""
    asn: int = 0
    country: str = ""


class Placed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one line now, for the operator's eyes."""

    line: Where
    sign: Sign = Sign.NONE
    since: float | None = None
    """UNIX seconds."""
    asn: int = 0
    country: str = ""
    """Of the network that the broker saw."""


class _Ways(msgspec.Struct):
    """What line checks showed of the way home."""

    near: int = 0
    """Checks in which controls at home were near, up to KNOWN_AFTER."""
    far: int = 0
    """Checks in a row in which they were far."""
    since: float = 0.0
    """When the first of these was, UNIX seconds."""
    last: float = 0.0
    """When the newest check was; older ones that come late change nothing."""


def compare(record: Network, seen: Sighting, same: Sequence[frozenset[int]] = ()) -> Where:
    """Hold a sighting against a record.

    Args:
        record: where the operator says that the line is.
        seen: where it was seen.
        same: AS numbers that are one provider's.
    """
    if record.asn and seen.asn:
        # Whatever country the table has: a provider is registered in one, and serves others.
        ours = record.asn == seen.asn or any({record.asn, seen.asn} <= group for group in same)
        return Where.MATCHES if ours else Where.DIFFERS
    return Where.DIFFERS if seen.country and seen.country != record.country else Where.UNKNOWN


class Whereabouts:
    """Where each line was seen, and which way it takes."""

    def __init__(self, same: Sequence[frozenset[int]] = (), *, observed: bool = True) -> None:
        """Know nothing; ``observed`` is whether there is a table at all, without which no sighting counts."""
        self.same = tuple(same)
        self.observed = observed
        self._seen: dict[str, list[Sighting]] = {}
        self._ways: dict[str, _Ways] = {}

    def sighted(self, rows: Iterable[Sighting]) -> None:
        """Take in sightings, in the journal's order."""
        for row in rows:
            held = self._seen.setdefault(row.probe, [])
            held.append(row)
            del held[:-KEPT_MOST]

    def checked(self, probe: str, line: LineObservation, at: float) -> None:
        """Take in one line check, measured at ``at`` (UNIX seconds)."""
        home = [c.rtt_ms for c in line.controls if c.scope is Scope.DOMESTIC and c.rtt_ms is not None]
        abroad = [c.rtt_ms for c in line.controls if c.scope is Scope.INTERNATIONAL and c.rtt_ms is not None]
        ways = self._ways.setdefault(probe, _Ways())
        if at <= ways.last or len(home) < _LEAST or len(abroad) < _LEAST:
            return
        ways.last = at
        further = min(home) - min(abroad)
        if further <= NEAR_MS:
            ways.near = min(KNOWN_AFTER, ways.near + 1)
        if further < FAR_MS:
            ways.far = 0
        else:
            ways.since = at if not ways.far else ways.since
            ways.far += 1

    def line(self, probe: str, record: Network, at: float) -> Where:
        """Return what is known of a line at a moment (UNIX seconds), held against the record of that moment."""
        return self.told(probe, record, at).line

    def told(self, probe: str, record: Network, at: float) -> Placed:
        """Return the same, with the sign by which it is known."""
        seen = self._at(probe, at)
        line = compare(record, seen, self.same) if seen is not None else Where.UNKNOWN
        if seen is not None and line is not Where.UNKNOWN:
            return Placed(line=line, sign=Sign.BROKER, since=seen.at, asn=seen.asn, country=seen.country)
        ways = self._ways.get(probe)
        if ways is None or ways.near < KNOWN_AFTER:
            return Placed(line=Where.UNKNOWN)
        if ways.far >= FAR_AFTER and at >= ways.since:
            return Placed(line=Where.DIFFERS, sign=Sign.ROUND_TRIPS, since=ways.since)
        return Placed(line=Where.MATCHES, sign=Sign.ROUND_TRIPS)

    def _at(self, probe: str, at: float) -> Sighting | None:
        """Return the last sighting before a moment."""
        rows = self._seen.get(probe, []) if self.observed else []
        place = bisect_right(rows, at, key=lambda row: row.at)
        return rows[place - 1] if place else None

    # ------------------------------------------------------------ memory

    def memory(self) -> bytes:
        """Return what a restart needs beside the journal's sightings."""
        return msgspec.json.encode(self._ways)

    def restore(self, memory: bytes | None) -> None:
        """Go on where ``memory`` was taken (msgspec.DecodeError: it is of another version)."""
        self._ways = msgspec.json.decode(memory, type=dict[str, _Ways]) if memory else {}


def read_told(memory: bytes | None) -> Mapping[str, Placed]:
    """Return what was last known of each line; nothing where nothing was concluded yet, or by another version."""
    try:
        return msgspec.json.decode(memory, type=dict[str, Placed]) if memory else {}
    except msgspec.DecodeError:
        return {}
