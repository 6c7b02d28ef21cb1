"""What the trials of ``tcp`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

from collections.abc import Iterable
from typing import Any, Final

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.experiments.through import BY_PROXY, described, scrub_through
from balise_agent.policy import scrub
from balise_wire.experiments.tcp import SYN, TcpObservation
from balise_wire.through import ASKED
from balise_wire.trial import Trial
from balise_wire.words import Arm


class TcpReader(TrialReader[TcpObservation]):
    """Reads SYNs."""

    def read(self, trial: TcpObservation) -> TrialReading:
        """Return the reading; a SYN shows no name, so that nothing is heated.

        One that could not leave is no anomaly of the target: most homes have no way to IPv6.
        """
        if trial.arm in BY_PROXY:
            return TrialReading(at=None, failed=False, heats=(), spent=ASKED)
        return TrialReading(
            at=Endpoint(trial.address, trial.port),
            failed=trial.failure is not None and trial.syns > 0,
            unsent=trial.failure is not None and trial.syns == 0,
            heats=(),
            spent=SYN * trial.syns,
        )

    def heated(self, trials: Iterable[Trial]) -> list[Endpoint]:
        """Return the endpoints of an address that answered on its other port before a series and no more after it.

        It counts what one home sends: a series that begins before it has forgotten finds it dead.
        """
        own = self.own(trials)
        others = [trial for trial, _ in own if trial.arm is Arm.OTHER_PORT]
        shut = {trial.address for trial in others if trial.synacks} & {t.address for t in others if not t.synacks}
        return [reading.at for _, reading in own if reading.at is not None and reading.at.host in shut]

    def describe(self, trial: TcpObservation) -> Description:
        """Return how many went out and what came back."""
        if trial.through is not None:
            word = described(trial.through)
            return Description(f"{trial.address}:{trial.port}, {word}", "connected" if trial.synacks else "")
        back = f"{trial.synacks} SYN-ACK, {trial.resets} RST, {trial.icmp_errors} ICMP"
        return Description(f"{trial.syns} SYN to {trial.address}:{trial.port}", back)

    def scrub(self, trial: TcpObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return the address where it was assigned."""
        return {"address": scrub.assigned(trial.address, allowed), "through": scrub_through(trial.through)}


READER: Final = TcpReader()
