"""A path as the operator sees it; the public never does, for its hops lie before the border. Pure."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.harmless import printable
from balise_collector.system.sentences import Say
from balise_wire.experiments.path import Hop, HopReply, PathObservation


class PathEvidence(Simple[PathObservation]):
    """The hops to one address."""

    def told(self, one: PathObservation, say: Say) -> tuple[str, str]:
        """Return where the path leads, and how many hops were tried."""
        asked = say("path to {address} port {port}").format(address=one.address, port=one.port)
        return asked, say("{n} hops").format(n=len(one.hops))

    def also(self, one: PathObservation, say: Say) -> list[str]:
        """Return what the probes carried, and every hop."""
        told = [say("probes carried {what}").format(what=printable(one.payload))] if one.payload else []
        return told + [_hop(hop) for hop in one.hops]


def _hop(one: Hop) -> str:
    """Return one hop of a path in a line."""
    time = "" if one.rtt_ms is None else f" {one.rtt_ms:.1f} ms"
    told = f"{one.ttl}: {printable(one.address) or '*'}{time} {printable(one.answer)}".rstrip()
    return told + "".join(f", {_reply(reply)}" for reply in one.replies)


def _reply(one: HopReply) -> str:
    """Return what came in the server's name in a few words."""
    time = "" if one.rtt_ms is None else f", {one.rtt_ms:.1f} ms"
    return f"{printable(one.kind)} (TTL {one.ttl}{time})"


EVIDENCE: Final = PathEvidence()
