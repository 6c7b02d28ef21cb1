"""The table: data that can be asked."""

from __future__ import annotations

from balise_collector.incidents.hypotheses.model import Hypothesis
from balise_collector.incidents.hypotheses.table import PRIORS, ROWS, Shape


def test_every_cell_is_a_distribution() -> None:
    """A shape has two positive numbers; a mixture has shapes."""
    for row in ROWS.values():
        for held in row.values():
            shapes = (held,) if isinstance(held, Shape) else held
            assert shapes
            assert all(shape.a > 0 and shape.b > 0 for shape in shapes)


def test_no_two_rows_are_one() -> None:
    """Two hypotheses that expect the same of everything could never be told apart."""
    rows = [tuple(sorted((group, str(shape)) for group, shape in row.items())) for row in ROWS.values()]
    assert len(set(rows)) == len(rows) == len(Hypothesis)


def test_priors_are_positive() -> None:
    """What is impossible from the first can never be shown."""
    assert min(PRIORS.values()) > 0
