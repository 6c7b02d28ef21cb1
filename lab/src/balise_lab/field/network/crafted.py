"""Crafted packets and what answers them: SYNs, echoes, and the question to the router.

Lives here: the steps Exchange and AskGateway. Must not live here: whether a packet passes (passing.py).
"""

import math
from collections import Counter
from typing import Final, NamedTuple

from balise_agent.experiments.steps import (
    Answer,
    AnswerKind,
    AskGateway,
    EchoProbe,
    Exchange,
    Exchanged,
    Failed,
    GatewayAsked,
    Reply,
    SynProbe,
)
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.task import Steps, Wait
from balise_lab.field.network.capture import SYN_OPTIONS, first_ten, icmp
from balise_lab.field.network.home_network import HomeNetwork
from balise_lab.field.network.homes import GATEWAY
from balise_lab.field.network.passing import Fate, Way
from balise_wire.evidence import Direction, Packet
from balise_wire.failures import Failure

Operation = Steps[Reply]
_SYN: Final = 60
_ECHO: Final = 36


class _Heard(NamedTuple):
    at: float
    probe: int
    kind: AnswerKind
    rtt_ms: float
    packet: Packet


def exchange(home: HomeNetwork, step: Exchange) -> Operation:
    """Carry out an Exchange."""
    connections = Counter(probe.address for probe in step.packets if isinstance(probe, SynProbe))
    for address, count in connections.items():
        while (pause := home.gate.pause(address, count)) > 0.0:
            yield Wait(within=pause)
    if home.now.line.eagain:
        raise LinkUnusable("the kernel's sending queue stays full")
    at = home.clock.now()
    packets: list[Packet] = []
    heard: list[_Heard] = []
    ways: dict[str, Way] = {}
    unsent: dict[int, Failure] = {}
    for number, probe in enumerate(step.packets):
        sent = number * step.spacing
        there = ways.get(probe.address) or ways.setdefault(probe.address, home.way(probe.address))
        port = probe.port if isinstance(probe, SynProbe) else 0
        home.gate.allow(probe.address, port, _SYN if port else _ECHO)
        fate = home.fate(probe.address, port, there, protocol="tcp" if port else "icmp")
        if fate is not None and fate.word == "no_route":
            unsent[number] = Failure.NETWORK_UNREACHABLE
            continue
        packets.append(_sent(home, probe, sent))
        found = _answers(home, number, sent, probe, there, fate)
        heard += found
        packets += [one.packet for one in found]
        if isinstance(probe, SynProbe):
            packets += [_reset(one, v6=":" in probe.address) for one in found if one.kind is AnswerKind.SYNACK]
    if len(unsent) == len(step.packets):
        ends = (len(step.packets) - 1) * step.spacing
        yield Wait(within=ends)
        return Failed(at=at, elapsed_ms=ends * 1000.0, failure=Failure.NETWORK_UNREACHABLE)
    ends = _ends(step, heard, [number for number in range(len(step.packets)) if number not in unsent])
    yield Wait(within=ends)
    heard = sorted((one for one in heard if one.at <= ends), key=lambda one: one.at)
    limit = int(ends * 1e6)
    packets = sorted((packet for packet in packets if packet.t_us <= limit), key=lambda packet: packet.t_us)
    home.gate.received(_SYN * len(heard))
    answers = tuple(Answer(probe=one.probe, kind=one.kind, rtt_ms=one.rtt_ms, packet=one.packet) for one in heard)
    return Exchanged(
        at=at,
        elapsed_ms=ends * 1000.0,
        answers=answers,
        packets=first_ten(packets),
        floods=(0,) * len(step.packets),
        unsent=tuple(unsent.items()),
    )


def _ends(step: Exchange, heard: list[_Heard], left: list[int]) -> float:
    """Return the second at which the listening ends; ``left`` are the packets that did leave."""
    last = (len(step.packets) - 1) * step.spacing
    if not step.enough:
        return last + step.window
    first = [min((one.at for one in heard if one.probe == each), default=math.inf) for each in left]
    return min(max(last, *first), last + step.window) if first else last


def _sent(home: HomeNetwork, probe: SynProbe | EchoProbe, at: float) -> Packet:
    v6 = ":" in probe.address
    ip_id = 0 if v6 else home.chance.getrandbits(16)
    if isinstance(probe, EchoProbe):
        kind = "128/0" if v6 else "8/0"
        return Packet(
            t_us=int(at * 1e6), direction=Direction.OUT, protocol="icmp", ttl=probe.ttl, ip_id=ip_id, icmp=kind
        )
    return Packet(
        t_us=int(at * 1e6), direction=Direction.OUT, ttl=probe.ttl, ip_id=ip_id, df=not v6, flags="S",
        window=64_800 if v6 else 64_240, options=SYN_OPTIONS,
    )  # fmt: skip


def _reset(one: _Heard, *, v6: bool) -> Packet:
    """Return our kernel's answer to a SYN-ACK that it did not ask for."""
    return Packet(t_us=one.packet.t_us + 25, direction=Direction.OUT, ttl=64, df=not v6, flags="R", seq=1)


def _answers(
    home: HomeNetwork, number: int, sent: float, probe: SynProbe | EchoProbe, there: Way, fate: Fate | None
) -> list[_Heard]:
    """Return what is heard of one crafted packet."""
    v6 = ":" in probe.address
    if probe.ttl < there.hops and (fate is None or fate.word != "silent"):
        return [_expired(home, number, sent, probe.ttl, there, v6=v6)]
    if fate is None:
        near = home.syn_way(probe.port, there) if isinstance(probe, SynProbe) else there
        return [] if home.lost() else [_alive(home, number, sent, probe, near, v6=v6)]
    if not fate.after or home.lost():
        return []
    at = sent + fate.after
    if fate.word == "icmp":
        packet = icmp(at, fate.code, fate.hop, fate.ttl)
        return [_Heard(at, number, AnswerKind.ICMP, fate.after * 1000.0, packet)]
    if isinstance(probe, EchoProbe):
        return []
    found = []
    for copy in range(fate.look.copies if fate.look is not None else 1):
        moment = at + 5e-5 * copy
        packet = Packet(
            t_us=int(moment * 1e6),
            direction=Direction.IN,
            ttl=fate.look.ttl if fate.look is not None else there.ttl,
            ip_id=0 if v6 or fate.look is None else fate.look.ip_id,
            df=not v6 and (fate.look is None or fate.look.df),
            flags="RA",
            ack=1,
            window=fate.look.window if fate.look is not None else 0,
        )
        found.append(_Heard(moment, number, AnswerKind.RST, (moment - sent) * 1000.0, packet))
    return found


def _alive(home: HomeNetwork, number: int, sent: float, probe: SynProbe | EchoProbe, there: Way, *, v6: bool) -> _Heard:
    seconds = there.seconds + home.chance.random() * 0.001
    at = sent + seconds
    if isinstance(probe, EchoProbe):
        kind = "129/0" if v6 else "0/0"
        packet = Packet(t_us=int(at * 1e6), direction=Direction.IN, protocol="icmp", ttl=there.ttl, icmp=kind)
        return _Heard(at, number, AnswerKind.ECHO, seconds * 1000.0, packet)
    packet = Packet(
        t_us=int(at * 1e6), direction=Direction.IN, ttl=there.ttl, df=not v6, flags="SA", ack=1, window=65_160,
        options=SYN_OPTIONS,
    )  # fmt: skip
    return _Heard(at, number, AnswerKind.SYNACK, seconds * 1000.0, packet)


def _expired(home: HomeNetwork, number: int, sent: float, ttl: int, there: Way, *, v6: bool) -> _Heard:
    """Return the router's word about a packet whose TTL ended on its way."""
    seconds = there.seconds * ttl / there.hops
    hop = GATEWAY if ttl == 1 and not v6 else home.hop(ttl, v6=v6)
    packet = icmp(sent + seconds, "3/0" if v6 else "11/0", hop, 255 - ttl)
    return _Heard(sent + seconds, number, AnswerKind.ICMP, seconds * 1000.0, packet)


def ask_gateway(home: HomeNetwork, step: AskGateway) -> Operation:
    """Carry out an AskGateway."""
    at, line = home.clock.now(), home.now.line
    if home.home.gateway == "none":
        yield from ()
        return GatewayAsked(at=at, elapsed_ms=0.1, ok=None)
    home.gate.allow(GATEWAY, 0, 2 * _ECHO, local=True)
    if line.no_route:
        yield from ()
        return GatewayAsked(at=at, elapsed_ms=0.1, ok=False)
    if line.adrift or line.mute or home.home.gateway == "mute":
        yield Wait(within=step.timeout)
        return GatewayAsked(at=at, elapsed_ms=step.timeout * 1000.0, ok=False)
    seconds = 0.0006 + home.chance.expovariate(1000.0)
    yield Wait(within=seconds)
    return GatewayAsked(at=at, elapsed_ms=seconds * 1000.0, ok=True, rtt_ms=seconds * 1000.0)
