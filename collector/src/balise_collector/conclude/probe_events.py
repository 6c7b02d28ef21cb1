"""What probes tell of themselves, read: which of it is trouble, how often it came, and the words as they may be shown.

Pure. A detail is text of a machine that is not ours: whatever cannot be printed is replaced here, so that no page, line
or terminal has to. Must not live here: where events are kept (journal/), what a reader sees of them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from balise_collector.journal import EventRow
from balise_collector.system.harmless import printable
from balise_wire.status import EventKind

DAY: Final = 86_400.0
LOOP: Final = 3
"""Starts of a board within LOOP_SECONDS that are a loop: its power, card or kernel fails again and again."""
LOOP_SECONDS: Final = 3 * 3600.0
TROUBLES: Final = frozenset(
    {
        EventKind.SPOOL_FULL,
        EventKind.HALTED,
        EventKind.ASSIGNMENT_REFUSED,
        EventKind.BUDGET_EXHAUSTED,
        EventKind.LINK_UNUSABLE,
    }
)
"""Kinds each of which somebody must look at: measurements are lost, not made, or not asked for."""
WATCHED: Final = (*sorted(TROUBLES), EventKind.REBOOT)
"""What ``troubles`` wants to be given."""
_EACH: Final = 50
"""Newest events of a kind that are looked through."""
Read = Callable[[str, int, EventKind | None], Sequence[EventRow]]
"""Gives the newest events of a probe, at most so many, of one kind where that is given (EventReader.events_of)."""


class EventSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe told of one kind in a stretch of time."""

    kind: EventKind
    times: int
    at: float
    """When the newest was received: UNIX seconds on the collector's clock."""
    detail: str
    """Of the newest."""


def untold(_probe: str, _most: int, _kind: EventKind | None) -> Sequence[EventRow]:
    """Give no events, where none are kept."""
    return ()


def summed(rows: Iterable[EventRow], since: float) -> tuple[EventSummary, ...]:
    """Return what was received from ``since`` on (UNIX seconds), by kind, the newest first."""
    found: dict[EventKind, EventSummary] = {}
    for row in sorted(rows, key=lambda row: row.no):
        if row.received_at >= since:
            kind = row.event.kind
            times = found[kind].times + 1 if kind in found else 1
            found[kind] = EventSummary(kind=kind, times=times, at=row.received_at, detail=printable(row.event.detail))
    return tuple(sorted(found.values(), key=lambda told: -told.at))


def troubles(read: Read, probe: str, now: float) -> tuple[EventSummary, ...]:
    """Return the troubles of the last day, the newest first, and a board that starts again and again.

    Each kind is asked for by itself: what is told by the minute must not hide what was told once.

    Args:
        read: gives events.
        probe: whose.
        now: UNIX seconds on the collector's clock.
    """
    rows = [row for kind in WATCHED for row in read(probe, _EACH, kind)]
    found = [told for told in summed(rows, now - DAY) if told.kind in TROUBLES]
    starts = [told for told in summed(rows, now - LOOP_SECONDS) if told.kind is EventKind.REBOOT and told.times >= LOOP]
    return tuple(sorted((*found, *starts), key=lambda told: -told.at))
