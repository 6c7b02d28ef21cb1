"""What the trials of ``call`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

import re
from typing import Any, Final

from balise_agent.experiments.call.plan import tail_of
from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_wire.experiments.call import HEADERS, LOOK, PACKET, TAIL_PACKETS, TALK, TRAITS, CallObservation

_ICMP: Final = re.compile(r"\d{1,3}/\d{1,3}")


class CallReader(TrialReader[CallObservation]):
    """Reads trains."""

    def read(self, trial: CallObservation) -> TrialReading:
        """Return the reading; what goes to our own server heats nothing of a service's."""
        return TrialReading(
            at=Endpoint(trial.address, trial.port, TRAITS.transport) if trial.address else None,
            failed=trial.failure is not None,
            heats=(),
            spent=_spent(trial),
        )

    def describe(self, trial: CallObservation) -> Description:
        """Return what was sent, and how much of its end came back."""
        if trial.ports is not None:
            return Description("UDP to a helper's ports", ", ".join(map(str, trial.ports)))
        if not trial.address:
            return Description("no helper is assigned: nothing was sent", "nothing to answer")
        sent = f"{trial.up} up, {trial.down} down, to a helper's port {trial.port}"
        if trial.returned is None:
            return Description(sent, "")
        back = f"{sum(trial.returned)} of {trial.sent} came back, {tail_of(trial.returned)} of the last {TAIL_PACKETS}"
        return Description(sent, back if any(trial.returned) else "")

    def scrub(self, trial: CallObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:  # noqa: ARG002 - no address leaves
        """Return no address: whoever knows a helper's can block it."""
        return {
            "address": "",
            "icmp": trial.icmp if _ICMP.fullmatch(trial.icmp) else "",
            "packets": scrub.without_digests(trial.packets),
        }


READER: Final = CallReader()


def _spent(trial: CallObservation) -> int:
    """Return the bytes of a trial, by what left and what came."""
    if trial.ports is not None:
        return LOOK
    if not trial.address:
        return 0
    return TALK + (trial.sent + sum(trial.returned or ())) * (PACKET + HEADERS)
