"""Crafted packets out, every answer in: SYN probes and echo requests beside the kernel's TCP.

Lives here: carrying out ``Exchange``. Each SYN has a fresh source port, and every answer within the window is kept, for
injection is a race. Must not live here: the packets' bytes (codec/packets.py), what an answer proves.
"""

from collections import Counter
from functools import partial

from balise_agent.codec import packets
from balise_agent.codec.dissect import ACK, MOST_EACH_WAY, RST, SYN, Captured, dissect, evidence, merged_evidence
from balise_agent.net.classify import failure_of
from balise_agent.net.ground import Ground, Stopwatch, packed, take_turn
from balise_agent.net.ports import PortPool
from balise_agent.net.routes import NoRoute
from balise_agent.net.tap import Flow
from balise_agent.net.wait import Operation, Signal, Wait
from balise_agent.steps import Answer, AnswerKind, EchoProbe, Exchange, Exchanged, Failed, SynProbe


class _Exchange:
    """One exchange on its way: its flows and the answers so far."""

    def __init__(self, ground: Ground, step: Exchange) -> None:
        self.ground = ground
        self.step = step
        self.flows: list[Flow] = []
        self.heard: list[tuple[int, Captured]] = []
        self.answered: set[int] = set()
        self.signal = Signal()

    def send(self, index: int) -> None:
        """Send one probe; raises Refused, NoRoute, OSError."""
        probe = self.step.packets[index]
        ground, target = self.ground, packed(probe.address)
        source = ground.sources.towards(probe.address)
        port = ground.crafted_ports.take()
        if isinstance(probe, SynProbe):
            protocol, remote_port = packets.TCP, probe.port
            data = packets.syn(
                source=source,
                target=target,
                source_port=port,
                port=probe.port,
                ttl=probe.ttl,
                sequence=ground.chance.below(1 << 32),
                ip_id=ground.chance.below(1 << 16),
                stamp=ground.chance.below(1 << 32),
            )
        else:
            protocol, remote_port = (packets.ICMP if len(target) == 4 else packets.ICMPV6), 0
            ip_id = ground.chance.below(1 << 16)
            data = packets.echo(source=source, target=target, identifier=port, sequence=1, ttl=probe.ttl, ip_id=ip_id)
        self.flows.append(ground.tap.open(protocol, port, target, remote_port, partial(self.hear, index)))
        ground.gate.allow(probe.address, remote_port, len(data))
        ground.raw.send(data, probe.address)

    def hear(self, index: int, packet: Captured) -> None:
        """Take one packet of the flow of probe ``index``."""
        if packet.out:
            return
        self.ground.gate.received(len(packet.data))
        self.heard.append((index, packet))
        self.answered.add(index)
        if self.step.enough and len(self.answered) == len(self.step.packets):
            self.signal.fire()

    def answers(self) -> tuple[Answer, ...]:
        """Every answer in arrival order, at most ten a probe."""
        found: list[Answer] = []
        count: Counter[int] = Counter()
        for index, packet in sorted(self.heard, key=lambda heard: heard[1].t_ns):
            count[index] += 1
            flow = self.flows[index]
            if flow.first_out_ns is None or count[index] > MOST_EACH_WAY:
                continue
            # Relative to its own SYN, so that the record's offsets are those of its flow.
            records = evidence([*(kept for kept in flow.captured if kept.out), packet])
            record = next((one for one in reversed(records) if one.direction == "in"), None)
            if record is not None:
                rtt_ms = (packet.t_ns - flow.first_out_ns) / 1e6
                found.append(Answer(probe=index, kind=kind_of(packet.data), rtt_ms=rtt_ms, packet=record))
        return tuple(found)

    def finish(self, pool: PortPool) -> None:
        """Give back ports and flows."""
        for flow in self.flows:
            self.ground.tap.forget(flow)
            pool.give(flow.port)


def kind_of(data: bytes) -> AnswerKind:
    """Say what an answer is."""
    found = dissect(data)
    if found is None:
        return AnswerKind.OTHER
    if found.icmp is not None:
        return AnswerKind.ECHO if found.icmp in {(0, 0), (129, 0)} else AnswerKind.ICMP
    if found.flags & RST:
        return AnswerKind.RST
    if found.flags & (SYN | ACK) == SYN | ACK:
        return AnswerKind.SYNACK
    return AnswerKind.OTHER


def exchange(ground: Ground, step: Exchange) -> Operation:
    """Carry out an Exchange; where the kernel has no route the reply is Failed."""
    for address, count in Counter(probe.address for probe in step.packets if not isinstance(probe, EchoProbe)).items():
        yield from take_turn(ground, address, count)
    watch = Stopwatch(ground.clock)
    running = _Exchange(ground, step)
    try:
        for index in range(len(step.packets)):
            if index and step.spacing > 0.0:
                yield Wait(watch.began + index * step.spacing)
            running.send(index)
        # What answered while the last ones were sent has been heard only when the tap was read.
        ground.tap.drain()
        if not (step.enough and len(running.answered) == len(step.packets)):
            yield Wait(ground.clock.monotonic() + step.window, signal=running.signal)
        elapsed_ms = watch.elapsed_ms()
        ground.tap.drain()
        records = merged_evidence([flow.captured for flow in running.flows])
        return Exchanged(at=watch.at, elapsed_ms=elapsed_ms, answers=running.answers(), packets=records)
    except NoRoute as no_route:
        return Failed(at=watch.at, elapsed_ms=watch.elapsed_ms(), failure=no_route.failure)
    except OSError as error:
        return Failed(at=watch.at, elapsed_ms=watch.elapsed_ms(), failure=failure_of(error))
    finally:
        running.finish(ground.crafted_ports)
