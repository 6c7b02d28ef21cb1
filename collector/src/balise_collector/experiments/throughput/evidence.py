"""One transfer as people see it. Pure. Must not live here: marks of packets, verdicts."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.sentences import Say
from balise_wire.experiments.throughput import ThroughputObservation
from balise_wire.words import TransferDirection, TransferEnd


class ThroughputEvidence(Simple[ThroughputObservation]):
    """A transfer, and its rate."""

    public = True

    def told(self, one: ThroughputObservation, say: Say) -> tuple[str, str]:
        """Return what was moved where under which name, and how fast."""
        asked = say("bytes from {name} at {address} port {port}")
        if one.direction is TransferDirection.UP:
            asked = say("bytes to {name} at {address} port {port}")
        came = say("{bytes} bytes").format(bytes=one.moved_bytes)
        if one.goodput_kbps is not None:
            came = say("{bytes} bytes at {kbps} kbit/s").format(bytes=one.moved_bytes, kbps=round(one.goodput_kbps))
        return asked.format(name=one.name, address=one.address, port=one.port), came

    def also(self, one: ThroughputObservation, say: Say) -> list[str]:
        """Return why it ended early, and what was lost."""
        told = []
        if one.settled is False:
            told.append(say("it was still growing: the line may be faster"))
        if one.end is TransferEnd.FROZEN:
            told.append(say("it stopped in the middle"))
        if one.lost:
            told.append(say("{lost} of {all} segments lost").format(lost=one.lost, all=one.segments))
        return told


EVIDENCE: Final = ThroughputEvidence()
