"""Waiting for what a machine does by itself: asked again until it is so, with an end.

Lives here: the one loop of that kind. Must not live here: what is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
_PAUSE = threading.Event()


def until(ask: Callable[[], Answer | None], seconds: float, *, every: float = 0.5) -> Answer | None:
    """Ask until the answer is not None; None after so many real seconds."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer is not None or time.monotonic() > end:
            return answer
        _PAUSE.wait(every)
