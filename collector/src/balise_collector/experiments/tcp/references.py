"""What is remembered of references' SYNs: which address and port answered, and when. Pure.

Must not live here: what follows from it (facts.py, rules.py).
"""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.tcp import TcpObservation


def note(table: ReferenceTable, report: Report, trial: TcpObservation) -> None:
    """Take in one trial of a reference's subject; a limited board's silence is none."""
    if report.verdict.reference and (trial.synacks or not report.deaf):
        table.endpoint(report, trial.address, trial.port, report.at(trial), ok=trial.synacks > 0)
    if report.verdict.reference and trial.syns > 1 and (trial.synacks >= trial.syns or not report.deaf):
        table.every_syn(report, trial.address, trial.port, report.at(trial), ok=trial.synacks >= trial.syns)
