"""One raw copy of a segment inside the kernel's own connection, with a TTL of its own.

Lives here: carrying out ``Inject``. Changing the socket's TTL instead would work once and leak: the kernel retransmits
with the TTL of the moment, so the payload reaches the server 206 ms later (tried over three routers). The raw copy
leaves exactly one packet; the kernel knows nothing of it, so its numbers do not move and nothing is sent again. ICMP
errors about the copy put a soft error on the socket, which the connection ignores from here on. Must not live here:
what the payload says.
"""

from balise_agent.codec import packets
from balise_agent.codec.dissect import RST, Captured, dissect, evidence, is_icmp_error
from balise_agent.experiments.steps import Failed, Inject, Injected
from balise_agent.net.classify import failure_of
from balise_agent.net.connection import Connection
from balise_agent.net.context import Stopwatch, ask, hand_over
from balise_agent.net.operation import Operation
from balise_agent.net.tcp import gone
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.task import Signal, Wait


def inject(connection: Connection, step: Inject) -> Operation:
    """Carry out an Inject.

    Raises:
        LinkUnusable: the tap did not hear our own side of the connection.
    """
    context, flow = connection.context, connection.flow
    watch = Stopwatch(context.clock)
    if not connection.is_open:
        return gone(connection, watch)
    context.tap.drain()
    last = flow.last_out
    numbers = dissect(last)
    if numbers is not None and numbers.flags & RST and connection.model:
        # What the kernel says of a connection that is no more has the other side's numbers.
        numbers = dissect(connection.model)
    elif numbers is not None:
        connection.model = last
    if numbers is None:
        raise LinkUnusable("our own packets were not heard: the capture is on another interface than the connection")
    copy = packets.segment(
        connection.model,
        sequence=numbers.seq + len(numbers.payload) + numbers.cut,
        acknowledged=numbers.ack,
        ttl=step.ttl,
        ip_id=context.packet_ids.below(1 << 16),
        payload=step.payload,
    )
    ask(context, flow.share, connection.address, connection.remote_port, len(copy))
    connection.injected = True
    heard: list[Captured] = []
    answered = Signal()

    def hear(packet: Captured) -> None:
        if not _is_about_another(packet, copy):
            heard.append(packet)
            if not packet.out:
                answered.fire()

    flow.heard = hear
    try:
        yield from hand_over(context, copy, connection.address)
        if step.settle is None:
            yield Wait(watch.began + step.window)
        elif (yield Wait(watch.began + step.window, signal=answered)):
            yield Wait(within=step.settle)
        elapsed_ms = watch.elapsed_ms()
        context.tap.drain()
    except OSError as error:
        return Failed(at=watch.at, elapsed_ms=watch.elapsed_ms(), failure=failure_of(error))
    finally:
        flow.heard = None
        # The copy is no packet of the kernel's: a second copy must count from the same place.
        flow.last_out = last if flow.last_out == copy else flow.last_out
    return Injected(at=watch.at, elapsed_ms=elapsed_ms, packets=evidence(heard))


def _is_about_another(packet: Captured, copy: bytes) -> bool:
    """Tell whether a packet is an ICMP error about another copy: a slow router's, which would count for a wrong hop."""
    read = None if packet.out else dissect(packet.data)
    return read is not None and is_icmp_error(read) and not packets.quotes(packet.data, copy)
