"""How long a sink that failed is left alone. Pure: chance is an argument.

Doubling from one second to a minute, with jitter so that a fleet of collectors does not come back in step, and never
sooner than the other side asked for (Retry-After, RFC 9110 10.2.3). Must not live here: waiting.
"""

from typing import Final

FIRST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 60.0
ASKED_MOST_SECONDS: Final = 900.0
"""A longer Retry-After is not obeyed: a mistyped one would stop the sink for days."""


def pause_after(failures: int, retry_after: float, chance: float) -> float:
    """Return seconds to wait.

    Args:
        failures: in a row, from 1.
        retry_after: seconds that the other side asked for; 0 for none.
        chance: uniform in [0, 1).
    """
    grown = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 16))
    return max(grown * (0.5 + chance / 2.0), min(retry_after, ASKED_MOST_SECONDS))
