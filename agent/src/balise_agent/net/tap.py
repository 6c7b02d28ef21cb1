"""The capture tap: one long-lived AF_PACKET socket that hears our own flows, and hands each packet to its flow.

Lives here: the socket (kernel filter, kernel timestamps, drop counter) and the demultiplexing to ``Flow`` recorders.
SOCK_DGRAM gives packets from the IP header on; ETH_P_ALL is needed to hear what we send (packet(7)); promiscuous mode
is never on. Must not live here: what a packet means (codec), what to do about it (the operations beside this file).
"""

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Callable
from typing import BinaryIO, Final

from balise_agent.codec import pcap
from balise_agent.codec.dissect import MOST_EACH_WAY, Captured, evidence
from balise_agent.codec.packets import ICMP, ICMPV6, TCP, UDP
from balise_agent.net import bpf, ports
from balise_agent.net.ring import Frame, Ring
from balise_agent.net.share import PROBE, Share
from balise_agent.system.errors import LinkUnusable
from balise_wire.evidence import Packet

_ETH_P_ALL: Final = 3
_SO_ATTACH_FILTER: Final = 26
_SO_TIMESTAMPNS: Final = 35
"""asm-generic/socket.h; missing from the socket module."""
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_PORTS: Final = struct.Struct("!HH")
_LEAST: Final = 20
_MOST_AT_ONCE: Final = 16384
_MOST_PER_TURN: Final = 512
"""Packets read before other work gets its turn; the rest waits in the kernel."""

Heard = Callable[[Captured], None]
"""Told of every packet of a flow as it is heard, also of those that are not kept as evidence."""


class Flow:
    """The recorder of one flow: one local port (or echo identifier) towards one remote address and port."""

    __slots__ = ("_kept", "captured", "first_out_ns", "heard", "interface", "last_out", "port", "protocol", "remote",
                 "remote_port", "secret", "share", "writer")  # fmt: skip

    def __init__(self, protocol: int, port: int, remote: bytes, remote_port: int, heard: Heard | None) -> None:
        self.protocol = protocol
        self.port = port
        self.remote = remote
        self.remote_port = remote_port
        self.heard = heard
        self.captured: list[Captured] = []
        self.interface = 0
        self.secret = False
        """No packet of it goes into a capture file."""
        self.first_out_ns: int | None = None
        self.last_out = b""
        self.writer: BinaryIO | None = None
        self.share = Share(PROBE)
        """What it has brought, in bytes from the IP header on; who opens it says what is expected."""
        self._kept = [0, 0]

    def take(self, packet: Captured, size: int) -> None:
        """Keep one packet of this flow (ten each direction) and tell whoever listens; ``size`` is that on the wire."""
        if packet.out:
            self.share.left += size
            self.last_out = packet.data
            if self.first_out_ns is None:
                self.first_out_ns = packet.t_ns
        else:
            self.share.arrived += size
        if self._kept[packet.out] < MOST_EACH_WAY:
            self._kept[packet.out] += 1
            self.captured.append(packet)
        if self.heard is not None:
            self.heard(packet)

    def evidence(self) -> tuple[Packet, ...]:
        """Return what was kept so far."""
        return evidence(self.captured)


class Tap:
    """The socket and the flows that are registered with it. Counters are since it was opened."""

    def __init__(self, interface: str = "") -> None:
        """Open the tap on one interface, or on all of them.

        Raises:
            LinkUnusable: no CAP_NET_RAW, or no such interface.
        """
        self._flows: dict[tuple[int, int], Flow] = {}
        self._drops = 0
        self.heard = 0
        """Packets that the kernel's filter let through and we read."""
        self.strange = 0
        """Among them, packets of no registered flow: dropped unread."""
        self.muted = 0
        """Flows that were no longer listened to because they flooded."""
        self._muted: list[int] = []
        self.writer: BinaryIO | None = None
        """Where whole packets of every registered flow go (``once --pcap``); None: nowhere."""
        self._socket, self._ring = _open(interface)

    def fileno(self) -> int:
        """Return the descriptor to select on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Stop hearing."""
        self._ring.close()
        self._socket.close()
        self._flows.clear()

    def open(
        self,
        protocol: int,
        port: int,
        remote: bytes,
        remote_port: int,
        heard: Heard | None = None,
        share: Share | None = None,
    ) -> Flow:
        """Register a flow before its first packet leaves. ``remote`` is packed; a later flow takes over the port."""
        flow = Flow(protocol, port, remote, remote_port, heard)
        flow.share = share or flow.share
        self._flows[protocol, port] = flow
        if port in self._muted:
            self._muted.remove(port)
            _attach(self._socket, bpf.program(ports.FIRST, ports.LAST, tuple(self._muted)))
        return flow

    def forget(self, flow: Flow) -> None:
        """Stop recording a flow; what it holds stays readable."""
        flow.heard = None
        if self._flows.get((flow.protocol, flow.port)) is flow:
            del self._flows[flow.protocol, flow.port]

    def drain(self, most: int = _MOST_AT_ONCE) -> None:
        """Read what the kernel holds for us, at most ``most`` packets: a flood must not hold us for ever."""
        take = self._ring.take
        for _ in range(most):
            frame = take()
            if frame is None:
                return
            self.heard += 1
            self._sort(frame)

    def turn(self, _events: int = 0) -> None:
        """Read a share: what a selector calls."""
        before = self.heard
        self.drain(_MOST_PER_TURN)
        if self.heard == before:
            # Ready without a packet: the interface went down. Asking clears the error, or it would wake us for ever.
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def drops(self) -> int:
        """Packets that the kernel had no room for, since the tap was opened (the counter clears itself when read)."""
        with contextlib.suppress(OSError):
            _, dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
            self._drops += dropped
        return self._drops

    def _sort(self, frame: Frame) -> None:
        """Give a packet to its flow."""
        flow = self._flow_of(frame.data, out=frame.out)
        if flow is None:
            self.strange += 1
            return
        # Behind a bridge or a tunnel one packet passes several interfaces: the first one that a flow uses counts.
        if flow.interface != frame.interface:
            if flow.interface:
                return
            flow.interface = frame.interface
        packet = Captured(frame.t_ns, frame.out, frame.data)
        if not flow.secret and (self.writer is not None or flow.writer is not None):
            self._write(flow, packet)
        flow.take(packet, frame.size)
        if flow.share.full:
            self._mute(flow)

    def _mute(self, flow: Flow) -> None:
        """Stop listening to a flow that floods: the kernel drops its packets, so that they crowd out nobody else's."""
        if self._flows.get((flow.protocol, flow.port)) is not flow or flow.port in self._muted:
            return
        self.muted += 1
        self._muted.append(flow.port)
        del self._muted[: -bpf.MOST_MUTED]
        _attach(self._socket, bpf.program(ports.FIRST, ports.LAST, tuple(self._muted)))

    def _write(self, flow: Flow, packet: Captured) -> None:
        """Put a packet into the capture files."""
        for writer in (self.writer, flow.writer):
            if writer is not None:
                writer.write(pcap.record(packet.t_ns, packet.data))

    def _flow_of(self, data: bytes, *, out: bool) -> Flow | None:
        """Find the registered flow that a packet belongs to, or that it quotes."""
        length = len(data)
        if length < _LEAST:
            return None
        if data[0] >> 4 == 4:
            start, protocol = (data[0] & 15) * 4, data[9]
            remote_at, size = (16 if out else 12), 4
        else:
            start, protocol = 40, data[6]
            remote_at, size = (24 if out else 8), 16
        if length < start + 8:
            return None
        quoted = False
        if protocol in {ICMP, ICMPV6} and not out and data[start] not in {0, 129}:
            quoted = True
            inner = start + 8
            if length < inner + (28 if size == 4 else 48):
                return None
            protocol = data[inner + (9 if size == 4 else 6)]
            remote_at = inner + (16 if size == 4 else 24)
            start = inner + (20 if size == 4 else 40)
        if protocol in {TCP, UDP}:
            port, remote_port = _PORTS.unpack_from(data, start)
            if not (out or quoted):
                port, remote_port = remote_port, port
        else:
            port, remote_port = data[start + 4] << 8 | data[start + 5], 0
        flow = self._flows.get((protocol, port))
        if flow is None or flow.remote_port != remote_port or data[remote_at : remote_at + size] != flow.remote:
            return None
        return flow


def _open(interface: str) -> tuple[socket.socket, Ring]:
    """Open and prepare the socket and its ring.

    The filter is attached before the socket is bound, so that it never holds a stranger's packet.
    """
    try:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    except PermissionError:
        raise LinkUnusable(
            "no right to capture packets: start as a service with AmbientCapabilities=CAP_NET_RAW, or with sudo"
        ) from None
    try:
        tap.setblocking(False)
        program = bpf.program(ports.FIRST, ports.LAST)
        _attach(tap, program)
        # The ring's own times are those of the packet on its way only where the kernel was asked to stamp packets.
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        ring = Ring(tap)
        _bind(tap, socket.if_nametoindex(interface) if interface else 0)
    except LinkUnusable:
        tap.close()
        raise
    except OSError as error:
        tap.close()
        raise LinkUnusable(
            f"cannot listen on {interface or 'this machine'}: {error.strerror}; name another [network] interface"
        ) from None
    return tap, ring


def _bind(tap: socket.socket, index: int) -> None:
    """Begin to hear one interface, or all of them (index 0, which the socket module's bind does not know)."""
    address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(_ETH_P_ALL), index, 0, 0, 0, b"")
    if ctypes.CDLL(None, use_errno=True).bind(tap.fileno(), address, len(address)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _attach(tap: socket.socket, program: bytes) -> None:
    """Attach a classic BPF program (struct sock_fprog holds a pointer to it)."""
    code = ctypes.create_string_buffer(program, len(program))
    tap.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program) // 8, ctypes.addressof(code)))
