"""WireGuard's messages, field by field."""

from __future__ import annotations

from balise_agent.codec.vpn.wireguard import WireGuard

VPN = WireGuard()
MARK = VPN.mark(b"tokentok", 5)


def test_the_initiation_and_its_response() -> None:
    """148 and 92 bytes: types 1 and 2, indices that answer each other, and no cookie."""
    (initiation,) = VPN.ask(MARK, 0, ())
    response = VPN.answer(MARK, 0)
    assert (len(initiation), initiation[:8], initiation[132:]) == (148, b"\1\0\0\0" + MARK[:4], bytes(16))
    assert (len(response), response[:4], response[8:12], response[76:]) == (92, b"\2\0\0\0", MARK[:4], bytes(16))


def test_the_first_data_packets_are_empty() -> None:
    """Type 4, the other's index, counter 0, and a seal of sixteen bytes."""
    response = VPN.answer(MARK, 0)
    (data,) = VPN.ask(MARK, 1, (response,))
    back = VPN.answer(MARK, 1)
    assert (len(data), data[:16]) == (32, b"\4\0\0\0" + response[4:8] + bytes(8))
    assert (len(back), back[:16]) == (32, b"\4\0\0\0" + MARK[:4] + bytes(8))


def test_no_answer_is_longer_than_what_it_answers() -> None:
    """It amplifies nothing."""
    assert all(answer <= sent[-1] for sent, answer in VPN.rounds)
