"""How long a trial took, step by step, and how fast it was: by field name, for sinks and roll-ups. Pure.

Lives here: what every trial has; each experiment tells its own (experiments/<x>/points.py). Must not live here: any
one experiment, what sinks call the rest.
"""

from typing import Final

from balise_collector.experiments import POINTS, word_of
from balise_collector.experiments.points import Fields
from balise_wire.measurement import Measurement
from balise_wire.trial import Trial
from balise_wire.words import Arm

TIMES: Final = tuple(sorted({"elapsed_ms", *(name for points in POINTS.values() for name in points.times)}))
"""What roll-ups take medians of."""
TAILS: Final = tuple(sorted({name for points in POINTS.values() for name in points.tails}))
"""What they take the 95th percentile of, too."""


def timings(measurement: Measurement) -> dict[str, float]:
    """Return the durations and the rate that the newest subject trial saw, by field name; for roll-ups."""
    own = [trial for trial in measurement.observations if trial.arm is Arm.SUBJECT and not trial.carried]
    found = times_of(own[-1]) if own else {}
    return {name: float(value) for name, value in found.items() if name in TIMES and isinstance(value, int | float)}


def times_of(trial: Trial) -> Fields:
    """Return durations of one trial, in milliseconds, and what else its experiment tells of it."""
    common: Fields = {"elapsed_ms": trial.elapsed_ms, "failure": trial.failure.value if trial.failure else None}
    return common | POINTS[word_of(trial)].fields(trial)
