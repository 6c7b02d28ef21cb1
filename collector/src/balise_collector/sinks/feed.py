"""What feeds the sinks: one thread that reads what changed in the derived store and moves each sink's cursor.

The cursor counts the store's changes, so that a verdict that was judged again goes out again (as the same point); after
a replay was swapped in it starts over. Must not live here: points or transports.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from balise_collector.errors import JournalError
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.judge.verdict import Verdict
from balise_collector.sinks import Point, Sink, SinkError
from balise_collector.sinks.points import incident_point, line_point, verdict_point
from balise_collector.store import Store
from balise_wire.words import Experiment

_log = logging.getLogger(__name__)
_CHUNK: Final = 1000
_IDLE_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 10.0


class Feed(threading.Thread):
    """The thread; it owns its connections, which it opens with the two functions."""

    def __init__(
        self, sinks: Sequence[Sink], open_store: Callable[[], Store], open_journal: Callable[[], SqliteJournal]
    ) -> None:
        super().__init__(name="sinks", daemon=True)
        self._sinks = sinks
        self._open_store = open_store
        self._open_journal = open_journal
        self._stopping = threading.Event()
        self.failed: BaseException | None = None
        """What ended the thread, where it did not end by ``stop``."""

    def stop(self) -> None:
        """Ask the thread to end after the chunk at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Feed until stopped."""
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the program, loudly
            self.failed = error
            _log.exception("sinks ended")

    def _run(self) -> None:
        """Feed every sink in turn; one that fails keeps nobody else waiting."""
        store, journal = self._open_store(), self._open_journal()
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = _IDLE_SECONDS
            for sink in self._sinks:
                try:
                    if feed_once(sink, store, journal):
                        pause = 0.0
                except (SinkError, JournalError) as error:
                    _log.error("sink %s: %s", sink.name, error)
                    pause = _RETRY_SECONDS
        store.close()
        journal.close()


def feed_once(sink: Sink, store: Store, journal: SqliteJournal) -> int:
    """Give a sink its next chunk and move its cursor; returns how many points that was.

    Raises:
        SinkError: the sink did not take them; its cursor stays.
    """
    cursor = journal.cursor(sink.name)
    if cursor > store.last_change():
        cursor = 0  # a replay was swapped in: its changes are counted from the start
    changes = store.changes(cursor, _CHUNK)
    if not changes:
        return 0
    points: list[Point] = []
    for change in changes:
        if change.incident is not None:
            points.append(incident_point(change.incident, change.noted_at))
        elif change.verdict is not None:
            points.extend(_of_verdict(store, change.seq, change.verdict))
    sink.take(points)
    journal.advance(sink.name, changes[-1].change)
    return len(points)


def _of_verdict(store: Store, seq: int, verdict: Verdict) -> list[Point]:
    """Return the points of one verdict: its own, and the line's where it is about the line."""
    measurement = store.measurement(verdict.measurement)
    points = [verdict_point(verdict, measurement, seq)]
    if measurement is not None and verdict.layer is Experiment.LINE:
        line = line_point(measurement, verdict.probe, seq)
        points.extend([line] if line else [])
    return points
