"""What people see of one handshake."""

from __future__ import annotations

from balise_collector.experiments.vpn.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.experiments.vpn import VpnProtocol, VpnShape
from balise_wire.words import Arm
from tests.collector.experiments.vpn.trials import handshake


def test_every_handshake_has_words() -> None:
    """Whose it was, or whose sizes, and how far it got; never where the server is."""
    asked = {
        EVIDENCE.told(handshake(protocol=protocol, shape=shape), gettext_noop)[0]
        for protocol in VpnProtocol
        for shape in VpnShape
    }
    assert len(asked) == len(VpnProtocol) * len(VpnShape)
    assert EVIDENCE.told(handshake(end="cut"), gettext_noop) == (
        "handshake of OpenVPN, to our own server",
        "1 of 3 rounds were answered",
    )
    told = EVIDENCE.told(handshake(Arm.NOISE, protocol=VpnProtocol.IKEV2), gettext_noop)
    assert told[0] == "random bytes in the sizes of a handshake of IKEv2, to our own server"
    assert EVIDENCE.told(handshake(end="no token"), gettext_noop)[1] == "no answer on this port"
    assert EVIDENCE.told(handshake(end="none"), gettext_noop)[1] == "nothing was sent"


def test_what_left_again_is_told() -> None:
    """What tells a lossy line; and an ICMP error."""
    assert EVIDENCE.also(handshake(), gettext_noop) == []
    assert EVIDENCE.also(handshake(end="cut"), gettext_noop) == ["packets that left again: 3"]
    assert EVIDENCE.also(handshake(end="refused"), gettext_noop) == ["ICMP error 3/3"]
