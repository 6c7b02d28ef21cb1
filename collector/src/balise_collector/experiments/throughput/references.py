"""What is remembered of references' trials of ``throughput``: that an address lives. Pure.

Must not live here: what follows from it (facts.py, rules.py). Whether the target had its rate is remembered of every
experiment.
"""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.throughput import ThroughputObservation


def note(table: ReferenceTable, report: Report, trial: ThroughputObservation) -> None:
    """Take in one trial of a reference's subject; a limited board's silence is none."""
    if trial.moved_bytes or not report.deaf:
        table.endpoint(report, trial.address, trial.port, report.at(trial), ok=trial.connect_ms is not None)
