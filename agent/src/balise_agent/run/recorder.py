"""What is put on disk and when: measurements and events, committed once a turn, sealed into batches when it is time.

Lives here: the same event told once an hour, the stamp of a moment, and what is said of a spool that lost something.
Must not live here: why anything happened, or the spool itself.
"""

import logging
import math
from typing import Final

import msgspec

from balise_agent.delivery.publisher import Publisher
from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool, TooLargeError
from balise_agent.measure.assignments import Notice
from balise_agent.system.clock import Clock
from balise_agent.system.reactor import Reactor
from balise_wire.envelope import Kind
from balise_wire.status import Event, EventKind

_log = logging.getLogger(__name__)

_SAME_EVENT_SECONDS: Final = 3600.0
"""Clock seconds for which the same trouble is told once."""
_REMEMBERED_MOST: Final = 1000
LONGEST_DETAIL: Final = 300
"""Characters of an event's words."""


class Recorder:
    """The way from the loop to the spool."""

    def __init__(self, spool: Spool, publisher: Publisher, *, clock: Clock, reactor: Reactor, boot: str) -> None:
        self.refused = 0
        """Results that no message could carry: our own failure, each of them."""
        self._spool = spool
        self._publisher = publisher
        self._clock = clock
        self._reactor = reactor
        self._boot = boot
        self._fresh: list[Record] = []
        self._told: dict[tuple[EventKind, str], float] = {}
        self._damage = ""

    def notice(self, notice: Notice) -> None:
        """Record an event that somebody else decided on."""
        self.event(notice.kind, notice.detail)

    def event(self, kind: EventKind, detail: str, *, again: bool = False) -> None:
        """Record an event; the same trouble is told once an hour, what is no trouble ``again`` each time."""
        now = self._clock.now()
        if not again and abs(now - self._told.get((kind, detail), -math.inf)) < _SAME_EVENT_SECONDS:
            return
        if len(self._told) > _REMEMBERED_MOST:
            self._told.clear()
        self._told[kind, detail] = now
        _log.info("event %s: %s", kind, detail)
        self.record(Record(Kind.EVENT, msgspec.json.encode(Event(kind=kind, at=now, detail=detail)), now))

    def record(self, record: Record) -> None:
        """Collect what this turn of the loop brings, and commit it once at its end."""
        if not self._fresh:
            self._reactor.soon(self.commit)
        self._fresh.append(record)

    def commit(self) -> None:
        """Put everything fresh on disk: from here on it is recorded."""
        fresh, self._fresh = self._fresh, []
        try:
            self._spool.record(fresh, self._stamp())
        except TooLargeError:
            for record in fresh:
                self._commit_one(record)

    def seal(self) -> None:
        """Close the open batch and let it go on air."""
        evicted = self._spool.evicted_batches
        sealed = self._spool.seal(self._stamp())
        gone = self._spool.evicted_batches - evicted
        if gone:
            _log.warning("the spool is full: %d batches were let go", gone)
            self.event(EventKind.SPOOL_FULL, f"the spool is full; {self._spool.evicted_batches} batches let go so far")
            self._publisher.evicted()
        if sealed:
            self._publisher.poke()

    def tell_damage(self) -> None:
        """Tell what damage of the spool has cost, each time it cost something more."""
        if self._spool.damage != self._damage:
            self._damage = self._spool.damage
            self.event(EventKind.SPOOL_FULL, f"the spool was damaged: {self._damage}"[:LONGEST_DETAIL])

    def _commit_one(self, record: Record) -> None:
        """Put one on disk; one that no message could carry is our own failure."""
        try:
            self._spool.record([record], self._stamp())
        except TooLargeError as error:
            self.refused += 1
            _log.error("a result could not be recorded: %s", error)

    def _stamp(self) -> Stamp:
        """Return what an envelope says of this moment."""
        return Stamp(
            at=self._clock.now(),
            clock_state=self._clock.state(),
            session=self._publisher.session,
            historical=not self._publisher.connected,
            boot=self._boot,
            uptime=self._clock.steady(),
            checked=self._clock.checked,
        )
