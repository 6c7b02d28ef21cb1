"""What a trial of call can hold."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.experiments.call.intake import destination
from balise_collector.intake.believable import unbelievable
from balise_wire.experiments.call import CallObservation
from balise_wire.experiments.traits import Transport
from tests.collector.experiments.call.trials import train
from tests.testbed.cases import Case


def test_nothing_of_it_is_the_targets() -> None:
    """It went to the operator's own server."""
    assert destination(train())[:4] == (None, False, "", None)
    assert destination(train()).transport is Transport.UDP


@pytest.mark.parametrize(
    "changes",
    [{"sent": 151}, {"sent": -1}, {"returned": (25,) * 7}, {"icmp": "3/3 you"}, {"ports": (443,) * 5}],
)
def test_what_cannot_be_is_not_believed(case: Case, changes: dict[str, object]) -> None:
    """More than was sent, more windows than a train has."""
    assert unbelievable(case.measured(train())) == ""
    assert unbelievable(case.measured(msgspec.structs.replace(train(), **changes))) != ""


@pytest.mark.parametrize("changes", [{"arrived": (26,)}, {"returned": (-1,)}, {"arrived": (1,) * 7}, {"ports": (0,)}])
def test_what_no_train_has_is_not_even_read(changes: dict[str, object]) -> None:
    """The wire's own bounds: a window holds 25 packets, a train six windows."""
    raw = msgspec.json.encode(msgspec.structs.replace(train(), **changes))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=CallObservation)
