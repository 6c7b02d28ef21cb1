"""The crafted packets, with scapy as the oracle of every field and checksum."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6TimeExceeded, IPv6

from balise_agent.codec import packets
from balise_agent.codec.packets import IPV4, TEMPLATES, Kind, checksum

V4 = (socket.inet_aton("198.18.1.1"), socket.inet_aton("203.0.113.9"))
V6 = (socket.inet_pton(socket.AF_INET6, "2001:db8::1"), socket.inet_pton(socket.AF_INET6, "2001:db8:ffff::9"))

half = st.integers(0, 0xFFFF)
word = st.integers(0, 0xFFFFFFFF)
octet = st.integers(1, 255)


def parsed(data: bytes) -> IP | IPv6:
    """Let scapy read a packet."""
    return IP(data) if data[0] >> 4 == 4 else IPv6(data)


def recomputed(data: bytes) -> bytes:
    """Let scapy compute all lengths and checksums anew."""
    packet = parsed(data)
    for layer, fields in ((IP, ("len", "chksum")), (IPv6, ("plen",)), (TCP, ("chksum",)), (ICMP, ("chksum",))):
        if layer in packet:
            for field in fields:
                delattr(packet[layer], field)
    if ICMPv6EchoRequest in packet:
        del packet[ICMPv6EchoRequest].cksum
    return bytes(packet)


def craft(kind: Kind, family: int) -> bytes:
    """Make a template with scapy; the probe does without it."""
    if family == IPV4:
        network = IP(src="0.0.0.0", dst="0.0.0.0", id=0, flags="DF", ttl=64)  # noqa: S104 - a field to be patched
    else:
        network = IPv6(src="::", dst="::", hlim=64)
    if kind is Kind.ECHO:
        echo = ICMP(type=8, id=0, seq=1) if family == IPV4 else ICMPv6EchoRequest(id=0, seq=1)
        return bytes(network / echo / bytes(32))
    options = [
        ("MSS", 1460 if family == IPV4 else 1440),
        ("SAckOK", b""),
        ("Timestamp", (0, 0)),
        ("NOP", None),
        ("WScale", 7),
    ]
    window = 64240 if family == IPV4 else 64800
    return bytes(network / TCP(sport=0, dport=0, seq=0, flags="S", window=window, options=options))


@pytest.mark.parametrize(("kind", "family"), list(TEMPLATES))
def test_the_kept_templates_are_what_scapy_crafts(kind: Kind, family: int) -> None:
    """The bytes in the source are scapy's, so that a probe need not load scapy to have them."""
    assert TEMPLATES[kind, family] == craft(kind, family)


@given(data=st.binary(min_size=1, max_size=99).filter(any))
def test_the_checksum_is_rfc_1071(data: bytes) -> None:
    """One division gives the same as adding words with end-around carry."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert checksum(data) == ~total & 0xFFFF


@pytest.mark.parametrize("addresses", [V4, V6])
@given(source_port=half, port=half, ttl=octet, sequence=word, ip_id=half, stamp=word)
def test_a_patched_syn_is_a_correct_syn(
    addresses: tuple[bytes, bytes], source_port: int, port: int, ttl: int, sequence: int, ip_id: int, stamp: int
) -> None:
    """Whatever is patched in, scapy reads it back and would compute the same checksums."""
    data = packets.syn(
        source=addresses[0],
        target=addresses[1],
        source_port=source_port,
        port=port,
        ttl=ttl,
        sequence=sequence,
        ip_id=ip_id,
        stamp=stamp,
    )
    assert recomputed(data) == data
    tcp = parsed(data)[TCP]
    assert (tcp.sport, tcp.dport, tcp.seq, str(tcp.flags)) == (source_port, port, sequence, "S")
    assert dict(tcp.options)["Timestamp"] == (stamp, 0)
    assert (parsed(data).ttl if len(addresses[0]) == 4 else parsed(data).hlim) == ttl


@pytest.mark.parametrize("addresses", [V4, V6])
@given(identifier=half, sequence=half, ttl=octet, ip_id=half)
def test_a_patched_echo_is_a_correct_echo(
    addresses: tuple[bytes, bytes], identifier: int, sequence: int, ttl: int, ip_id: int
) -> None:
    """Identifier and sequence arrive where scapy finds them, under a right checksum."""
    data = packets.echo(
        source=addresses[0], target=addresses[1], identifier=identifier, sequence=sequence, ttl=ttl, ip_id=ip_id
    )
    assert recomputed(data) == data
    echo = parsed(data)[ICMP if len(addresses[0]) == 4 else ICMPv6EchoRequest]
    assert (echo.id, echo.seq) == (identifier, sequence)


@pytest.mark.parametrize("addresses", [V4, V6])
@given(sequence=word, acknowledged=word, payload=st.binary(min_size=1, max_size=64), stamp=word)
def test_a_copied_segment_differs_only_where_it_should(
    addresses: tuple[bytes, bytes], sequence: int, acknowledged: int, payload: bytes, stamp: int
) -> None:
    """Addresses, ports, window and options are the kernel's; numbers, TTL and payload are ours; checksums are right."""
    options = [("NOP", None), ("NOP", None), ("Timestamp", (stamp, 77))]
    tcp = TCP(sport=62000, dport=443, flags="A", seq=1, ack=2, window=501, options=options)
    if len(addresses[0]) == 4:
        last = bytes(IP(src=socket.inet_ntoa(addresses[0]), dst=socket.inet_ntoa(addresses[1]), flags="DF") / tcp)
    else:
        last = bytes(IPv6(src="2001:db8::1", dst="2001:db8:ffff::9") / tcp)
    copy = packets.segment(last, sequence=sequence, acknowledged=acknowledged, ttl=3, ip_id=9, payload=payload)
    assert recomputed(copy) == copy
    seen = parsed(copy)[TCP]
    assert (seen.seq, seen.ack, str(seen.flags), bytes(seen.payload)) == (sequence, acknowledged, "PA", payload)
    assert (seen.sport, seen.dport, seen.window) == (62000, 443, 501 if len(addresses[0]) == 4 else 498)
    assert seen.options == options
    if len(addresses[0]) == 4:
        error = bytes(IP(src="192.0.2.7", dst="192.0.2.1") / ICMP(type=11)) + copy
        other = bytes(IP(src="192.0.2.7", dst="192.0.2.1") / ICMP(type=11)) + copy[:5] + b"\x0a" + copy[6:]
    else:
        error = bytes(IPv6(src="2001:db8::7", dst="2001:db8::1") / ICMPv6TimeExceeded()) + copy
        later = packets.segment(last, sequence=sequence, acknowledged=acknowledged, ttl=4, ip_id=9, payload=payload)
        other = bytes(IPv6(src="2001:db8::7", dst="2001:db8::1") / ICMPv6TimeExceeded()) + later
    assert packets.quotes(error, copy)
    assert not packets.quotes(other, copy)
    assert not packets.quotes(error[: len(error) - len(copy) + 27], copy)
