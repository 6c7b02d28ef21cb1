"""One of something for each thread that asks. Must not live here: what it is."""

import threading
import weakref
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What holds a connection."""

    def close(self) -> None:
        """Let go of it."""


Opened = TypeVar("Opened", bound=Closable)


class EachThread(Generic[Opened]):
    """Gives each of the server's threads one of its own: a SQLite connection belongs to one thread.

    It is closed when its thread ends (the server's end when they had nothing to do for some seconds), or with this:
    then another thread may do it, so what is opened here connects with ``check_same_thread=False``.
    """

    def __init__(self, make: Callable[[], Opened]) -> None:
        self._make = make
        self._local = threading.local()

    def __call__(self) -> Opened:
        """Return this thread's own, made at first use."""
        held: _Held[Opened] | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Held(self._make())
            # Not __del__: in a cycle that is collected the connection's own finalizer may come first, and warn.
            weakref.finalize(held, held.opened.close)
        return held.opened


class _Held(Generic[Opened]):
    """What a thread's local values hold; it goes with the thread."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
