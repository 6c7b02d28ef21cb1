"""Trials over one TCP connection: heated is where a name was shown and failed, and nowhere else."""

from __future__ import annotations

import pytest

from balise_agent.experiments import connection
from balise_agent.experiments.task import Endpoint
from balise_wire.experiments.http import HttpObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm

HERE = Endpoint("198.18.1.1", 80)


@pytest.mark.parametrize(
    ("failure", "connect_ms", "heats", "connected"),
    [
        (None, 40.0, (), True),
        (Failure.CONNECTION_RESET, 40.0, (HERE,), True),
        (Failure.GENERIC_TIMEOUT, None, (), False),
    ],
)
def test_only_a_name_that_was_shown_heats(
    failure: Failure | None, connect_ms: float | None, heats: tuple[Endpoint, ...], connected: bool
) -> None:
    """A SYN without an answer shows nothing that a censor could remember."""
    trial = HttpObservation(
        arm=Arm.SUBJECT, at=1.0, failure=failure, address="198.18.1.1", port=80, host="a.example", connect_ms=connect_ms
    )
    assert connection.endpoint(trial) == HERE
    assert connection.heats(trial) == heats
    assert connection.connected(trial) is connected
