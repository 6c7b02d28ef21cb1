"""What the trials of ``tcp`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

from typing import Any, Final

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_wire.experiments.tcp import SYN, TcpObservation


class TcpReader(TrialReader[TcpObservation]):
    """Reads SYNs."""

    def read(self, trial: TcpObservation) -> TrialReading:
        """Return the reading; a SYN shows no name, so that nothing is heated.

        One that could not leave is no anomaly of the target: most homes have no way to IPv6.
        """
        return TrialReading(
            at=Endpoint(trial.address, trial.port),
            failed=trial.failure is not None and trial.syns > 0,
            unsent=trial.failure is not None and trial.syns == 0,
            heats=(),
            spent=SYN * trial.syns,
        )

    def describe(self, trial: TcpObservation) -> Description:
        """Return how many went out and what came back."""
        back = f"{trial.synacks} SYN-ACK, {trial.resets} RST, {trial.icmp_errors} ICMP"
        return Description(f"{trial.syns} SYN to {trial.address}:{trial.port}", back)

    def scrub(self, trial: TcpObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return the address where it was assigned."""
        return {"address": scrub.assigned(trial.address, allowed)}


READER: Final = TcpReader()
