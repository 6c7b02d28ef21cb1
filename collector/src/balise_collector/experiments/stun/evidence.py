"""One exchange of STUN as people see it. Pure. Must not live here: marks of packets, verdicts."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.harmless import printable
from balise_collector.system.sentences import Say
from balise_wire.experiments.stun import StunObservation, StunPacket


class StunEvidence(Simple[StunObservation]):
    """What was asked over UDP, and what came."""

    public = True

    def told(self, one: StunObservation, say: Say) -> tuple[str, str]:
        """Return what went where, and the first answer."""
        asked = {
            StunPacket.BINDING: say("STUN binding request to {address} port {port}"),
            StunPacket.CLASSIC: say("STUN binding request without its cookie to {address} port {port}"),
            StunPacket.SYN: say("{address} port {port}, {syns} SYN"),
            StunPacket.UNKNOWN: say("a packet to {address} port {port}"),
        }[one.sent]
        said = asked.format(address=printable(one.name) if one.name else one.address, port=one.port, syns=one.copies)
        if one.sent is StunPacket.SYN:
            return said, say("{answered} of {syns} answered").format(answered=one.answers, syns=one.copies)
        return said, printable(one.answer).replace("_", " ").replace(":", " ") or say("answer")

    def also(self, one: StunObservation, say: Say) -> list[str]:
        """Return how often it left, and whether the same flow carried something else."""
        told = [say("sent {n} times").format(n=one.copies)] if one.copies > 1 and one.sent is not StunPacket.SYN else []
        if one.followed is not None:
            told.append(
                say("a request without the cookie was answered behind it")
                if one.followed
                else say("a request without the cookie was not answered either")
            )
        if one.icmp:
            told.append(say("ICMP error {code}").format(code=printable(one.icmp)))
        return told


EVIDENCE: Final = StunEvidence()
