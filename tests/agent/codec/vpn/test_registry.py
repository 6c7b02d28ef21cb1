"""Every protocol has its handshake, and packets of its sizes that are no protocol's."""

from __future__ import annotations

from balise_agent.codec.vpn.registry import HANDSHAKES, ON_CONNECTIONS, OVER_UDP
from balise_wire.experiments.vpn import CONTROLS, MOST_ROUNDS, OVER_TCP, ROUNDS, VpnProtocol, VpnShape


def test_a_subject_has_its_control() -> None:
    """One or more, of the same rounds and sizes."""
    assert (
        {protocol for protocol, _ in HANDSHAKES}
        == set(VpnProtocol.known())
        == {one for one, rounds in ROUNDS.items() if rounds}
    )
    for protocol in VpnProtocol.known():
        subject = HANDSHAKES[protocol, VpnShape.PROTOCOL]
        controls = [HANDSHAKES[protocol, shape] for shape in CONTROLS[protocol]]
        assert controls
        assert {one.rounds for one in controls} == {subject.rounds}
        assert len(subject.rounds) <= MOST_ROUNDS


def test_each_is_answered_over_what_carries_it() -> None:
    """By no other."""
    assert {one.protocol for one in ON_CONNECTIONS} == OVER_TCP
    assert {one.protocol for one in OVER_UDP} == set(VpnProtocol.known()) - OVER_TCP
