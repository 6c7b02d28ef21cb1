"""The trials of one measurement, as the facts of every experiment ask for them. Pure.

Lives here: which trials are the subject's, when the failing ones were, and what references saw meanwhile. Must not live
here: what one kind of trial saw (experiments/<x>/facts.py), or conclusions.
"""

from collections.abc import Iterable
from typing import TypeVar

from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_wire.measurement import Measurement
from balise_wire.trial import Trial
from balise_wire.words import Arm

TrialT = TypeVar("TrialT", bound=Trial)


def trials_of(measurement: Measurement, kind: type[TrialT]) -> list[TrialT]:
    """Return the trials of one kind, as they came; a stranger among them is left out."""
    return [trial for trial in measurement.observations if isinstance(trial, kind)]


def direct(trials: Iterable[TrialT]) -> list[TrialT]:
    """Return the trials without those by way of a proxy: these are no word on the line's own way."""
    return [trial for trial in trials if trial.arm not in {Arm.THROUGH, Arm.THROUGH_CONTROL}]


def subjects(trials: Iterable[TrialT]) -> list[TrialT]:
    """Return the subject's trials in the order of time, those that ride along from an earlier measurement included."""
    return sorted((trial for trial in trials if trial.arm is Arm.SUBJECT), key=lambda trial: trial.at)


def began(trials: Iterable[Trial], measurement: Measurement) -> float:
    """Return when the first of some trials began on the probe's clock; without any, when the measurement did."""
    return min((trial.at for trial in trials), default=measurement.started)


def ended(trials: Iterable[Trial], measurement: Measurement) -> float:
    """Return when the last of some trials began on the probe's clock; without any, when the measurement ended."""
    return max((trial.at for trial in trials), default=measurement.ended)


def seen_of_target(measurement: Measurement, context: Context, since: float, until: float) -> Seen:
    """Return what references saw of the target by the same experiment; times are the probe's."""
    offset = context.clock_offset
    return context.references.of_target(
        measurement.target,
        measurement.experiment,
        since - offset,
        until - offset,
        country=measurement.network.country,
        besides=context.probe,
    )
