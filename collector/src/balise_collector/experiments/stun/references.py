"""What is remembered of references' bindings: which address and port of UDP answered, and when. Pure.

Must not live here: what follows from it (facts.py, rules.py). The target itself is remembered of every experiment.
"""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.stun import TRAITS, StunObservation, StunPacket
from balise_wire.words import Arm


def note(table: ReferenceTable, report: Report, trial: StunObservation) -> None:
    """Take in one trial of a reference's subject; a limited board's silence is none."""
    mine = trial.sent is StunPacket.BINDING and trial.arm is Arm.SUBJECT
    if report.verdict.reference and mine and (trial.answers or not report.deaf):
        table.greeted(
            report, trial.address, trial.port, report.at(trial), ok=trial.failure is None, transport=TRAITS.transport
        )
