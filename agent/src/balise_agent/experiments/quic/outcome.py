"""What the trials of ``quic`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

import re
from typing import Any, Final

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_wire.experiments.quic import (
    DATAGRAM,
    FLIGHT,
    NEGOTIATION,
    SYN,
    TRAITS,
    VERSION_PROBE,
    QuicObservation,
    QuicPacket,
)
from balise_wire.experiments.traits import Transport

_VERSION: Final = re.compile("[0-9a-f]{8}")
_ICMP: Final = re.compile(r"\d{1,3}/\d{1,3}")
_MOST_VERSIONS: Final = 16


class QuicReader(TrialReader[QuicObservation]):
    """Reads exchanges of datagrams."""

    def read(self, trial: QuicObservation) -> TrialReading:
        """Return the reading; what was not answered at all is TCP's to ask at once."""
        over = Transport.TCP if trial.sent is QuicPacket.SYN else TRAITS.transport
        where = Endpoint(trial.address, trial.port, over)
        left = trial.copies > 0
        named = trial.name is not None and left
        return TrialReading(
            at=where,
            failed=trial.failure is not None and left,
            unsent=trial.failure is not None and not left,
            heats=(where,) if named and trial.failure is not None else (),
            spent=_spent(trial),
            connected=trial.failure is None or trial.answers > 0 or trial.followed is True,
        )

    def describe(self, trial: QuicObservation) -> Description:
        """Return what the server said to the first datagram, and whether the flow lived."""
        sent = {
            QuicPacket.INITIAL: f"QUIC Initial {trial.name or '(no name)'}",
            QuicPacket.NOISE: "random bytes",
            QuicPacket.SYN: "SYN",
        }.get(trial.sent, "unknown version")
        later = {True: ", answered seconds later", False: ", nothing any more seconds later", None: ""}[trial.followed]
        back = trial.answer.replace("_", " ") or ("no answer" if trial.followed else "")
        return Description(f"{sent} to {trial.address}:{trial.port}", f"{back}{later}" if back else "")

    def scrub(self, trial: QuicObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return an assigned address, words, and no digest of what came in clear: it may name its reader."""
        return {
            "address": scrub.assigned(trial.address, allowed),
            "name": None if trial.name is None else scrub.name(trial.name),
            "answer": scrub.word(trial.answer),
            "versions": tuple(one for one in trial.versions[:_MOST_VERSIONS] if _VERSION.fullmatch(one)),
            "icmp": trial.icmp if _ICMP.fullmatch(trial.icmp) else "",
            "packets": scrub.without_digests(trial.packets) if trial.answer == "other" else trial.packets,
        }


READER: Final = QuicReader()


def _spent(trial: QuicObservation) -> int:
    """Return the bytes of a trial, by what left and what came."""
    if trial.sent is QuicPacket.SYN:
        return SYN * trial.copies
    back = FLIGHT if trial.sent is QuicPacket.INITIAL and trial.answers else NEGOTIATION * trial.answers
    later = {True: VERSION_PROBE, False: 3 * DATAGRAM, None: 0}[trial.followed]
    return DATAGRAM * trial.copies + back + later
