"""One handshake of ``vpn`` over a connection to the operator's helper: its rounds, up to the first without an answer.

Nothing is sent twice here: TCP does that. Must not live here: when a handshake is made (plan.py), the bytes
(codec/vpn).
"""

from collections.abc import Generator

import msgspec

from balise_agent.codec.vpn.handshake import OVER_TCP, Handshake
from balise_agent.experiments.steps import (
    Close,
    Closed,
    Connect,
    Connected,
    Failed,
    Receive,
    Received,
    Reply,
    Send,
    Step,
)
from balise_agent.experiments.task import Task, expect
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.vpn import VpnObservation
from balise_wire.failures import Failure

Trial = Generator[Step, Reply, VpnObservation]


def rounds_on_a_connection(task: Task, bare: VpnObservation, handshake: Handshake, seed: int) -> Trial:
    """Connect, go through the rounds, and hang up.

    Args:
        task: time-outs.
        bare: the trial without what it will have seen.
        handshake: whose rounds.
        seed: of the mark.
    """
    connected = yield Connect(address=bare.address, port=bare.port, timeout=task.timeouts.connect)
    if isinstance(connected, Failed):
        return _told(bare, connected.at, connected.elapsed_ms, connected, connected=False)
    handle = expect(Connected, connected).handle
    mark, heard, rtt, spent = handshake.mark(OVER_TCP, seed), list[bytes](), None, connected.elapsed_ms
    failed: Failed | None = None
    strange: Failure | None = None
    for number in range(len(handshake.rounds)):
        reply = yield from _round(task, handle, handshake.ask(mark, number, heard), handshake.rounds[number][1])
        spent += reply.elapsed_ms
        if isinstance(reply, Failed):
            failed = reply
            break
        if not handshake.accepts(mark, number, reply.data):
            # An end behind some bytes is what a helper says who has too much to do, or another server.
            strange = Failure.VPN_MALFORMED if reply.data else Failure.EOF
            break
        rtt = reply.first_byte_ms if not number else rtt
        heard.append(reply.data)
    if failed is None:
        closed = yield Close(handle=handle)
        last = closed if isinstance(closed, Failed) else expect(Closed, closed)
    else:
        last = failed
    found = _told(bare, connected.at, spent, last, connected=True)
    return msgspec.structs.replace(
        found, answered=len(heard), rtt_ms=rtt, failure=strange if failed is None else failed.failure
    )


def _round(
    task: Task, handle: int, asked: tuple[bytes, ...], answered: int
) -> Generator[Step, Reply, Received | Failed]:
    """Send what a round sends, and read as many bytes as its answer has."""
    for data in asked:
        sent = yield Send(handle=handle, data=data)
        if isinstance(sent, Failed):
            return sent
    reply = yield Receive(handle=handle, most=answered, timeout=task.timeouts.answer)
    return reply if isinstance(reply, Failed) else expect(Received, reply)


def _told(
    bare: VpnObservation, at: float, elapsed_ms: float, last: Failed | Closed, *, connected: bool
) -> VpnObservation:
    """Return a trial with what its last reply saw of the connection."""
    return msgspec.structs.replace(
        bare,
        at=at,
        elapsed_ms=elapsed_ms,
        connected=connected,
        packets=last.packets,
        flood_bytes=last.flood,
        repeated=_repeated(last.packets),
        icmp=last.detail.removeprefix("icmp ") if isinstance(last, Failed) and last.detail.startswith("icmp ") else "",
        failure=last.failure if isinstance(last, Failed) else None,
    )


def _repeated(packets: tuple[Packet, ...]) -> int:
    """Return how many of our segments with payload left once more."""
    ours = [one.seq for one in packets if one.direction is Direction.OUT and one.protocol == "tcp" and one.length]
    return len(ours) - len(set(ours))
