"""SYNs to one address as people see them. Pure. Must not live here: marks of packets, verdicts."""

from typing import Final

from balise_collector.experiments.shown import Simple, proxied
from balise_collector.system.sentences import Say
from balise_wire.experiments.tcp import TcpObservation


class TcpEvidence(Simple[TcpObservation]):
    """SYNs, and how many were answered."""

    public = True

    def told(self, one: TcpObservation, say: Say) -> tuple[str, str]:
        """Return where the SYNs went, and how many were answered."""
        if one.through is not None:
            return proxied(one.through, say), say("connected")
        asked = say("{address} port {port}, {syns} SYN").format(address=one.address, port=one.port, syns=one.syns)
        return asked, say("{answered} of {syns} answered").format(answered=one.synacks, syns=one.syns)

    def also(self, one: TcpObservation, say: Say) -> list[str]:
        """Return how many ICMP errors came."""
        return [say("{n} ICMP errors").format(n=one.icmp_errors)] if one.icmp_errors else []


EVIDENCE: Final = TcpEvidence()
