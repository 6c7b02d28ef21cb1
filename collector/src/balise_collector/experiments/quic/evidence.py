"""One exchange of datagrams as people see it. Pure. Must not live here: marks of packets, verdicts."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.harmless import printable
from balise_collector.system.sentences import Say
from balise_wire.experiments.quic import QuicObservation, QuicPacket


class QuicEvidence(Simple[QuicObservation]):
    """What was sent over UDP, what came, and whether the flow lived."""

    public = True

    def told(self, one: QuicObservation, say: Say) -> tuple[str, str]:
        """Return what went where, and the first answer."""
        asked = {
            QuicPacket.INITIAL: say("QUIC Initial with the name {name} to {address} port {port}"),
            QuicPacket.VERSION: say("QUIC packet of an unknown version to {address} port {port}"),
            QuicPacket.NOISE: say("random bytes over UDP to {address} port {port}"),
            QuicPacket.SYN: say("{address} port {port}, {syns} SYN"),
            QuicPacket.UNKNOWN: say("a packet to {address} port {port}"),
        }[one.sent]
        if one.sent is QuicPacket.INITIAL and one.name is None:
            asked = say("QUIC Initial without a name to {address} port {port}")
        said = asked.format(name=one.name, address=one.address, port=one.port, syns=one.copies)
        if one.sent is QuicPacket.SYN:
            return said, say("{answered} of {syns} answered").format(answered=one.answers, syns=one.copies)
        came = printable(one.answer).replace("_", " ").replace(":", " ") or say("answer")
        if one.sent is QuicPacket.NOISE and not one.answers:
            came = say("no answer, as from any server")
        return said, came

    def also(self, one: QuicObservation, say: Say) -> list[str]:
        """Return how often it left, and whether the same flow was answered seconds later."""
        told = [say("sent {n} times").format(n=one.copies)] if one.copies > 1 and one.sent is not QuicPacket.SYN else []
        if one.followed is not None:
            told.append(
                say("a packet seconds later was answered") if one.followed else say("nothing came seconds later")
            )
        if one.icmp:
            told.append(say("ICMP error {code}").format(code=printable(one.icmp)))
        return told


EVIDENCE: Final = QuicEvidence()
