"""What the trials of ``line`` cost, what may leave of them, and how people read them. They are no target's anomaly.

Must not live here: the plan, or any verdict.
"""

from typing import Any, Final

import msgspec

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.policy import scrub
from balise_wire.experiments.line import BASE, CONTROL, LineObservation


class LineReader(TrialReader[LineObservation]):
    """Reads looks at the line."""

    def read(self, trial: LineObservation) -> TrialReading:
        """Return the reading; an unwell line is looked at again within the minute anyway."""
        return TrialReading(at=None, failed=False, heats=(), spent=BASE + CONTROL * len(trial.controls))

    def describe(self, trial: LineObservation) -> Description:
        """Return how many controls answer."""
        good = sum(one.failure is None for one in trial.controls)
        return Description(f"{len(trial.controls)} controls, gateway, resolver", f"{good} controls answer")

    def scrub(self, trial: LineObservation, _allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Nothing in it names an address: times, shares and assigned control names."""
        return {"controls": tuple(msgspec.structs.replace(c, name=scrub.name(c.name)) for c in trial.controls)}


READER: Final = LineReader()
