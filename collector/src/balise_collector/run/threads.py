"""The threads of the program: how they start beside the pages, how one that dies ends the rest, and how all stop.

Must not live here: what any of them does (app.py joins them).
"""

import threading
from collections.abc import Sequence
from typing import Final, Protocol

STOP_SECONDS: Final = 1.8
"""Longest that the threads together may take to end; the whole program ends within 3 s of SIGTERM."""
WATCH_SECONDS: Final = 0.2


class Server(Protocol):
    """What serves the pages in the main thread."""

    should_exit: bool

    def run(self) -> None:
        """Serve until ``should_exit``."""
        ...


class ProgramThread(Protocol):
    """What every thread of ours can do."""

    failed: BaseException | None

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """Ask it to end."""
        ...

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        ...

    def is_alive(self) -> bool:
        """Whether it runs."""
        ...


def run_beside(server: Server, threads: Sequence[ProgramThread]) -> None:
    """Run a server with threads beside it until it is told to exit or one of them dies; then stop them all."""
    for thread in threads:
        thread.start()
    threading.Thread(target=_watch, args=(threads, server), name="watch", daemon=True).start()
    server.run()
    for thread in threads:
        thread.stop()
    for thread in threads:
        thread.join(STOP_SECONDS / len(threads))


def _watch(threads: Sequence[ProgramThread], server: Server) -> None:
    """End the program when one of its threads has died: half a collector is worse than none."""
    while not server.should_exit:
        for thread in threads:
            thread.join(WATCH_SECONDS)
            if not thread.is_alive():
                server.should_exit = True
                return
