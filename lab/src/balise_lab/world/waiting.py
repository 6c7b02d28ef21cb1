"""Waiting for something to become true, never for time to pass.

Lives here: the one polling loop of the lab. It counts real (monotonic) seconds: servers and carriers do not follow the
scenario's clock; on a busy machine a second is worth less, and more of them are waited.
"""

import select
import time
from collections.abc import Callable

from balise_lab.errors import LabError
from balise_lab.world import machine

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05


def until(true: Callable[[], bool], what: str, seconds: float = 10.0) -> float:
    """Poll `true` until it holds; returns the real seconds it took, raises LabError naming `what` after `seconds`.

    Args:
        true: asked again and again.
        what: names it in the error.
        seconds: of a machine that is ours alone; where others use it, as many more as it is slower.
    """
    begun = time.monotonic()
    pause = FIRST_PAUSE
    limit = seconds
    while not true():
        if (waited := time.monotonic() - begun) > limit:
            limit = max(limit, seconds * machine.slowness())
            if waited > limit:
                raise LabError(f"waited {waited:.3g} s in vain for {what}")
        select.select([], [], [], pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return time.monotonic() - begun
