"""The net layer's tables and files: failures, ports, resolvers, routes, ARP. No network."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.net import classify
from balise_agent.net.classify import detail_of, failure_of, tls_failure
from balise_agent.net.context import PacketIds, packed
from balise_agent.net.gateway import arp_request, is_arp_reply
from balise_agent.net.ports import PortPool
from balise_agent.net.resolvers import Habits, Resolvers, nameservers
from balise_agent.net.routes import Gateway, default_gateway, interface_towards, is_tunnel, sockaddr
from balise_agent.system.errors import LinkUnusable
from balise_wire.evidence import Direction, Packet
from balise_wire.failures import Failure


def failing(code: int) -> OSError:
    """Make the error that a socket raises."""
    return OSError(code, os.strerror(code))


def icmp(kind: str) -> Packet:
    """Make the record of an ICMP error."""
    return Packet(t_us=1, direction=Direction.IN, protocol="icmp", icmp=kind, hop="198.18.1.2")


# --- classify ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "heard", "failure"),
    [
        (errno.ECONNREFUSED, (), Failure.CONNECTION_REFUSED),
        (errno.ECONNRESET, (), Failure.CONNECTION_RESET),
        (errno.EPIPE, (), Failure.CONNECTION_RESET),
        (errno.ECONNABORTED, (), Failure.CONNECTION_ABORTED),
        (errno.ETIMEDOUT, (), Failure.GENERIC_TIMEOUT),
        (errno.EHOSTUNREACH, (), Failure.HOST_UNREACHABLE),
        (errno.EHOSTUNREACH, ("3/1",), Failure.HOST_UNREACHABLE),
        (errno.EHOSTUNREACH, ("3/13",), Failure.ICMP_ADMIN_PROHIBITED),
        (errno.ENETUNREACH, ("3/9",), Failure.ICMP_ADMIN_PROHIBITED),
        (errno.EHOSTUNREACH, ("1/1",), Failure.ICMP_ADMIN_PROHIBITED),
        (errno.ETIMEDOUT, ("3/10",), Failure.ICMP_ADMIN_PROHIBITED),
        (errno.ENETUNREACH, (), Failure.NETWORK_UNREACHABLE),
        (errno.ENETDOWN, (), Failure.NETWORK_DOWN),
        (errno.EAFNOSUPPORT, (), Failure.ADDRESS_FAMILY_NOT_SUPPORTED),
        (errno.ECONNRESET, ("3/13",), Failure.CONNECTION_RESET),
    ],
)
def test_every_errno_has_its_word(code: int, heard: tuple[str, ...], failure: Failure) -> None:
    """The kernel's errno and the ICMP that caused it become one word of the closed vocabulary."""
    packets = tuple(icmp(kind) for kind in heard)
    assert failure_of(failing(code), packets) is failure
    assert detail_of(packets) == (f"icmp {heard[-1]}" if heard else "")


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOBUFS, errno.EPERM, errno.EACCES, errno.EAGAIN])
def test_our_own_troubles_are_no_data(code: int) -> None:
    """Too few descriptors, or a firewall of this machine, is our failure: raised with its mend, never recorded."""
    with pytest.raises(LinkUnusable):
        failure_of(failing(code))


WORDLESS = sorted(set(errno.errorcode) - set(classify._BY_ERRNO))


@pytest.mark.parametrize("code", [*WORDLESS, 0, 9999])
def test_an_errno_without_a_word_is_ours(code: int) -> None:
    """What no network is known to cause (EIO, EAGAIN, ENODEV) is never told as the network's: no "unknown" failure."""
    with pytest.raises(LinkUnusable):
        failure_of(failing(code))
    with pytest.raises(LinkUnusable):
        failure_of(OSError("without a number"))


@pytest.mark.parametrize(
    ("reason", "failure", "detail"),
    [
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", Failure.TLS_ALERT, "alert 40"),
        ("TLSV1_ALERT_INTERNAL_ERROR", Failure.TLS_ALERT, "alert 80"),
        ("TLSV1_UNRECOGNIZED_NAME", Failure.TLS_ALERT, "alert 112"),
        ("TLSV1_ALERT_ACCESS_DENIED", Failure.TLS_ALERT, "alert 49"),
        ("SSLV3_ALERT_UNEXPECTED_MESSAGE", Failure.TLS_ALERT, "alert 10"),
        ("WRONG_VERSION_NUMBER", Failure.TLS_MALFORMED, "wrong_version_number"),
        ("UNEXPECTED_MESSAGE", Failure.TLS_MALFORMED, "unexpected_message"),
        ("DH_KEY_TOO_SMALL", Failure.SSL_FAILED_HANDSHAKE, "dh_key_too_small"),
    ],
)
def test_openssls_reasons_have_their_word(reason: str, failure: Failure, detail: str) -> None:
    """An alert of the server's, nonsense instead of TLS, and a disagreement are three different things."""
    error = ssl.SSLError(1, "message")
    error.reason = reason
    assert tls_failure(error) == (failure, detail)
    assert failure_of(error) is failure


def test_a_stream_that_ends_is_no_tls_error() -> None:
    """The end of the stream in the middle of a handshake is ``eof_error``."""
    assert tls_failure(ssl.SSLEOFError(8, "eof"))[0] is Failure.EOF


# --- ports and chance -------------------------------------------------------------------------------------------------


def test_ports_come_back_as_late_as_possible() -> None:
    """A port given back is taken again only when the whole range was used, and never while it is held."""
    pool = PortPool(range(10, 14), 2)
    assert [pool.take(), pool.take(), pool.take()] == [12, 13, 10]
    pool.give(12)
    assert pool.take(12) == 12
    pool.give(12)
    assert [pool.take(13), pool.take(99)] == [11, 12]
    with pytest.raises(LinkUnusable, match="all 4 source ports"):
        pool.take()


@given(seed=st.binary(min_size=8, max_size=8), bound=st.integers(1, 1 << 32))
def test_chance_stays_below_its_bound(seed: bytes, bound: int) -> None:
    """Numbers fit the fields they are for, and one seed gives one stream."""
    one, other = PacketIds(seed), PacketIds(seed)
    numbers = [one.below(bound) for _ in range(20)]
    assert all(0 <= number < bound for number in numbers)
    assert numbers == [other.below(bound) for _ in range(20)]


def test_addresses_are_packed_as_headers_have_them() -> None:
    """Both families, and a scope is no part of the address."""
    assert packed("198.18.0.1") == bytes([198, 18, 0, 1])
    assert packed("fe80::1%eth0") == socket.inet_pton(socket.AF_INET6, "fe80::1")


# --- resolvers --------------------------------------------------------------------------------------------------------


def test_name_servers_are_read_like_the_c_library_does() -> None:
    """Comments, other keywords, rubbish and repeats are passed over."""
    text = "# nameserver 1.1.1.1\nsearch home\nnameserver 192.0.2.1\nnameserver\nnameserver x\nnameserver 192.0.2.1\n"
    assert nameservers(text + "nameserver 2001:db8::53\n") == ("192.0.2.1", "2001:db8::53")


def test_a_local_stub_is_looked_behind(tmp_path: Path) -> None:
    """Where resolv.conf names systemd's stub, the resolvers that it learned are asked instead."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 127.0.0.53\n")
    resolvers = Resolvers(root=tmp_path)
    assert resolvers.addresses() == ("127.0.0.53",)
    (tmp_path / "run/systemd/resolve").mkdir(parents=True)
    (tmp_path / "run/systemd/resolve/resolv.conf").write_text("nameserver 192.0.2.7\n")
    assert resolvers.addresses() == ("192.0.2.7",)


def test_a_new_lease_is_noticed(tmp_path: Path) -> None:
    """A changed resolv.conf counts at the next question; a vanished one leaves nobody to ask."""
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc/resolv.conf"
    path.write_text("nameserver 192.0.2.1\n")
    resolvers = Resolvers(root=tmp_path)
    assert resolvers.addresses() == ("192.0.2.1",)
    path.write_text("nameserver 192.0.2.2\n")
    os.utime(path, ns=(1, 1))
    assert resolvers.addresses() == ("192.0.2.2",)
    path.unlink()
    assert resolvers.addresses() == ()


def test_a_link_local_resolver_gets_its_zone(tmp_path: Path) -> None:
    """Routers announce themselves by fe80::1 (RFC 8106), and some systems write that without the interface."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver fe80::1\nnameserver fe80::2%wlan0\nnameserver 192.0.2.1\n")
    resolvers = Resolvers(root=tmp_path)
    assert resolvers.addresses() == ("fe80::1", "fe80::2%wlan0", "192.0.2.1")
    net = tmp_path / "proc/net"
    net.mkdir(parents=True)
    (net / "if_inet6").write_text(f"fe80{'0' * 27}1 02 40 20 80 wlan0\n")
    assert resolvers.addresses() == ("fe80::1%wlan0", "fe80::2%wlan0", "192.0.2.1")
    route = f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00000003 eth0\n"
    (net / "ipv6_route").write_text(route)
    assert resolvers.addresses()[0] == "fe80::1%eth0"
    assert Resolvers(("fe80::9",), root=tmp_path).addresses() == ("fe80::9%eth0",)


HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


@pytest.mark.parametrize(
    ("routes", "interface"),
    [
        ("", None),
        ("eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0", "eth0"),
        ("wg0 00000000 00000000 0001 0 0 0 00000080 0 0 0", "wg0"),
        ("wg0 00000080 00000000 0001 0 0 0 00000080 0 0 0", None),
        ("* 00000000 00000000 0201 0 0 0 00000000 0 0 0", ""),
        ("* 00000000 00000000 0201 0 0 99 00000000 0 0 0|eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0", "eth0"),
        ("* 00000000 00000000 0201 0 0 0 00000080 0 0 0|eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0", ""),
    ],
)
def test_the_longest_route_wins_and_may_refuse(tmp_path: Path, routes: str, interface: str | None) -> None:
    """Halves before the default, and a blackhole is a route that leads nowhere."""
    (tmp_path / "route").write_text(
        HEAD + "".join(line.replace(" ", "\t") + "\n" for line in routes.split("|") if line)
    )
    assert interface_towards("9.9.9.9", tmp_path) == interface
    unreachable = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200 lo\n"
    (tmp_path / "ipv6_route").write_text(unreachable)
    assert interface_towards("2620:fe::fe", tmp_path) == ""


def test_a_phone_is_a_line_and_a_vpn_is_none(tmp_path: Path) -> None:
    """PPP and modems have no broadcast either; what tells a tunnel is its kind."""
    for name, kind, event in (
        ("wg0", "65534", "DEVTYPE=wireguard"),
        ("wwan0", "65534", "DEVTYPE=wwan"),
        ("ppp0", "512", "DEVTYPE=ppp"),
        ("eth0", "1", ""),
        ("sit1", "776", ""),
        ("tap0", "1", ""),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "type").write_text(f"{kind}\n")
        (tmp_path / name / "uevent").write_text(f"{event}\nINTERFACE={name}\n")
    (tmp_path / "tap0/tun_flags").write_text("0x1002\n")
    assert {path.name for path in tmp_path.iterdir() if is_tunnel(path.name, tmp_path)} == {"wg0", "sit1", "tap0"}
    assert not is_tunnel("none", tmp_path)


def test_a_zone_is_told_to_the_kernel_as_a_number() -> None:
    """As text it would be dropped; a zone that is none, or a missing one, is no way, and no failure of ours."""
    loopback = socket.if_nametoindex("lo")
    assert sockaddr("fe80::1%lo", 53) == ("fe80::1", 53, 0, loopback)
    assert sockaddr(f"fe80::1%{loopback}", 53) == ("fe80::1", 53, 0, loopback)
    assert sockaddr("2001:db8::1", 53) == ("2001:db8::1", 53)
    assert sockaddr("192.0.2.1", 53) == ("192.0.2.1", 53)
    for address in ("fe80::1", "fe80::1%nowhere"):
        with pytest.raises(OSError, match="no way") as raised:
            sockaddr(address, 53)
        assert failure_of(raised.value) is Failure.NETWORK_UNREACHABLE


def test_who_does_without_edns_is_remembered_for_an_hour() -> None:
    """Another network may have another router at the same address."""
    habits = Habits()
    habits.note_no_edns("192.168.1.1", 1000.0)
    assert [habits.refuses_edns("192.168.1.1", at) for at in (1000.0, 4599.0, 4601.0)] == [True, True, False]
    assert not habits.refuses_edns("192.168.1.2", 1000.0)


def test_configured_resolvers_win(tmp_path: Path) -> None:
    """What the operator wrote is asked, whatever the system says."""
    assert Resolvers(("192.0.2.9",), root=tmp_path).addresses() == ("192.0.2.9",)


# --- routes and the gateway -------------------------------------------------------------------------------------------

ROUTE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""
ROUTE6 = (
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
    "20010db8000100000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
)


@pytest.mark.parametrize(
    ("route", "route6", "interface", "gateway"),
    [
        (ROUTE, "", "", Gateway("192.168.0.1", "eth0")),
        (ROUTE, "", "wlan0", Gateway("192.168.1.1", "wlan0")),
        (ROUTE, "", "wwan0", None),
        ("", ROUTE6, "", Gateway("fe80::1", "eth0")),
        (ROUTE, ROUTE6, "", Gateway("192.168.0.1", "eth0")),
        ("", "", "", None),
        ("garbage\n", "garbage too\n", "", None),
    ],
)
def test_the_default_gateway_is_the_least_metric(
    tmp_path: Path, route: str, route6: str, interface: str, gateway: Gateway | None
) -> None:
    """The kernel's tables are read: least metric, IPv4 before IPv6, only the configured interface."""
    (tmp_path / "route").write_text(route)
    (tmp_path / "ipv6_route").write_text(route6)
    assert default_gateway(interface, tmp_path) == gateway


def test_an_arp_question_and_its_answer() -> None:
    """RFC 826: the question names both protocol addresses; only the target's own reply is an answer."""
    source, target = bytes([192, 0, 2, 7]), bytes([192, 0, 2, 1])
    question = arp_request(b"\2\0\0\0\0\7", source, target)
    assert (len(question), question[6:8], question[14:18], question[24:28]) == (28, b"\0\1", source, target)
    reply = b"\0\1\x08\0\6\4\0\2" + b"\2\0\0\0\0\1" + target + b"\2\0\0\0\0\7" + source
    assert is_arp_reply(reply + bytes(18), target)
    assert not is_arp_reply(reply, source)
    assert not is_arp_reply(question, source)
    assert not is_arp_reply(reply[:20], target)
