"""What the trials of ``stun`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

import re
from typing import Any, Final

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_wire.experiments.stun import ANSWER, LOOKUP, REQUEST, SYN, TRAITS, StunObservation, StunPacket
from balise_wire.experiments.traits import Transport
from balise_wire.words import Arm

_ICMP: Final = re.compile(r"\d{1,3}/\d{1,3}")
_FOLLOWING: Final = 2


class StunReader(TrialReader[StunObservation]):
    """Reads exchanges of datagrams."""

    def read(self, trial: StunObservation) -> TrialReading:
        """Return the reading; nothing that is sent names anybody, so that nothing heats."""
        over = Transport.TCP if trial.sent is StunPacket.SYN else TRAITS.transport
        left = trial.copies > 0
        return TrialReading(
            at=Endpoint(trial.address, trial.port, over),
            failed=trial.failure is not None and left,
            unsent=trial.failure is not None and not left,
            heats=(),
            spent=_spent(trial),
            connected=trial.failure is None or trial.answers > 0 or trial.followed is True,
        )

    def describe(self, trial: StunObservation) -> Description:
        """Return what was asked, and what the server said."""
        sent = {
            StunPacket.BINDING: "STUN binding",
            StunPacket.CLASSIC: "STUN binding without its cookie",
            StunPacket.SYN: "SYN",
        }.get(trial.sent, "unknown packet")
        back = trial.answer.replace(":", " ") or ("an answer to a classic request alone" if trial.followed else "")
        return Description(f"{sent} to {trial.name or trial.address}:{trial.port}", back)

    def scrub(self, trial: StunObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return an assigned address, words, and no digest of an answer: it holds the home's own address."""
        return {
            "address": scrub.assigned(trial.address, allowed),
            "name": None if trial.name is None else scrub.name(trial.name),
            "answer": scrub.word(trial.answer),
            "mapped": scrub.word(trial.mapped),
            "icmp": trial.icmp if _ICMP.fullmatch(trial.icmp) else "",
            "packets": scrub.without_digests(trial.packets),
        }


READER: Final = StunReader()


def _spent(trial: StunObservation) -> int:
    """Return the bytes of a trial, by what left and what came."""
    if trial.sent is StunPacket.SYN:
        return SYN * trial.copies
    behind = 0 if trial.followed is None else _FOLLOWING * REQUEST + (ANSWER if trial.followed else 0)
    looked_up = LOOKUP if trial.arm is Arm.ELSEWHERE else 0
    return REQUEST * trial.copies + ANSWER * trial.answers + behind + looked_up
