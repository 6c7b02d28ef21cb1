"""One raw copy of a segment inside the kernel's own connection, with a TTL of its own.

Lives here: carrying out ``Inject``. Changing the socket's TTL instead would work once and leak: the kernel retransmits
with the TTL of the moment, so the payload reaches the server 206 ms later (tried over three routers). The raw copy
leaves exactly one packet; the kernel knows nothing of it, so its numbers do not move and nothing is sent again. ICMP
errors about the copy put a soft error on the socket, which the connection ignores from here on. Must not live here:
what the payload says.
"""

from balise_agent.codec import packets
from balise_agent.codec.dissect import Captured, dissect, evidence
from balise_agent.experiments.steps import Failed, Inject, Injected
from balise_agent.net.classify import failure_of
from balise_agent.net.connection import Connection
from balise_agent.net.context import Stopwatch, hand_over
from balise_agent.net.operation import Operation
from balise_agent.net.tcp import gone
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.task import Wait


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
    if numbers is None:
        raise LinkUnusable("our own packets were not heard: the capture is on another interface than the connection")
    copy = packets.segment(
        last,
        sequence=numbers.seq + len(numbers.payload) + numbers.cut,
        acknowledged=numbers.ack,
        ttl=step.ttl,
        ip_id=context.packet_ids.below(1 << 16),
        payload=step.payload,
    )
    context.gate.allow(connection.address, connection.remote_port, len(copy))
    connection.injected = True
    heard: list[Captured] = []
    flow.heard = heard.append
    try:
        yield from hand_over(context, copy, connection.address)
        yield Wait(watch.began + step.window)
        elapsed_ms = watch.elapsed_ms()
        context.tap.drain()
    except OSError as error:
        return Failed(at=watch.at, elapsed_ms=watch.elapsed_ms(), failure=failure_of(error))
    finally:
        flow.heard = None
        # The copy is no packet of the kernel's: a second copy must count from the same place.
        flow.last_out = last if flow.last_out == copy else flow.last_out
    return Injected(at=watch.at, elapsed_ms=elapsed_ms, packets=evidence(heard))
