"""What the trials of ``clienthello`` mean to the schedule, what they cost, what may leave, and how people read them.

Must not live here: the plan, or any verdict.
"""

from collections.abc import Iterable
from typing import Any, Final

from balise_agent.experiments import connection
from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_wire.experiments.clienthello import HELLO, UNHEARD, ClienthelloObservation, HelloForm
from balise_wire.experiments.traits import UNANSWERED
from balise_wire.failures import Failure
from balise_wire.trial import Trial
from balise_wire.words import Arm

_WORDS: Final = {
    HelloForm.EXTENSION: ", an extension that nobody knows",
    HelloForm.ECH: ", ECH",
    HelloForm.ESNI: ", ESNI",
    HelloForm.SEGMENTS: ", two segments",
    HelloForm.RECORDS: ", two records",
}


class ClienthelloReader(TrialReader[ClienthelloObservation]):
    """Reads greetings of several forms."""

    def read(self, trial: ClienthelloObservation) -> TrialReading:
        """Return the reading; any byte of TLS is an answer."""
        return TrialReading(
            at=connection.endpoint(trial),
            failed=trial.failure is not None,
            unsent=not connection.left(trial),
            heats=connection.heats(trial),
            spent=_spent(trial),
            connected=connection.connected(trial),
        )

    def heated(self, trials: Iterable[Trial]) -> list[Endpoint]:
        """Return where any hello died: it showed the name, or a form, that a box may remember."""
        return [where for trial, reading in self.own(trials) if trial.arm is not Arm.AFTER for where in reading.heats]

    def describe(self, trial: ClienthelloObservation) -> Description:
        """Return what was sent, and the first record back."""
        sent = f"hello {trial.sni or '(no name)'}{_WORDS.get(trial.form, '')}"
        if not trial.bytes_received:
            return Description(sent, "" if trial.connect_ms is None else "connected, then not a byte")
        return Description(sent, f"{trial.record or 'bytes'}, {trial.bytes_received} bytes")

    def scrub(self, trial: ClienthelloObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return an assigned address, words, and no digest of what came in clear."""
        return {
            "address": scrub.assigned(trial.address, allowed),
            "sni": None if trial.sni is None else scrub.name(trial.sni),
            "record": scrub.word(trial.record),
            "packets": scrub.without_digests(trial.packets) if trial.record == "other" else trial.packets,
        }


READER: Final = ClienthelloReader()


def _spent(trial: ClienthelloObservation) -> int:
    """Return the bytes of a trial: a hello that nobody answers is sent again and again, a reset ends it at once."""
    if trial.bytes_received:
        return HELLO
    unheard = trial.failure is Failure.GENERIC_TIMEOUT and trial.connect_ms is not None
    return UNHEARD if unheard else UNANSWERED
