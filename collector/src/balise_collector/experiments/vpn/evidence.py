"""One handshake as people see it. Pure. Must not live here: marks of packets, verdicts."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.harmless import printable
from balise_collector.system.sentences import Say
from balise_wire.experiments.vpn import VpnObservation, VpnProtocol, VpnShape

_NAMES: Final = {
    VpnProtocol.OPENVPN: "OpenVPN",
    VpnProtocol.WIREGUARD: "WireGuard",
    VpnProtocol.IKEV2: "IKEv2",
    VpnProtocol.OPENVPN_TCP: "OpenVPN over TCP",
    VpnProtocol.FULLY_ENCRYPTED: "a fully encrypted protocol",
    VpnProtocol.OBFS4: "obfs4",
    VpnProtocol.UNKNOWN: "",
}


class VpnEvidence(Simple[VpnObservation]):
    """What was sent to our own server, and how far it got."""

    public = True

    def told(self, one: VpnObservation, say: Say) -> tuple[str, str]:
        """Return whose handshake it was, or whose sizes, and how many of its rounds were answered."""
        name = _NAMES.get(one.protocol) or say("a protocol that this version does not know")
        asked = {
            VpnShape.PROTOCOL: say("handshake of {protocol}, to our own server"),
            VpnShape.RANDOM: say("random bytes in the sizes of a handshake of {protocol}, to our own server"),
            VpnShape.PRINTABLE_START: say(
                "bytes that begin with six printable ones in the sizes of a handshake of {protocol}, to our own server"
            ),
            VpnShape.PRINTABLE_HALF: say(
                "bytes of which more than half are printable in the sizes of a handshake of {protocol}, to our own "
                "server"
            ),
            VpnShape.PRINTABLE_RUN: say(
                "bytes of which more than twenty in a row are printable in the sizes of a handshake of {protocol}, to "
                "our own server"
            ),
            VpnShape.TLS_START: say(
                "bytes that begin as TLS does in the sizes of a handshake of {protocol}, to our own server"
            ),
            VpnShape.FEW_ONES: say(
                "bytes of few set bits in the sizes of a handshake of {protocol}, to our own server"
            ),
        }.get(one.shape, say("packets of another shape in the place of a handshake of {protocol}, to our own server"))
        asked = asked.format(protocol=name)
        if not one.rounds:
            return asked, say("nothing was sent")
        if one.token is False:
            return asked, say("no answer on this port")
        if one.connected is False:
            return asked, say("no connection on this port")
        return asked, say("{n} of {of} rounds were answered").format(n=one.answered, of=one.rounds)

    def also(self, one: VpnObservation, say: Say) -> list[str]:
        """Return what had to leave again, and an ICMP error."""
        told = []
        if one.repeated:
            told.append(say("packets that left again: {n}").format(n=one.repeated))
        if one.icmp:
            told.append(say("ICMP error {code}").format(code=printable(one.icmp)))
        return told


EVIDENCE: Final = VpnEvidence()
