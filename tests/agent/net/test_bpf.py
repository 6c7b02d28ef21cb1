"""The kernel filter, run by a small interpreter over packets that scapy made (linux/filter.h is the specification)."""

from __future__ import annotations

import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6TimeExceeded,
    IPv6,
)
from scapy.layers.l2 import ARP

from balise_agent.net import bpf, ports

HOST, BROADCAST, OTHER, OUT = 0, 1, 3, 4
OURS, KERNEL, THEIRS = 61007, 62007, 40000
PROGRAM = bpf.program(ports.FIRST, ports.LAST)
MUTED = tuple(range(OURS, OURS + 2 * bpf.MOST_MUTED, 2))


def admitted(packet: bytes, kind: int, program: bytes = PROGRAM) -> int:
    """Run the filter as the kernel would; a load beyond the packet ends it with 0."""
    accumulator = index = at = 0
    while True:
        code, when_true, when_false, k = struct.unpack_from("HBBI", program, at * 8)
        at += 1
        if code == 0x06:
            return int(k)
        if code == 0xB1:
            index = (packet[k] & 15) * 4
        elif code == 0x54:
            accumulator &= k
        elif code & 7 == 5:
            test = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k, 0x45: accumulator & k}[code]
            at += when_true if test else when_false
        elif k >= 0xFFFFF000:
            accumulator = kind
        else:
            size = {0x20: 4, 0x28: 2, 0x30: 1, 0x48: 2, 0x50: 1}[code]
            offset = k + (index if code & 0x40 else 0)
            if offset + size > len(packet):
                return 0
            accumulator = int.from_bytes(packet[offset : offset + size], "big")


@pytest.mark.parametrize("muted", [(), MUTED, tuple(range(61000, 61100))])
def test_the_filter_fits_the_kernel(muted: tuple[int, ...]) -> None:
    """Every jump lands inside, forwards, within the eight bits that an instruction has; 4096 instructions at most."""
    program = bpf.program(ports.FIRST, ports.LAST, muted)
    assert len(program) % 8 == 0
    count = len(program) // 8
    assert count < 256
    for at in range(count):
        _, when_true, when_false, _ = struct.unpack_from("HBBI", program, at * 8)
        assert at + 1 + max(when_true, when_false) < count or at == count - 1


@pytest.mark.parametrize("network", [IP(), IPv6(src="2001:db8::1", dst="2001:db8::2")])
@pytest.mark.parametrize("layer", [TCP, UDP])
@pytest.mark.parametrize("port", [OURS, KERNEL, ports.FIRST, ports.LAST])
def test_our_ports_pass_in_their_direction(network: IP | IPv6, layer: type, port: int) -> None:
    """What leaves from a port of ours passes, and what comes to one: so loopback's two copies are one."""
    leaving, coming = bytes(network / layer(sport=port, dport=443)), bytes(network / layer(sport=443, dport=port))
    assert admitted(leaving, OUT)
    assert admitted(coming, HOST)
    assert not admitted(leaving, HOST)
    assert not admitted(coming, OUT)


@pytest.mark.parametrize("network", [IP(), IPv6(src="2001:db8::1", dst="2001:db8::2")])
@pytest.mark.parametrize("port", [THEIRS, ports.FIRST - 1, ports.LAST + 1])
@pytest.mark.parametrize("kind", [HOST, OUT])
def test_strangers_do_not_pass(network: IP | IPv6, port: int, kind: int) -> None:
    """The rest of the machine's traffic is never copied to us."""
    assert not admitted(bytes(network / TCP(sport=port, dport=443)), kind)
    assert not admitted(bytes(network / TCP(sport=443, dport=port)), kind)


@pytest.mark.parametrize("network", [IP(), IPv6(src="2001:db8::1", dst="2001:db8::2")])
@pytest.mark.parametrize("layer", [TCP, UDP])
def test_muted_ports_are_left_out(network: IP | IPv6, layer: type) -> None:
    """A flow that floods is dropped in the kernel; the ports beside it are heard as ever."""
    program = bpf.program(ports.FIRST, ports.LAST, MUTED)
    for port in MUTED:
        assert not admitted(bytes(network / layer(sport=53, dport=port)), HOST, program)
        assert not admitted(bytes(network / layer(sport=port, dport=53)), OUT, program)
        assert admitted(bytes(network / layer(sport=53, dport=port + 1)), HOST, program)
    assert not admitted(bytes(IP() / ICMP(type=3, code=3) / IP() / UDP(sport=OURS, dport=53)), HOST, program)


def test_the_last_muted_ports_count() -> None:
    """More than fit are not muted: the longest silent ones are heard again."""
    program = bpf.program(ports.FIRST, ports.LAST, (61001, *MUTED))
    assert admitted(bytes(IP() / UDP(sport=53, dport=61001)), HOST, program)
    assert not admitted(bytes(IP() / UDP(sport=53, dport=MUTED[-1])), HOST, program)


@pytest.mark.parametrize("kind", [BROADCAST, OTHER])
def test_packets_for_others_do_not_pass(kind: int) -> None:
    """Broadcasts, and what another program's promiscuous mode lets in, stay out."""
    assert not admitted(bytes(IP() / TCP(sport=443, dport=OURS)), kind)


@pytest.mark.parametrize(
    ("packet", "kind", "passes"),
    [
        (IP() / ICMP(type=8, id=OURS), OUT, True),
        (IP() / ICMP(type=0, id=OURS), HOST, True),
        (IP() / ICMP(type=8, id=OURS), HOST, False),
        (IP() / ICMP(type=0, id=THEIRS), HOST, False),
        (IP() / ICMP(type=3, code=13) / IP() / TCP(sport=KERNEL, dport=443), HOST, True),
        (IP() / ICMP(type=11) / IP() / UDP(sport=KERNEL, dport=53), HOST, True),
        (IP() / ICMP(type=11) / IP() / ICMP(type=8, id=OURS), HOST, True),
        (IP() / ICMP(type=3, code=3) / IP() / UDP(sport=THEIRS, dport=53), HOST, False),
        (IP() / ICMP(type=3, code=3) / IP() / UDP(sport=53, dport=OURS), HOST, False),
        (IP() / ICMP(type=3, code=13) / IP() / TCP(sport=KERNEL, dport=443), OUT, False),
        (IP() / ICMP(type=5) / IP() / TCP(sport=KERNEL, dport=443), HOST, False),
        (IPv6() / ICMPv6EchoRequest(id=OURS), OUT, True),
        (IPv6() / ICMPv6EchoReply(id=OURS), HOST, True),
        (IPv6() / ICMPv6EchoReply(id=THEIRS), HOST, False),
        (IPv6() / ICMPv6TimeExceeded() / IPv6() / TCP(sport=KERNEL, dport=443), HOST, True),
        (IPv6() / ICMPv6DestUnreach(code=4) / IPv6() / UDP(sport=KERNEL, dport=53), HOST, True),
        (IPv6() / ICMPv6DestUnreach() / IPv6() / TCP(sport=THEIRS, dport=443), HOST, False),
        (IPv6() / ICMPv6TimeExceeded() / IPv6() / ICMPv6EchoRequest(id=OURS), HOST, True),
        (IPv6() / ICMPv6ND_NS(), HOST, False),
        (ARP(), HOST, False),
        (IP(options=b"\x01\x01\x01\x00") / TCP(sport=443, dport=OURS), HOST, True),
    ],
)
def test_icmp_passes_where_it_is_about_us(packet: IP | IPv6 | ARP, kind: int, passes: bool) -> None:
    """Echoes with our identifier and errors that quote a packet of ours pass; redirects, discovery and ARP do not."""
    assert bool(admitted(bytes(packet), kind)) is passes


def test_later_fragments_do_not_pass() -> None:
    """Only a first fragment has ports; bytes of a later one must not be taken for them."""
    first, *later = fragment(IP() / UDP(sport=53, dport=OURS) / (OURS.to_bytes(2, "big") * 1000), fragsize=504)
    assert admitted(bytes(first), HOST)
    assert not any(admitted(bytes(one), HOST) for one in later)


@pytest.mark.parametrize("length", range(60))
def test_cut_packets_end_quietly(length: int) -> None:
    """A packet that ends too early is refused by the kernel's own bounds check."""
    whole = bytes(IP() / ICMP(type=3) / IP() / TCP(sport=KERNEL))
    assert not admitted(whole[:length], HOST) or length >= 50
