"""What drives a sink: one thread a sink, which sends each stream in turn and leaves a failing one alone for a while.

A sink that is away delays its own changes and nothing else: it has a thread and cursors of its own, and everything it
missed is still in the files. Must not live here: formats, transports, what flows (streams.py).
"""

import contextlib
import logging
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Final

from balise_collector.sinks import SinkError
from balise_collector.sinks.backoff import pause_after
from balise_collector.sinks.streams import Samples, Sources, Stream
from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.faults import words_of
from balise_collector.system.shared_file import is_damage

_log = logging.getLogger(__name__)
_IDLE_SECONDS: Final = 1.0


class StreamState:
    """One stream, and how it fares."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.failures = 0
        self.since = 0.0
        """Real seconds at which it began to fail."""
        self.until = 0.0
        """Real seconds before which it is left alone."""
        self.logged = ""
        """Why, as it was logged."""


class SinkWorker(threading.Thread):
    """The thread; it owns its connections and streams, which it opens with the functions it is given."""

    def __init__(
        self,
        title: str,
        open_streams: Callable[[Sources], AbstractContextManager[Sequence[Stream]]],
        open_sources: Callable[[], Sources],
        monotonic: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            title: of the sink, for log lines.
            open_streams: entered in the thread, and left at its end.
            open_sources: called in the thread.
            monotonic: real seconds.
        """
        super().__init__(name=f"sink-{title}", daemon=True)
        self._title = title
        self._open_streams = open_streams
        self._open_sources = open_sources
        self._monotonic = monotonic
        self._stopping = threading.Event()
        self.states: list[StreamState] = []
        self.failed: BaseException | None = None
        """What ended the thread, where it did not end by ``stop``."""

    def stop(self) -> None:
        """Ask the thread to end after the piece at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Send until stopped."""
        try:
            sources = self._open_sources()
            with closing(sources.store), closing(sources.journal), self._open_streams(sources) as streams:
                self.states = [StreamState(stream) for stream in streams]
                pause = 0.0
                while not self._stopping.wait(pause):
                    pause = self.turn(sources.store.path)
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the program, loudly
            self.failed = error
            _log.exception("sink %s ended", self._title)

    @property
    def failing(self) -> bool:
        """Whether anything stands still because of a failure."""
        return any(state.failures for state in self.states)

    def turn(self, path: Path) -> float:
        """Take one step of each stream that is not left alone; returns the seconds to wait before the next turn.

        Raises:
            DamagedError: a file is damaged: the one that says so, else the store's at ``path``.
        """
        moved = 0
        for state in self.states:
            if self._stopping.is_set():
                return 0.0
            if self._monotonic() < state.until:
                if isinstance(state.stream, Samples):
                    with contextlib.suppress(Exception):  # said by the next step, which asks the same files
                        state.stream.sample()
                continue
            try:
                moved += state.stream.step()
            except DamagedError:
                raise
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    raise DamagedError(f"{path}: {error}", path) from None
                self._leave_alone(state, error)
            except Exception as error:  # noqa: BLE001 - one stream that fails, for whatever reason, costs itself
                self._leave_alone(state, error)
            else:
                self._welcome_back(state)
        return 0.0 if moved else _IDLE_SECONDS

    def _leave_alone(self, state: StreamState, error: Exception) -> None:
        """Say what is wrong, once for each reason, and leave the stream alone for a while."""
        now = self._monotonic()
        if not state.failures:
            state.since = now
        state.failures += 1
        asked = error.retry_after if isinstance(error, SinkError) else 0.0
        pause = pause_after(state.failures, asked, random.random())  # noqa: S311 - jitter, no secret
        state.until = now + pause
        text = str(error) if isinstance(error, SinkError | JournalError) else f"our own fault: {words_of(error)}"
        if text not in {other.logged for other in self.states}:
            _log.error("sink %s: %s (next try in %.0f s)", self._title, text, pause)
        state.logged = text

    def _welcome_back(self, state: StreamState) -> None:
        """Say, once for all streams, that it goes on."""
        if not state.failures:
            return
        state.failures, state.logged = 0, ""
        if not self.failing:
            away = self._monotonic() - state.since
            _log.info("sink %s: takes changes again after %.0f s; sending what it missed", self._title, away)
