"""OpenVPN's control channel, field by field."""

from __future__ import annotations

from balise_agent.codec.vpn.openvpn import OpenVpn, OpenVpnTcp, hello

VPN = OpenVpn()
MARK = VPN.mark(b"tokentok", 5)
SERVER = VPN.answer(MARK, 0)
THEIRS = SERVER[1:9]


def test_the_client_begins_with_a_reset() -> None:
    """P_CONTROL_HARD_RESET_CLIENT_V2 (7), its session, nothing acknowledged, packet 0."""
    assert VPN.ask(MARK, 0, ()) == (b"\x38" + MARK + bytes(5),)


def test_the_server_answers_with_its_own() -> None:
    """P_CONTROL_HARD_RESET_SERVER_V2 (8): acknowledges packet 0 of our session, packet 0 of its own."""
    assert b"\x40" + THEIRS + b"\1" + bytes(4) + MARK + bytes(4) == SERVER
    assert THEIRS != MARK


def test_tls_is_inside_the_next_ones() -> None:
    """An acknowledgement (5) of the server's packet, then a control packet (4) with a ClientHello, and what follows."""
    ack, control = VPN.ask(MARK, 1, (SERVER,))
    assert ack == b"\x28" + MARK + b"\1" + bytes(4) + THEIRS
    assert control == b"\x20" + MARK + b"\0" + b"\0\0\0\1" + hello(MARK)
    back = VPN.answer(MARK, 1)
    assert back.startswith(b"\x20" + THEIRS + b"\1" + b"\0\0\0\1" + MARK + b"\0\0\0\1" + b"\x16\x03\x03\x00\x7a\x02")
    again, finished = VPN.ask(MARK, 2, (SERVER, back))
    assert again == b"\x28" + MARK + b"\1" + b"\0\0\0\1" + THEIRS
    assert finished.startswith(b"\x20" + MARK + b"\0" + b"\0\0\0\2" + b"\x14\x03\x03\x00\x01\x01\x17\x03\x03")
    assert VPN.answer(MARK, 2)[26:29] == b"\x17\x03\x03"


def test_the_records_end_where_they_say() -> None:
    """Each piece is whole records of TLS."""
    _, control = VPN.ask(MARK, 1, (SERVER,))
    _, finished = VPN.ask(MARK, 2, (SERVER, SERVER))
    for piece in (control[14:], finished[14:], VPN.answer(MARK, 1)[26:], VPN.answer(MARK, 2)[26:]):
        at = 0
        while at < len(piece):
            at += 5 + int.from_bytes(piece[at + 3 : at + 5])
        assert at == len(piece)


def test_an_answer_is_longer_than_its_request_by_a_resets_twelve_bytes_alone() -> None:
    """As the protocol has it; all else is no longer than what it answers."""
    assert [answer - sent[-1] for sent, answer in VPN.rounds] == [12, 0, 0]


def test_a_forger_does_not_know_our_session() -> None:
    """What acknowledges another session is no answer to us."""
    other = VPN.mark(b"tokentok", 6)
    assert not VPN.accepts(other, 1, VPN.answer(MARK, 1))
    assert not VPN.accepts(MARK, 0, b"\x40")
    assert not VPN.accepts(MARK, 1, b"")


def test_over_tcp_each_packet_stands_behind_its_length() -> None:
    """Two bytes, and the same packets as over UDP."""
    over_tcp, heard = OpenVpnTcp(), list[bytes]()
    for number in range(3):
        inside = [one[2:] for one in heard]
        asked, packets = over_tcp.ask(MARK, number, heard), VPN.ask(MARK, number, inside)
        assert [one[2:] for one in asked] == list(packets)
        heard.append(over_tcp.answer(MARK, number))
        assert heard[-1][2:] == VPN.answer(MARK, number)
        for one in (*asked, heard[-1]):
            assert int.from_bytes(one[:2]) == len(one) - 2
        assert not over_tcp.accepts(MARK, number, heard[-1][2:])
        assert not over_tcp.accepts(MARK, number, heard[-1] + b"\0")
