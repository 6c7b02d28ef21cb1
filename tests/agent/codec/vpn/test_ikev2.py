"""IKEv2's messages as scapy reads them, which shares no code with ours."""

from __future__ import annotations

import pytest
from scapy.contrib import ikev2 as theirs

from balise_agent.codec.vpn.ikev2 import IkeV2

VPN = IkeV2()
MARK = VPN.mark(b"tokentok", 5)
INIT = VPN.answer(MARK, 0)


@pytest.mark.parametrize(
    ("data", "kind", "number", "response"),
    [
        (VPN.ask(MARK, 0, ())[0], 34, 0, False),
        (INIT, 34, 0, True),
        (VPN.ask(MARK, 1, (INIT,))[0], 35, 1, False),
        (VPN.answer(MARK, 1), 35, 1, True),
    ],
)
def test_the_header(data: bytes, kind: int, number: int, response: bool) -> None:
    """Cookies, version, exchange, flags, number and length (RFC 7296 3.1)."""
    read = theirs.IKEv2(data)
    assert (read.init_SPI, read.version, read.exch_type, read.id, read.length) == (MARK, 0x20, kind, number, len(data))
    assert bool(read.flags.Response) is response
    assert bool(read.flags.Initiator) is not response
    assert (read.resp_SPI == bytes(8)) is (kind == 34 and not response)


@pytest.mark.parametrize("data", [VPN.ask(MARK, 0, ())[0], INIT])
def test_the_first_exchange_offers_a_suite_a_share_and_a_nonce(data: bytes) -> None:
    """One proposal of four transforms, the 2048-bit group, and a nonce of at least sixteen bytes (2.10)."""
    read = theirs.IKEv2(data)
    assert read[theirs.IKEv2_Proposal].trans_nb == 4
    assert (read[theirs.IKEv2_SA].length, read[theirs.IKEv2_Proposal].length) == (48, 44)
    assert read[theirs.IKEv2_KE].group == 14
    assert len(read[theirs.IKEv2_KE].ke) == 256
    assert 16 <= len(read[theirs.IKEv2_Nonce].nonce) <= 256


def test_no_answer_is_longer_than_what_it_answers() -> None:
    """It amplifies nothing."""
    assert all(answer <= sent[-1] for sent, answer in VPN.rounds)


def test_what_is_cut_short_is_no_answer() -> None:
    """Nor what says another length."""
    assert VPN.accepts(MARK, 0, INIT)
    assert not VPN.accepts(MARK, 0, INIT[:-1])
    assert not VPN.accepts(MARK, 0, INIT[:20])
    assert not VPN.accepts(MARK, 1, INIT)
