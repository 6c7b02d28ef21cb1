"""What is remembered of questions: the addresses that a name has abroad. Pure.

What other probes than references were told is kept beside it (strangers.py). Must not live here: what follows from it
(facts.py, rules.py).
"""

from balise_collector.experiments.dns import strangers
from balise_collector.judge.references import ReferenceTable, Report
from balise_collector.judge.verdict import VerdictState
from balise_wire.experiments.dns import DnsObservation
from balise_wire.words import Resolver


def note(table: ReferenceTable, report: Report, trial: DnsObservation) -> None:
    """Take in one trial of the subject: a reference's of a measurement that was in order, any other's as it is."""
    verdict, measurement = report.verdict, report.measurement
    if not verdict.reference:
        strangers.note(table, report, trial)
        return
    if trial.resolver is Resolver.SILENT or verdict.state is not VerdictState.OK or trial.name != measurement.host:
        return
    found = {address for answer in trial.answers for address in answer.addresses}
    table.answered(report, found, report.at(trial))
