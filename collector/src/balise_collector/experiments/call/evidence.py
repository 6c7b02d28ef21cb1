"""One train as people see it. Pure. Must not live here: marks of packets, verdicts."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.harmless import printable
from balise_collector.system.sentences import Say
from balise_wire.experiments.call import TAIL, TAIL_PACKETS, CallObservation, CallShape


class CallEvidence(Simple[CallObservation]):
    """What was sent to our own server, and how much of it came back."""

    public = True

    def told(self, one: CallObservation, say: Say) -> tuple[str, str]:
        """Return what a train looked like each way, and how much of it came back."""
        if one.ports is not None:
            ports = ", ".join(map(str, one.ports)) or say("none")
            return say("UDP to ports of our own server"), say("answered on {ports}").format(ports=ports)
        asked = {
            (CallShape.VOICE, CallShape.VOICE): say("packets in the shape of a voice call, both ways"),
            (CallShape.VOICE, CallShape.NOISE): say("packets in the shape of a voice call up, like nothing down"),
            (CallShape.NOISE, CallShape.VOICE): say("packets like nothing up, in the shape of a voice call down"),
            (CallShape.NOISE, CallShape.NOISE): say("packets of the same size and pace that look like nothing"),
        }.get((one.up, one.down), say("packets of a shape that this version does not know"))
        if one.returned is None:
            return asked, say("no answer over UDP") if one.token is False else say("nothing was sent")
        came = say("{back} of {sent} came back, {tail} of the last {last}")
        return asked, came.format(
            back=sum(one.returned), sent=one.sent, tail=sum(one.returned[-TAIL:]), last=TAIL_PACKETS
        )

    def also(self, one: CallObservation, say: Say) -> list[str]:
        """Return how much reached our server, and the jitter."""
        told = []
        if one.arrived is not None:
            told.append(say("{n} reached our server").format(n=sum(one.arrived)))
        if one.jitter_ms is not None:
            told.append(say("jitter {ms} ms").format(ms=round(one.jitter_ms, 1)))
        if one.icmp:
            told.append(say("ICMP error {code}").format(code=printable(one.icmp)))
        return told


EVIDENCE: Final = CallEvidence()
