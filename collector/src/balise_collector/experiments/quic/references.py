"""What is remembered of references' Initials: which address and port of UDP answered, and when. Pure.

Must not live here: what follows from it (facts.py, rules.py). The target itself is remembered of every experiment.
"""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.quic import TRAITS, QuicObservation, QuicPacket


def note(table: ReferenceTable, report: Report, trial: QuicObservation) -> None:
    """Take in one trial of a reference's subject; a limited board's silence is none."""
    if report.verdict.reference and trial.sent is QuicPacket.INITIAL and (trial.answers or not report.deaf):
        table.greeted(
            report, trial.address, trial.port, report.at(trial), ok=trial.failure is None, transport=TRAITS.transport
        )
