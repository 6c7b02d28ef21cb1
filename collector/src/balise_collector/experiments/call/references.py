"""What is remembered of references' trains: nothing but the target, which is remembered of every experiment. Pure.

The server is the operator's own and its address is in no measurement. Must not live here: rules.
"""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.call import CallObservation


def note(table: ReferenceTable, report: Report, trial: CallObservation) -> None:
    """Take nothing in."""
