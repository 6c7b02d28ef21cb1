"""Trials over one TCP connection: heated is where a name was shown and failed, and nowhere else."""

from __future__ import annotations

import pytest

from balise_agent.experiments import REGISTRY, connection
from balise_agent.experiments.task import Endpoint
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Experiment

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


@pytest.mark.parametrize(
    ("failure", "packets", "left"),
    [
        (Failure.NETWORK_UNREACHABLE, (), False),
        (Failure.ADDRESS_FAMILY_NOT_SUPPORTED, (), False),
        (Failure.NETWORK_UNREACHABLE, (Packet(t_us=0, direction=Direction.OUT),), True),
        (Failure.GENERIC_TIMEOUT, (), True),
        (None, (), True),
    ],
)
@pytest.mark.parametrize("word", [Experiment.TLS, Experiment.HTTP])
def test_a_home_without_ipv6_has_no_anomaly_there(
    word: Experiment, failure: Failure | None, packets: tuple[Packet, ...], left: bool
) -> None:
    """What had no way out was not asked; a router that says "unreachable" is heard, and was."""
    seen = {"arm": Arm.SUBJECT, "at": 1.0, "failure": failure, "address": "2a00::1", "port": 443, "packets": packets}
    trial = TlsObservation(**seen, sni="a.example") if word is Experiment.TLS else HttpObservation(**seen, host="a")  # type: ignore[arg-type]
    reader = REGISTRY[word].reader
    assert connection.left(trial) is left
    assert (reader.anomaly((trial,)) is trial) is (left and failure is not None)


def test_a_syn_that_could_not_leave_is_no_anomaly() -> None:
    """Nothing was sent: the target has answered nothing because nobody asked."""
    trial = TcpObservation(
        arm=Arm.SUBJECT, at=1.0, failure=Failure.NETWORK_UNREACHABLE, address="2a00::1", port=443, syns=0
    )
    assert REGISTRY[Experiment.TCP].reader.anomaly((trial,)) is None
