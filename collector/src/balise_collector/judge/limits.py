"""What limited the board itself during a measurement, and what it can then still testify to. Pure.

A board that lost packets, or was busy, hot or badly powered, can lose an answer: what did not come says nothing then,
neither of the way (no block) nor of the server (no fault). What did come stands: an answer, a reset, a forged packet
that was captured, a certificate. Must not live here: the rules (rules.py), or what the board's own figures mean.
"""

from typing import Final

from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

BUDGET: Final = frozenset({"budget"})
"""Words of ``Measurement.limited_by`` that say nothing of the board: how much was asked, not how well it was heard."""
SHARED: Final = BUDGET | {"cpu"}
"""The same in a laboratory: many probes share one machine, whose processor says nothing of any of them."""


def limited(measurement: Measurement, besides: frozenset[str] = BUDGET) -> bool:
    """Tell whether the board was limited; a word that we do not know is a limit too: a newer probe knows why.

    Args:
        measurement: what it sent.
        besides: words that do not count.
    """
    return measurement.tap_drops > 0 or bool(set(measurement.limited_by) - besides)


def fell_silent(measurement: Measurement) -> bool:
    """Tell whether what failed of the subject includes any trial that nothing answered."""
    return any(
        trial.failure is Failure.GENERIC_TIMEOUT for trial in measurement.observations if trial.arm is Arm.SUBJECT
    )
