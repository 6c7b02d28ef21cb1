"""A sign of life from the default gateway: ARP or neighbour discovery, and ICMP echo.

Lives here: carrying out ``AskGateway``. Many routers ignore echo and none can ignore ARP (RFC 826) or neighbour
solicitations (RFC 4861) and stay a router; on a link without either (PPP, a tunnel) the echo decides. Both are asked at
once and the first answer counts. Must not live here: what a dead gateway means for a verdict.
"""

import contextlib
import socket
import struct
from collections.abc import Generator
from typing import Final

from balise_agent.codec import packets
from balise_agent.codec.dissect import Captured
from balise_agent.experiments.steps import AskGateway, GatewayAsked
from balise_agent.net.classify import failure_of
from balise_agent.net.context import NetworkContext, Stopwatch, hand_over, packed
from balise_agent.net.operation import Operation
from balise_agent.net.routes import Gateway, NoRoute, default_gateway
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.reactor import READ
from balise_agent.system.task import Signal, Wait

_ETH_P_ARP: Final = 0x0806
_ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
_ARPHRD_ETHER: Final = 1
_SOLICITATION, _ADVERTISEMENT, _ECHO, _ECHO_REPLY = 135, 136, 128, 129
_READS_A_TURN: Final = 64
"""Packets read before others get their turn: whoever floods the LAN must not hold us."""
_COST: Final = 128
"""Bytes that one asking is counted as."""


def ask_gateway(context: NetworkContext, step: AskGateway) -> Operation:
    """Carry out an AskGateway (LinkUnusable where this machine itself cannot ask)."""
    watch = Stopwatch(context.clock)
    gateway = default_gateway(context.interface)
    ok: bool | None = None
    if gateway is not None:
        context.gate.allow(gateway.address, 0, _COST, local=True)
        deadline = watch.began + step.timeout
        # A dead interface (no route, ENETDOWN) is no sign of life: that is the fact, not an error. What this machine
        # itself refuses (a firewall, a full queue) is ours, and says nothing of the gateway.
        ask = _ask_v6 if ":" in gateway.address else _ask_v4
        try:
            ok = yield from ask(context, gateway, deadline)
        except NoRoute:
            ok = False
        except OSError as error:
            failure_of(error)
            ok = False
    elapsed_ms = watch.elapsed_ms()
    return GatewayAsked(at=watch.at, elapsed_ms=elapsed_ms, ok=ok, rtt_ms=elapsed_ms if ok else None)


# --- IPv4 -------------------------------------------------------------------------------------------------------------


class _EchoHeard:
    """Whether the echo was answered, as the tap tells."""

    def __init__(self) -> None:
        self.answered = False
        self.signal = Signal()

    def hear(self, packet: Captured) -> None:
        """Take one packet of the echo's flow."""
        if not packet.out and packet.data[(packet.data[0] & 15) * 4] == 0:
            self.answered = True
            self.signal.fire()


def _ask_v4(context: NetworkContext, gateway: Gateway, deadline: float) -> Generator[Wait, bool, bool]:
    """Ask by ARP and by echo; raises NoRoute and OSError."""
    target, echo = packed(gateway.address), _EchoHeard()
    source = context.sources.towards(gateway.address)
    identifier = context.crafted_ports.take()
    flow = context.tap.open(packets.ICMP, identifier, target, 0, echo.hear)
    link: socket.socket | None = None
    try:
        link = _arp_socket(gateway.interface)
        if link is not None:
            request = arp_request(link.getsockname()[4], source, target)
            link.sendto(request, (gateway.interface, _ETH_P_ARP, 0, 0, b"\xff" * 6))
        ip_id = context.packet_ids.below(1 << 16)
        data = packets.echo(source=source, target=target, identifier=identifier, sequence=1, ttl=64, ip_id=ip_id)
        try:
            yield from hand_over(context, data, gateway.address)
        except OSError:
            if link is None:  # where ARP asks as well, an echo that did not leave is no loss
                raise
        while (yield Wait(deadline, file=link, events=READ, signal=echo.signal)):
            if echo.answered or (link is not None and _arp_answered(link, target)):
                return True
        return False
    finally:
        context.tap.forget(flow)
        context.crafted_ports.give(identifier)
        if link is not None:
            link.close()


def arp_request(hardware: bytes, source: bytes, target: bytes) -> bytes:
    """Return the body of "who has ``target``?" (RFC 826)."""
    return _ARP.pack(1, 0x0800, 6, 4, 1, hardware, source, bytes(6), target)


def is_arp_reply(body: bytes, target: bytes) -> bool:
    """Whether a body says that ``target`` is there."""
    if len(body) < _ARP.size:
        return False
    _, _, _, _, operation, _, sender, _, _ = _ARP.unpack_from(body)
    return bool(operation == 2 and sender == target)


def _arp_socket(interface: str) -> socket.socket | None:
    """Open a socket that hears ARP on one interface; ``None`` where the link has no ARP."""
    try:
        link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    except PermissionError:
        raise LinkUnusable("no right to send ARP: give the service CAP_NET_RAW") from None
    link.setblocking(False)
    try:
        link.bind((interface, _ETH_P_ARP))
    except OSError:
        link.close()
        raise
    if link.getsockname()[3] != _ARPHRD_ETHER:
        link.close()
        return None
    return link


def _arp_answered(link: socket.socket, target: bytes) -> bool:
    """Read what waits on the ARP socket; whether the target's answer was among it."""
    answered = False
    with contextlib.suppress(BlockingIOError):
        for _ in range(_READS_A_TURN):
            answered = is_arp_reply(link.recv(256), target) or answered
    return answered


# --- IPv6 -------------------------------------------------------------------------------------------------------------


def _ask_v6(context: NetworkContext, gateway: Gateway, deadline: float) -> Generator[Wait, bool, bool]:
    """Ask by neighbour solicitation and by echo over one ICMPv6 socket, whose checksums are the kernel's."""
    target = packed(gateway.address)
    index = socket.if_nametoindex(gateway.interface)
    identifier = context.crafted_ports.take()
    link = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)  # RFC 4861 7.1.1: else it is ignored
        where = (gateway.address, 0, 0, index)
        link.sendto(struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + target, where)
        link.sendto(struct.pack("!BBHHH", _ECHO, 0, 0, identifier, 1), where)
        while (yield Wait(deadline, file=link, events=READ)):
            if _v6_answered(link, target, identifier):
                return True
        return False
    finally:
        context.crafted_ports.give(identifier)
        link.close()


def _v6_answered(link: socket.socket, target: bytes, identifier: int) -> bool:
    """Read what waits on the ICMPv6 socket; whether the gateway's answer was among it."""
    answered = False
    with contextlib.suppress(BlockingIOError):
        for _ in range(_READS_A_TURN):
            body = link.recv(256)
            advertised = body[:1] == bytes([_ADVERTISEMENT]) and body[8:24] == target
            echoed = body[:1] == bytes([_ECHO_REPLY]) and body[4:6] == identifier.to_bytes(2, "big")
            answered = answered or advertised or echoed
    return answered
