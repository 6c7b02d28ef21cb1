"""VPN protocols as the lab sees them agree with what the probe sends, of which it shares nothing."""

from __future__ import annotations

import itertools
import select
import socket
from pathlib import Path

import pytest

from balise_agent.codec import call, quic, stun
from balise_agent.codec.vpn.openvpn import OpenVpn, OpenVpnTcp
from balise_agent.codec.vpn.registry import HANDSHAKES
from balise_lab.vpn_packets import KNOWN, STREAMS, is_fully_encrypted, openvpn_packets
from balise_wire.experiments.call import CallShape
from balise_wire.experiments.vpn import EXEMPT, OVER_TCP, VpnProtocol, VpnShape
from tests.lab.openvpn_server import serving

OTHERS = (
    stun.binding(1), quic.initial("a.example", 1, shape=1), quic.noise(1), call.hello(1), b"",
    call.packet(b"tokentok", 4, 1, CallShape.VOICE, CallShape.NOISE),
)  # fmt: skip


def packets(protocol: VpnProtocol, shape: VpnShape, seed: int) -> list[bytes]:
    """Return every packet of a handshake, both ways."""
    handshake = HANDSHAKES[protocol, shape]
    mark, heard, found = handshake.mark(b"tokentok", seed), list[bytes](), list[bytes]()
    for number in range(len(handshake.rounds)):
        found += handshake.ask(mark, number, heard)
        heard.append(handshake.answer(mark, number))
    return [*found, *heard]


OVER_UDP = sorted(set(VpnProtocol.known()) - OVER_TCP)


@pytest.mark.parametrize("protocol", OVER_UDP)
def test_a_box_knows_a_protocol_by_its_form_alone(protocol: VpnProtocol) -> None:
    """The subject and no control, nor another protocol."""
    looks = KNOWN[protocol.value]
    for seed in range(60):
        assert looks(packets(protocol, VpnShape.PROTOCOL, seed)[0])
        for other in OVER_UDP:
            assert not any(looks(one) for one in packets(other, VpnShape.RANDOM, seed))
    assert not any(looks(one) for one in OTHERS)


def test_every_packet_of_openvpn_is_known() -> None:
    """Eight, both ways, so that a box may begin at any of them."""
    assert all(KNOWN["openvpn"](one) for one in packets(VpnProtocol.OPENVPN, VpnShape.PROTOCOL, 1))


def client_payloads(protocol: VpnProtocol, shape: VpnShape, seed: int) -> list[bytes]:
    """Return what the client says on a connection."""
    handshake = HANDSHAKES[protocol, shape]
    mark, heard, found = handshake.mark(b"over tcp", seed), list[bytes](), list[bytes]()
    for number in range(len(handshake.rounds)):
        found += handshake.ask(mark, number, heard)
        heard.append(handshake.answer(mark, number))
    return found


def test_openvpn_is_known_on_a_connection_as_soon_as_its_packets_are_whole() -> None:
    """Five of the client's, each by its length and opcode; and nothing that is no protocol's, at any byte."""
    for seed in range(30):
        said = b"".join(client_payloads(VpnProtocol.OPENVPN_TCP, VpnShape.PROTOCOL, seed))
        ends = list(itertools.accumulate((16, 24, 283, 24, 110)))
        assert [openvpn_packets(said[:end]) for end in ends] == [1, 2, 3, 4, 5]
        assert [STREAMS["openvpn_tcp"]([said[:end]], 2) for end in ends] == [False, False, True, True, True]
        assert [openvpn_packets(said[: end - 1]) for end in ends] == [0, 1, 2, 3, 4]
        other = b"".join(client_payloads(VpnProtocol.OPENVPN_TCP, VpnShape.FEW_ONES, seed))
        assert not any(STREAMS["openvpn_tcp"]([other[:end]], 0) for end in range(len(other) + 1))


@pytest.mark.parametrize("protocol", [VpnProtocol.FULLY_ENCRYPTED, VpnProtocol.OBFS4])
def test_what_is_random_is_known_and_what_is_exempt_is_not(protocol: VpnProtocol) -> None:
    """By the first payload alone, behind as many as are let pass."""
    for seed in range(30):
        first, second = (client_payloads(protocol, VpnShape.PROTOCOL, seed)[at] for at in (0, 1))
        assert is_fully_encrypted(first)
        assert STREAMS["fully_encrypted"]([first], 0)
        assert not STREAMS["fully_encrypted"]([first], 1)
        assert STREAMS["fully_encrypted"]([first, second], 1)
        for shape in EXEMPT:
            assert not is_fully_encrypted(client_payloads(protocol, shape, seed)[0]), shape
        for shape in (VpnShape.PROTOCOL, VpnShape.FEW_ONES):
            assert not is_fully_encrypted(client_payloads(VpnProtocol.OPENVPN_TCP, shape, seed)[0])


@pytest.mark.parametrize(
    ("payload", "known"),
    [
        (bytes(range(128, 228)), True), (b"", False), (b"\0" * 50, False), (b"\xff" * 50, False),
        (b"SSH-2." + bytes(range(128, 228)), False), (b"GET " + bytes(range(128, 228)), False),
        (b"\x17\3\x09" + bytes(range(128, 228)), False), (b"\x17\3\x0a" + bytes(range(128, 228)), True),
        (bytes(range(128, 228)) + b"a" * 20, True), (bytes(range(128, 228)) + b"a" * 21, False),
    ],
)  # fmt: skip
def test_the_rule_against_fully_encrypted_traffic(payload: bytes, known: bool) -> None:
    """Each exemption by itself."""
    assert is_fully_encrypted(payload) is known


@pytest.mark.lab
def test_openvpn_itself_goes_on_to_tls_with_us_over_tcp(tmp_path: Path) -> None:
    """Two of our rounds on one connection: what we write over TCP is OpenVPN's."""
    handshake, heard = OpenVpnTcp(), list[bytes]()
    mark = handshake.mark(b"over tcp", 5)
    with serving(tmp_path, tcp=True) as port, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as talk:
        talk.settimeout(10.0)
        # It says that it listens before it does.
        while talk.connect_ex(("127.0.0.1", port)) != 0:
            select.select([], [], [], 0.05)
        for number in (0, 1):
            for data in handshake.ask(mark, number, heard):
                talk.sendall(data)
            while len(heard) == number:
                size = int.from_bytes(exactly(talk, 2))
                data = size.to_bytes(2) + exactly(talk, size)
                heard += [data] if handshake.accepts(mark, number, data) else []
    assert b"\x16\x03\x03" in heard[1][16:42]


def exactly(talk: socket.socket, size: int) -> bytes:
    """Read so many bytes."""
    found = b""
    while len(found) < size:
        more = talk.recv(size - len(found))
        assert more, "OpenVPN hung up"
        found += more
    return found


@pytest.mark.lab
def test_openvpn_itself_goes_on_to_tls_with_us(tmp_path: Path) -> None:
    """It answers our reset with its own, and our ClientHello with a ServerHello: the handshake is OpenVPN's."""
    handshake = OpenVpn()
    mark = handshake.mark(b"tokentok", 5)
    with serving(tmp_path) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.connect(("127.0.0.1", port))
        reset = answer(talk, handshake, mark, 0, ())
        hello = answer(talk, handshake, mark, 1, (reset,))
    assert b"\x16\x03\x03" in hello[14:40]


def answer(
    talk: socket.socket, handshake: OpenVpn, mark: bytes, number: int, heard: tuple[bytes, ...], tries: int = 10
) -> bytes:
    """Send what a round sends, again while nothing comes, and return its answer."""
    talk.settimeout(1.0)
    for _ in range(tries):
        try:
            for data in handshake.ask(mark, number, heard):
                talk.send(data)
            for _ in range(8):
                data = talk.recv(2048)
                if handshake.accepts(mark, number, data):
                    return data
        except OSError:
            continue
    raise AssertionError(f"OpenVPN did not answer round {number}")
