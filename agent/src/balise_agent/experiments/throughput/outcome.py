"""What the trials of ``throughput`` mean to the schedule, what of them leaves, and how people read them.

Must not live here: the plan, or any verdict.
"""

from collections.abc import Iterable
from typing import Any, Final

from balise_agent.experiments import connection
from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.throughput.plan import SUSPICIOUS, ratios
from balise_agent.policy import scrub
from balise_wire.experiments.throughput import ThroughputObservation, spent
from balise_wire.trial import Trial
from balise_wire.words import Arm, TransferDirection

_CONTROLS: Final = frozenset({Arm.NEIGHBOUR, Arm.SCRAMBLED})
_OWN: Final = frozenset({Arm.SUBJECT, Arm.NEUTRAL})


class ThroughputReader(TrialReader[ThroughputObservation]):
    """Reads transfers; a rate says something beside another one alone."""

    def read(self, trial: ThroughputObservation) -> TrialReading:
        """Return the reading of one transfer by itself: it failed where no bytes came, or stopped coming.

        Slowness heats nothing: a slowed flow leaves no block behind it at its endpoint.
        """
        control = trial.arm in _CONTROLS and trial.direction is TransferDirection.DOWN
        return TrialReading(
            at=connection.endpoint(trial),
            failed=trial.failure is not None,
            heats=connection.heats(trial) if not trial.moved_bytes else (),
            spent=spent(trial.moved_bytes),
            connected=connection.connected(trial),
            unsent=not connection.left(trial),
            line_kbps=trial.goodput_kbps if control and trial.settled else None,
        )

    def anomaly(self, trials: Iterable[Trial], usual: Trial | None = None) -> ThroughputObservation | None:  # noqa: ARG002 - a rate has no face
        """Return the subject's trial where every pair says that it is slowed, or where every one of it failed."""
        own = [one for one, _ in self.own(trials) if isinstance(one, ThroughputObservation)]
        for direction in TransferDirection:
            there = [one for one in own if one.direction is direction]
            subjects = [one for one in there if one.arm in _OWN and connection.left(one)]
            dead = [one for one in subjects if one.failure is not None]
            if dead and len(dead) == len(subjects):
                return dead[-1]
            found = ratios(there)
            if found and max(found) < SUSPICIOUS:
                return subjects[-1]
        return None

    def describe(self, trial: ThroughputObservation) -> Description:
        """Return what was moved, and how fast."""
        sent = f"{trial.direction} {trial.name} {trial.host}{trial.path}"
        if not trial.moved_bytes:
            return Description(sent, "" if trial.connect_ms is None else "connected, nothing moved")
        told = "no rate" if trial.goodput_kbps is None else f"{trial.goodput_kbps:.0f} kb/s"
        grown = "" if trial.settled in {None, True} else " at least"
        return Description(sent, f"{trial.moved_bytes} bytes,{grown} {told} ({trial.end})")

    def scrub(self, trial: ThroughputObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return an assigned address and names; figures name nobody."""
        return {
            "address": scrub.assigned(trial.address, allowed),
            "name": scrub.name(trial.name),
            "host": scrub.name(trial.host),
        }


READER: Final = ThroughputReader()
