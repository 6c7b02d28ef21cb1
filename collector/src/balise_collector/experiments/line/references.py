"""What is remembered of references here: nothing, for a reference's own line is no service of the world."""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.line import LineObservation


def note(_table: ReferenceTable, _report: Report, _trial: LineObservation) -> None:
    """Take in nothing."""
