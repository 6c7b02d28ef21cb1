"""Waiting for what another thread or program brings about: until it is so, and never for a time.

A wait for a time is too short on a busy machine and too long on every other. Must not live here: what is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

PAUSE = 0.02
"""Real seconds between two looks."""


def eventually(condition: Callable[[], object], what: str = "it never came", within: float = 20.0) -> None:
    """Return once the condition holds; the test fails with ``what`` after ``within`` real seconds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {within} s: {what}")
        threading.Event().wait(PAUSE)
