"""The traits of vpn and what it costs, held against its plan and its document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from balise_wire.assignment import Target
from balise_wire.experiments import REGISTRY, cost
from balise_wire.experiments.traits import RunShape
from balise_wire.experiments.vpn import (
    CONTROLS,
    MOST_ROUNDS,
    OVER_TCP,
    ROUNDS,
    TALK,
    TCP_PORTS,
    UDP_PORTS,
    VpnParameters,
    VpnProtocol,
    most_of,
    size_of,
)
from balise_wire.words import Design, Experiment, TargetRole

TARGET = Target(id="s/vpn/h/4", service="s", role=TargetRole.VPN, host="h")
DOCUMENT = Path(__file__).parents[3] / "docs/experiments/vpn.md"


@pytest.mark.parametrize("protocol", VpnProtocol.known())
def test_what_a_run_costs(protocol: VpnProtocol) -> None:
    """docs/experiments/vpn.md states these bytes, to a tenth of a kilobyte; without a helper nothing is sent."""
    target = TARGET.saying(VpnParameters(protocol=protocol))
    found = [
        cost(Experiment.VPN, RunShape(target=target, design=design, controls=1))
        for design in (Design.SENTINEL, Design.PAIRED)
    ]
    failed = most_of(protocol)
    assert found == [failed, 2 * (1 + len(CONTROLS[protocol])) * failed]
    if protocol not in OVER_TCP:
        longest = max(size for sent, _ in ROUNDS[protocol] for size in sent)
        assert failed == size_of(protocol) + 3 * (longest + 48) + 3 * TALK
    said = {float(each) for each in re.findall(r"([\d.]+) KB", DOCUMENT.read_text(encoding="utf-8"))}
    assert {round(size / 1000, 1) for size in found} <= said
    assert cost(Experiment.VPN, RunShape(target=target, design=Design.PAIRED)) == 0


def test_every_protocol_has_its_rounds() -> None:
    """And no more than a trial can tell; what is not known costs a token at most."""
    assert {one for one, rounds in ROUNDS.items() if rounds} == set(VpnProtocol.known())
    assert max(map(len, ROUNDS.values())) == MOST_ROUNDS
    strange = TARGET.saying(VpnParameters(protocol=VpnProtocol.UNKNOWN))
    assert cost(Experiment.VPN, RunShape(target=strange, design=Design.SENTINEL, controls=1)) < 1_100


def test_where_it_asks() -> None:
    """The consent manifest names this port, and a helper answers on it."""
    assert TARGET.port_of(Experiment.VPN) == VpnParameters().port == 1_194
    assert 1_194 in UDP_PORTS
    assert 1_194 in TCP_PORTS


def test_nobody_is_asked_unawares() -> None:
    """It goes to a helper alone, and nowhere where hosts can be blamed for much."""
    traits = REGISTRY[Experiment.VPN]
    assert (traits.at_helper, traits.risky, traits.reveals_name) == (True, True, False)
