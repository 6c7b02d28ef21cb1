"""What may leave of a trial of ``path``, and how people read it, on the day that something sends one.

Must not live here: any verdict.
"""

from typing import Any, Final

import msgspec

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_wire.experiments.path import PROBE, Hop, PathObservation

MAX_HOPS: Final = 64


class PathReader(TrialReader[PathObservation]):
    """Reads ways."""

    def read(self, trial: PathObservation) -> TrialReading:
        """Return the reading; a way that ends early is no anomaly of its own."""
        at = Endpoint(trial.address, trial.port)
        return TrialReading(at=at, failed=False, heats=(), spent=PROBE * len(trial.hops))

    def describe(self, trial: PathObservation) -> Description:
        """Return how many hops answered."""
        answered = sum(bool(hop.answer) for hop in trial.hops)
        return Description(f"TTL 1 to {len(trial.hops)} to {trial.address}", f"{answered} hops")

    def scrub(self, trial: PathObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return an assigned address, and hops blurred to their prefix."""
        return {
            "address": scrub.assigned(trial.address, allowed),
            "payload": scrub.word(trial.payload),
            "hops": tuple(_hop(hop, allowed) for hop in trial.hops[:MAX_HOPS]),
        }


READER: Final = PathReader()


def _hop(hop: Hop, allowed: scrub.Allowed) -> Hop:
    address = scrub.blurred(hop.address, allowed.laboratory)
    return msgspec.structs.replace(hop, address=address, answer=scrub.word(hop.answer))
