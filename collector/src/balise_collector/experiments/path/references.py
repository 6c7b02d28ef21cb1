"""What is remembered of references here: nothing, for a path shows where, not whether."""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.path import PathObservation


def note(_table: ReferenceTable, _report: Report, _trial: PathObservation) -> None:
    """Take in nothing."""
