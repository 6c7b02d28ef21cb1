"""What looks at the line mean: no anomaly of any target."""

from __future__ import annotations

from balise_agent.experiments.line.outcome import READER
from balise_wire.experiments.line import BASE, CONTROL, ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Scope

DEAD = LineObservation(
    arm=Arm.SUBJECT, at=1.0, failure=Failure.GENERIC_TIMEOUT,
    controls=(ControlResult(name="c.example", scope=Scope.DOMESTIC, failure=Failure.GENERIC_TIMEOUT),),
)  # fmt: skip


def test_an_unwell_line_is_nobodys_anomaly() -> None:
    """It is looked at again within the minute anyway, and heats nothing."""
    assert READER.anomaly((DEAD,)) is None
    assert READER.heated((DEAD,)) == READER.flooding((DEAD,)) == []
    assert READER.spent((DEAD,)) == BASE + CONTROL
    assert READER.describe(DEAD).back == "0 controls answer"
