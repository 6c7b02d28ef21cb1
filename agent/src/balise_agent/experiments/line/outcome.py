"""What the trials of ``line`` cost, what may leave of them, and how people read them. They are no target's anomaly.

Must not live here: the plan, or any verdict.
"""

from typing import Any, Final

import msgspec

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.policy import scrub
from balise_wire.experiments.line import BASE, CONTROL, ControlResult, LineObservation


class LineReader(TrialReader[LineObservation]):
    """Reads looks at the line."""

    def read(self, trial: LineObservation) -> TrialReading:
        """Return the reading; an unwell line is looked at again within the minute anyway."""
        return TrialReading(
            at=None, failed=False, heats=(), spent=BASE + CONTROL * (len(trial.controls) + len(trial.others or ()))
        )

    def describe(self, trial: LineObservation) -> Description:
        """Return how many controls answer."""
        good = sum(one.failure is None for one in trial.controls)
        return Description(f"{len(trial.controls)} controls, gateway, resolver", f"{good} controls answer")

    def scrub(self, trial: LineObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Times, shares, assigned names, and addresses that those resolve to: none of the household's."""
        others = trial.others
        return {
            "controls": tuple(_control(one, allowed) for one in trial.controls),
            "others": None if others is None else tuple(_control(one, allowed) for one in others),
        }


READER: Final = LineReader()


def _control(one: ControlResult, allowed: scrub.Allowed) -> ControlResult:
    told = scrub.is_address(one.address) and not scrub.is_own(one.address, allowed.own)
    return msgspec.structs.replace(one, name=scrub.name(one.name), address=one.address if told else "")
