"""What the trials of ``vpn`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

import re
from typing import Any, Final

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_wire.experiments.vpn import (
    COPIES,
    HEADERS,
    LOOKS,
    OVER_TCP,
    ROUNDS,
    TALK,
    VpnObservation,
    VpnShape,
    most_of,
    size_of,
    transport_of,
)

_ICMP: Final = re.compile(r"\d{1,3}/\d{1,3}")
_WORDS: Final = {
    VpnShape.PROTOCOL: "handshake of",
    VpnShape.RANDOM: "random bytes in the sizes of",
    VpnShape.FEW_ONES: "bytes of few set bits in the sizes of",
    VpnShape.PRINTABLE_START: "bytes that begin with six printable ones in the sizes of",
    VpnShape.PRINTABLE_HALF: "bytes of which more than half are printable in the sizes of",
    VpnShape.PRINTABLE_RUN: "bytes of which more than twenty in a row are printable in the sizes of",
    VpnShape.TLS_START: "bytes that begin as TLS does in the sizes of",
}


class VpnReader(TrialReader[VpnObservation]):
    """Reads handshakes."""

    def read(self, trial: VpnObservation) -> TrialReading:
        """Return the reading; what goes to our own server heats nothing of a service's.

        Over TCP it heats our own: censors that cut a connection by its first bytes keep the port closed to the home for
        minutes, and the control of a series would find it so.
        """
        at = Endpoint(trial.address, trial.port, transport_of(trial.protocol)) if trial.address else None
        return TrialReading(
            at=at,
            failed=trial.failure is not None,
            heats=(at,) if at is not None and trial.connected and trial.failure is not None else (),
            spent=_spent(trial),
        )

    def describe(self, trial: VpnObservation) -> Description:
        """Return what was sent, and how far it got."""
        if not trial.rounds:
            return Description(
                "no helper is assigned, or no such handshake known: nothing was sent", "nothing to answer"
            )
        sent = f"{_WORDS.get(trial.shape, 'packets of')} {trial.protocol}, to a helper's port {trial.port}"
        back = f"{trial.answered} of {trial.rounds} rounds were answered"
        return Description(sent, back if trial.answered else "")

    def scrub(self, trial: VpnObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:  # noqa: ARG002 - no address leaves
        """Return no address: whoever knows a helper's can block it."""
        return {
            "address": "",
            "icmp": trial.icmp if _ICMP.fullmatch(trial.icmp) else "",
            "packets": scrub.without_digests(trial.packets),
        }


READER: Final = VpnReader()


def _spent(trial: VpnObservation) -> int:
    """Return the bytes of a trial, by what left and what came; what is not known of its copies on the generous side."""
    if not trial.rounds:
        return 0
    rounds = ROUNDS.get(trial.protocol, ())
    if trial.protocol in OVER_TCP:
        return most_of(trial.protocol) if trial.failure is not None else size_of(trial.protocol)
    spent = TALK
    for sent, answer in rounds[: trial.answered]:
        spent += sum(sent) + answer + (len(sent) + 1) * HEADERS
    if trial.token and trial.answered < len(rounds):
        sent, _ = rounds[trial.answered]
        spent += sum(sent) + len(sent) * HEADERS + (COPIES - 1) * (sent[-1] + HEADERS)
    if trial.token and not trial.answered:
        spent += LOOKS * TALK
    return spent + trial.repeated * HEADERS
