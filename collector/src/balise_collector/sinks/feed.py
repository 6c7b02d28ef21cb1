"""What feeds a sink: one thread a sink, which sends each course in turn and leaves a failing one alone for a while.

A sink that is away delays its own points and nothing else: it has a thread and cursors of its own, and everything it
missed is still in the files. Must not live here: points, transports, what flows (courses.py).
"""

import contextlib
import logging
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from typing import Final

from balise_collector.conclude.store import Store
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks import SinkError
from balise_collector.sinks.backoff import pause_after
from balise_collector.sinks.courses import Course, Gauges
from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.faults import words_of
from balise_collector.system.shared_file import is_damage

_log = logging.getLogger(__name__)
_IDLE_SECONDS: Final = 1.0


class _Lane:
    """One course, and how it fares."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.failures = 0
        self.since = 0.0
        """Real seconds at which it began to fail."""
        self.until = 0.0
        """Real seconds before which it is left alone."""
        self.said = ""
        """Why, as it was logged."""


class Feed(threading.Thread):
    """The thread; it owns its connections and courses, which it makes with the functions it is given."""

    def __init__(
        self,
        title: str,
        make_courses: Callable[[], AbstractContextManager[Sequence[Course]]],
        open_store: Callable[[], Store],
        open_journal: Callable[[], SqliteJournal],
        monotonic: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            title: of the sink, for log lines.
            make_courses: entered in the thread, and left at its end.
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
        self._lanes: list[_Lane] = []
        self.failed: BaseException | None = None
        """What ended the thread, where it did not end by ``stop``."""

    def stop(self) -> None:
        """Ask the thread to end after the piece at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Feed until stopped."""
        try:
            with (
                closing(self._open_store()) as store,
                closing(self._open_journal()) as journal,
                self._make_courses() as courses,
            ):
                self._lanes = [_Lane(course) for course in courses]
                pause = 0.0
                while not self._stopping.wait(pause):
                    pause = self._turn(store, journal)
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the program, loudly
            self.failed = error
            _log.exception("sink %s ended", self._title)

    @property
    def failing(self) -> bool:
        """Whether anything stands still because of a failure."""
        return any(lane.failures for lane in self._lanes)

    def _turn(self, store: Store, journal: SqliteJournal) -> float:
        """Take one step of each course that is not left alone; returns the seconds to wait before the next turn."""
        moved = 0
        for lane in self._lanes:
            if self._stopping.is_set():
                return 0.0
            if self._monotonic() < lane.until:
                if isinstance(lane.course, Gauges):
                    with contextlib.suppress(Exception):  # said by the next step, which asks the same files
                        lane.course.look(store, journal)
                continue
            try:
                moved += lane.course.step(store, journal)
            except DamagedError:
                raise
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    raise DamagedError(f"{store.path}: {error}", store.path) from None
                self._leave_alone(lane, error)
            except Exception as error:  # noqa: BLE001 - one course that fails, for whatever reason, costs itself
                self._leave_alone(lane, error)
            else:
                self._welcome_back(lane)
        return 0.0 if moved else _IDLE_SECONDS

    def _leave_alone(self, lane: _Lane, error: Exception) -> None:
        """Say what is wrong, once for each reason, and leave the course alone for a while."""
        now = self._monotonic()
        if not lane.failures:
            lane.since = now
        lane.failures += 1
        asked = error.retry_after if isinstance(error, SinkError) else 0.0
        pause = pause_after(lane.failures, asked, random.random())  # noqa: S311 - jitter, no secret
        lane.until = now + pause
        text = str(error) if isinstance(error, SinkError | JournalError) else f"our own fault: {words_of(error)}"
        if text not in {other.said for other in self._lanes}:
            _log.error("sink %s: %s (next try in %.0f s)", self._title, text, pause)
        lane.said = text

    def _welcome_back(self, lane: _Lane) -> None:
        """Say, once for all courses, that it goes on."""
        if not lane.failures:
            return
        lane.failures, lane.said = 0, ""
        if not self.failing:
            away = self._monotonic() - lane.since
            _log.info("sink %s: takes points again after %.0f s; sending what it missed", self._title, away)
