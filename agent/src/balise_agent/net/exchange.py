"""Crafted packets out, every answer in: SYN probes and echo requests beside the kernel's TCP.

Lives here: carrying out ``Exchange``. Each SYN has a fresh source port, and every answer within the window is kept, for
injection is a race. Must not live here: the packets' bytes (codec/packets.py), what an answer proves.
"""

from collections import Counter
from collections.abc import Generator
from functools import partial

from balise_agent.codec import packets
from balise_agent.codec.dissect import MOST_EACH_WAY, Captured, first_ten, records
from balise_agent.experiments.steps import Answer, AnswerKind, EchoProbe, Exchange, Exchanged, Failed, SynProbe
from balise_agent.net.classify import failure_of
from balise_agent.net.context import NetworkContext, Stopwatch, ask, hand_over, packed, settle, take_turn
from balise_agent.net.operation import Operation
from balise_agent.net.ports import PortPool
from balise_agent.net.routes import NoRoute
from balise_agent.net.tap import Flow
from balise_agent.system.task import Signal, Wait
from balise_wire.evidence import Packet
from balise_wire.failures import Failure


class _Exchange:
    """One exchange on its way: its flows and the answers so far."""

    def __init__(self, context: NetworkContext, step: Exchange) -> None:
        self.context = context
        self.step = step
        self.flows: dict[int, Flow] = {}
        """By the packet's place in the step."""
        self.unsent: dict[int, Failure] = {}
        self.answered: set[int] = set()
        self.signal = Signal()

    def send(self, index: int) -> Generator[Wait, bool, None]:
        """Send one probe, or note why the network lets it go nowhere (Refused, LinkUnusable)."""
        try:
            yield from self._send(index)
        except NoRoute as no_route:
            self.unsent[index] = no_route.failure
        except OSError as error:
            self.unsent[index] = failure_of(error)

    def _send(self, index: int) -> Generator[Wait, bool, None]:
        """Send one probe; raises Refused, NoRoute, OSError."""
        probe = self.step.packets[index]
        context, target = self.context, packed(probe.address)
        source = context.sources.towards(probe.address)
        port = context.crafted_ports.take()
        drawn = context.packet_ids.below(1 << 64)
        if isinstance(probe, SynProbe):
            protocol, remote_port = packets.TCP, probe.port
            data = packets.syn(
                source=source,
                target=target,
                source_port=port,
                port=probe.port,
                ttl=probe.ttl,
                sequence=drawn >> 32,
                ip_id=drawn >> 24 & 0xFFFF,
                stamp=drawn & 0xFFFFFFFF,
            )
        else:
            protocol, remote_port = (packets.ICMP if len(target) == 4 else packets.ICMPV6), 0
            data = packets.echo(
                source=source, target=target, identifier=port, sequence=1, ttl=probe.ttl, ip_id=drawn & 0xFFFF
            )
        flow = context.tap.open(protocol, port, target, remote_port, partial(self.hear, index))
        self.flows[index] = flow
        ask(context, flow.share, probe.address, remote_port, len(data))
        yield from hand_over(context, data, probe.address)

    def hear(self, index: int, packet: Captured) -> None:
        """Take one packet of the flow of probe ``index``."""
        if packet.out:
            return
        self.answered.add(index)
        if self.is_enough:
            self.signal.fire()

    @property
    def is_enough(self) -> bool:
        """Whether each probe that left has its answer, where that is all that is asked for."""
        return self.step.enough and len(self.answered) + len(self.unsent) >= len(self.step.packets)

    def results(self) -> tuple[tuple[Answer, ...], tuple[Packet, ...]]:
        """Every answer in arrival order, at most ten a probe, and the capture of all flows."""
        zero = min((flow.captured[0].t_ns for flow in self.flows.values() if flow.captured), default=0)
        heard: list[tuple[int, Captured, Packet]] = []
        for index, flow in self.flows.items():
            # Ten of our own packets are kept in all: those of the first ten flows. Numbers need them no further, an
            # answer tells what it acknowledges.
            captures = flow.captured if index < MOST_EACH_WAY else [one for one in flow.captured if not one.out]
            heard.extend((index, captured, record) for captured, record in records(captures, zero))
        heard.sort(key=_moment)
        answers: list[Answer] = []
        for index, captured, record in heard:
            sent = self.flows[index].first_out_ns
            if not captured.out and sent is not None:
                rtt_ms = (captured.t_ns - sent) / 1e6
                answers.append(Answer(probe=index, kind=kind_of(record), rtt_ms=rtt_ms, packet=record))
        return tuple(answers), first_ten(record for _, _, record in heard)

    @property
    def floods(self) -> tuple[int, ...]:
        """Bytes beyond what each probe's flow could have brought."""
        flows = (self.flows.get(index) for index in range(len(self.step.packets)))
        return tuple(0 if flow is None else flow.share.flood for flow in flows)

    def finish(self, pool: PortPool) -> None:
        """Give back ports and flows."""
        self.context.tap.drain()
        for flow in self.flows.values():
            settle(self.context, flow.share)
            self.context.tap.forget(flow)
            pool.give(flow.port)


def _moment(heard: tuple[int, Captured, Packet]) -> int:
    return heard[1].t_ns


def kind_of(packet: Packet) -> AnswerKind:
    """Say what an answer is."""
    if packet.icmp:
        return AnswerKind.ICMP if packet.hop else AnswerKind.ECHO
    if "R" in packet.flags:
        return AnswerKind.RST
    return AnswerKind.SYNACK if packet.flags.startswith("S") and "A" in packet.flags else AnswerKind.OTHER


def exchange(context: NetworkContext, step: Exchange) -> Operation:
    """Carry out an Exchange; where no packet has a way out the reply is Failed."""
    for address, count in Counter(probe.address for probe in step.packets if not isinstance(probe, EchoProbe)).items():
        yield from take_turn(context, address, count)
    watch = Stopwatch(context.clock)
    running = _Exchange(context, step)
    try:
        for index in range(len(step.packets)):
            if index and step.spacing > 0.0:
                yield Wait(watch.began + index * step.spacing)
            yield from running.send(index)
        # What answered while the last ones were sent has been heard only when the tap was read.
        context.tap.drain()
        if len(running.unsent) == len(step.packets):
            failure = running.unsent[0]
            return Failed(at=watch.at, elapsed_ms=watch.elapsed_ms(), failure=failure)
        if not running.is_enough:
            yield Wait(context.clock.monotonic() + step.window, signal=running.signal)
        elapsed_ms = watch.elapsed_ms()
        context.tap.drain()
        answers, capture = running.results()
        return Exchanged(
            at=watch.at,
            elapsed_ms=elapsed_ms,
            answers=answers,
            packets=capture,
            floods=running.floods,
            unsent=tuple(running.unsent.items()),
        )
    finally:
        running.finish(context.crafted_ports)
