"""Waiting for something to become true, never for time to pass.

Lives here: the one polling loop of the lab. It counts real (monotonic) seconds: servers and carriers do not follow the
scenario's clock.
"""

import select
import time
from collections.abc import Callable

from balise_lab.errors import LabError

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05


def until(true: Callable[[], bool], what: str, seconds: float = 10.0) -> float:
    """Poll `true` until it holds; returns the real seconds it took, raises LabError naming `what` after `seconds`."""
    begun = time.monotonic()
    pause = FIRST_PAUSE
    while not true():
        if time.monotonic() - begun > seconds:
            raise LabError(f"waited {seconds:g} s in vain for {what}")
        select.select([], [], [], pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return time.monotonic() - begun
