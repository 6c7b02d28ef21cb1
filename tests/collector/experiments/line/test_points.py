"""What sinks are told of the probe's own line: a measurement of its own."""

from __future__ import annotations

from balise_collector.experiments.line.points import POINTS
from tests.testbed.cases import NOW, Case


def test_the_line_is_a_measurement_of_its_own(case: Case) -> None:
    """It is dated by its trial; truth is 0 or 1."""
    told = POINTS.own(case.measured(case.line(alive=3)))
    assert told is not None
    assert (told.name, told.at) == ("balise_line", NOW)
    assert (told.fields["gateway_ok"], told.fields["controls_failed"], told.fields["controls_tried"]) == (1, 2, 5)


def test_what_is_no_line_tells_nothing(case: Case) -> None:
    """A stranger's trial under the line's word makes no point."""
    assert POINTS.own(case.measured(case.hello())) is None
