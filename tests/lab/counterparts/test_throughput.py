"""The lab answers throughput."""

from __future__ import annotations

from balise_lab.counterparts.throughput import COUNTERPART
from balise_lab.counterparts.web import LONG_BYTES
from balise_wire.experiments.throughput import ThroughputParameters
from balise_wire.words import Experiment


def test_somebody_answers_with_more_than_a_sample() -> None:
    """A scenario may measure by it."""
    assert COUNTERPART.experiments == (Experiment.THROUGHPUT,)
    (said,) = COUNTERPART.says(443)
    assert isinstance(said, ThroughputParameters)
    assert said.sample_bytes < LONG_BYTES
