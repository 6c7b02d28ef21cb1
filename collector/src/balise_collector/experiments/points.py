"""What sinks are told of an experiment's trials: times and counts by field name. Pure.

Lives here: the part that every experiment has. Must not live here: any one experiment (experiments/<x>/points.py), or
what a sink calls the rest (sinks/influx/points.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from balise_wire.measurement import Measurement
from balise_wire.trial import Trial

TrialT = TypeVar("TrialT", bound=Trial)
Fields = dict[str, str | int | float | None]
"""Values by field name; what is not known is ``None``. A name has one meaning and one type over all experiments."""


@dataclass(frozen=True, slots=True)
class OwnPoint:
    """What an experiment tells beside its verdict: a measurement of its own."""

    name: str
    """Permanent, e.g. ``balise_line``; dashboards read it."""
    fields: Mapping[str, str | int | float | None]
    at: float
    """UNIX seconds."""


class Points(Generic[TrialT]):
    """What sinks ask of one experiment; what it does not say is nothing."""

    times: tuple[str, ...] = ()
    """Fields that are milliseconds or rates: floats always, and roll-ups take their medians."""
    tails: tuple[str, ...] = ()
    """Those of them of which roll-ups take the 95th percentile too."""
    floats: frozenset[str] = frozenset()
    """Fields of its own point that are floats, also where a message says 12 and not 12.0."""

    def fields(self, one: TrialT) -> Fields:  # noqa: ARG002 - a line has none
        """Return the fields of one trial beside ``elapsed_ms`` and ``failure``."""
        return {}

    def own(self, measurement: Measurement) -> OwnPoint | None:  # noqa: ARG002 - most have none
        """Return what it tells beside the verdict; ``None`` where that is nothing."""
        return None
