"""What is remembered of references' hellos with an extension: that TCP was reached at an address and port. Pure.

The target itself, which says whether the server takes the extension, is remembered of every experiment. Must not live
here: what follows from it (facts.py, rules.py).
"""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.clienthello import ClienthelloObservation


def note(table: ReferenceTable, report: Report, trial: ClienthelloObservation) -> None:
    """Take in one trial of a reference's subject."""
    if trial.connect_ms is not None:
        table.endpoint(report, trial.address, trial.port, report.at(trial), ok=True)
