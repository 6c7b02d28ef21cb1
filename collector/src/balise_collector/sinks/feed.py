"""What feeds a sink: one thread a sink, which sends each course in turn and leaves a failing sink alone for a while.

A sink that is away delays its own points and nothing else: it has a thread and cursors of its own, and everything it
missed is still in the files. Must not live here: points, transports, what flows (courses.py).
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Final

from balise_collector.errors import JournalError
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks import SinkError
from balise_collector.sinks.backoff import pause_after
from balise_collector.sinks.courses import Course
from balise_collector.store import Store

_log = logging.getLogger(__name__)
_IDLE_SECONDS: Final = 1.0


class Feed(threading.Thread):
    """The thread; it owns its connections and courses, which it makes with the functions it is given."""

    def __init__(
        self,
        title: str,
        make_courses: Callable[[], Sequence[Course]],
        open_store: Callable[[], Store],
        open_journal: Callable[[], SqliteJournal],
        monotonic: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            title: of the sink, for log lines.
            make_courses: called in the thread.
            open_store: called in the thread.
            open_journal: called in the thread.
            monotonic: real seconds.
        """
        super().__init__(name=f"sink-{title}", daemon=True)
        self._title = title
        self._make_courses = make_courses
        self._open_store = open_store
        self._open_journal = open_journal
        self._monotonic = monotonic
        self._stopping = threading.Event()
        self._failures = 0
        self._since = 0.0
        self._said = ""
        self.failed: BaseException | None = None
        """What ended the thread, where it did not end by ``stop``."""

    def stop(self) -> None:
        """Ask the thread to end after the piece at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Feed until stopped."""
        try:
            store, journal = self._open_store(), self._open_journal()
            courses = self._make_courses()
            pause = 0.0
            while not self._stopping.wait(pause):
                pause = self._turn(courses, store, journal)
            store.close()
            journal.close()
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the program, loudly
            self.failed = error
            _log.exception("sink %s ended", self._title)

    def _turn(self, courses: Sequence[Course], store: Store, journal: SqliteJournal) -> float:
        """Take one step of each course; returns the seconds to wait before the next turn."""
        moved = 0
        try:
            for course in courses:
                if self._stopping.is_set():
                    return 0.0
                moved += course.step(store, journal)
        except (SinkError, JournalError) as error:
            return self._leave_alone(error)
        if self._failures:
            away = self._monotonic() - self._since
            _log.info("sink %s: takes points again after %.0f s; sending what it missed", self._title, away)
            self._failures, self._said = 0, ""
        return 0.0 if moved else _IDLE_SECONDS

    def _leave_alone(self, error: SinkError | JournalError) -> float:
        """Say what is wrong, once for each reason, and return how long to wait."""
        if not self._failures:
            self._since = self._monotonic()
        self._failures += 1
        asked = error.retry_after if isinstance(error, SinkError) else 0.0
        pause = pause_after(self._failures, asked, random.random())  # noqa: S311 - jitter, no secret
        if str(error) != self._said:
            self._said = str(error)
            _log.error("sink %s: %s (next try in %.0f s)", self._title, error, pause)
        return pause
