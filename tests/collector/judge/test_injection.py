"""The injection score: subject minus control, capped, and void where a proxy stands near by."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.judge.injection import (
    FORGED,
    MOST,
    Sign,
    injection_score,
    series_score,
    weighed,
)
from tests.testbed.cases import Case


def _flow(case: Case, *ending: Any, synack_at: int = 40_000, **synack: Any) -> tuple[Any, ...]:
    return (
        case.packet(0, "out", "S"),
        case.packet(synack_at, "in", "SA", **synack),
        case.packet(synack_at + 50, "out", "A", seq=1),
        case.packet(synack_at + 100, "out", "PA", length=517, seq=1),
        *ending,
    )


def _answered(case: Case, **changes: Any) -> tuple[Any, ...]:
    return _flow(case, case.packet(81_000, "in", "PA", length=1400, seq=1, **changes))


def test_a_reset_unlike_the_server_is_forged(case: Case) -> None:
    """Another TTL, too early, DF cleared: no server sends that after its own SYN-ACK."""
    subject = _flow(case, case.packet(45_000, "in", "R", ttl=200, df=False))
    control = _flow(case, case.packet(81_000, "in", "PA", length=1400, seq=1))
    assert injection_score(subject, control) >= FORGED


def test_a_reset_by_the_server_itself_is_not(case: Case) -> None:
    """Same TTL, a full round trip later: the endpoint's own."""
    subject = _flow(case, case.packet(81_000, "in", "R"))
    assert injection_score(subject, ()) == 0.0


def test_what_the_control_shows_too_does_not_count(case: Case) -> None:
    """A load balancer that resets with its own TTL does so for every name."""
    strange = _flow(case, case.packet(45_000, "in", "R", ttl=200))
    assert injection_score(strange, strange) == 0.0


def test_behind_a_proxy_ttl_and_time_say_nothing(case: Case) -> None:
    """A SYN-ACK much quicker than the first TLS byte comes from a box near by."""
    subject = _flow(case, case.packet(6_000, "in", "R", ttl=200), synack_at=5_000)
    control = _flow(case, case.packet(600_000, "in", "PA", length=1400, seq=1), synack_at=5_000)
    assert injection_score(subject, control) == 0.0


def test_a_server_that_goes_on_after_its_reset_did_not_send_it(case: Case) -> None:
    """Data beyond the RST, later than any reordering; and a payload in the RST. Capped."""
    subject = _flow(
        case,
        case.packet(45_000, "in", "RA", seq=1, ttl=200, length=10),
        case.packet(140_000, "in", "PA", seq=1, length=1400),
    )
    assert FORGED < injection_score(subject, ()) <= MOST


def test_an_ip_id_that_leaves_the_servers_counter_counts(case: Case) -> None:
    """Three data packets count up, the RST does not."""
    data = [case.packet(81_000 + n, "in", "PA", seq=1 + n * 100, length=100, ip_id=5000 + n) for n in range(3)]
    plain = _flow(case, *data, case.packet(90_000, "in", "R", ip_id=5003))
    odd = _flow(case, *data, case.packet(90_000, "in", "R", ip_id=39_190))
    assert injection_score(plain, ()) == 0.0
    assert injection_score(odd, ()) == 2.0


def test_a_reset_that_answers_our_own_end_is_none(case: Case) -> None:
    """We closed first: whatever comes then is no reaction to the hello, whoever sends it."""
    flow = _flow(case, case.packet(300_000, "out", "FA"), case.packet(340_000, "in", "R", ttl=237, df=False))
    assert injection_score(flow, ()) == 0.0


def test_nothing_captured_scores_nothing() -> None:
    """No packets, no evidence."""
    assert injection_score((), ()) == 0.0


# ---------------------------------------------------------------------- volleys, windows, data, several senders


def _volley(case: Case, copies: int = 3, *, at: int = 81_000, **changes: Any) -> list[Any]:
    like = {"ip_id": 0x4D2, "seq": 1, "window": 1541, **changes}
    return [case.packet(at + n, "in", "RA", **like) for n in range(copies)]


def test_the_great_firewalls_commonest_volley_is_forged(case: Case) -> None:
    """Three RST+ACK of one IP-ID at once, a window, another TTL, and the very DF bit of the server (type II)."""
    [(score, signs)] = weighed([_flow(case, *_volley(case, ttl=166))], [_answered(case)])
    assert score == 7.0
    assert signs == {Sign.TTL, Sign.VOLLEY, Sign.WINDOW}


def test_a_volley_that_happens_to_have_the_servers_ttl_is_forged(case: Case) -> None:
    """Its TTL is drawn by chance and meets the server's once in a while."""
    assert injection_score(_flow(case, *_volley(case)), _answered(case)) >= FORGED


@pytest.mark.parametrize(
    ("copies", "changes"),
    [
        (2, {}),  # the way doubled the one RST of a program that ends its connection
        (3, {"ip_id": 0}),  # Linux numbers no RST that answers a packet
        (1, {}),
    ],
)
def test_few_copies_in_all_like_the_servers_are_no_volley(case: Case, copies: int, changes: dict[str, Any]) -> None:
    """A Linux program that closes with unread data sends one RST+ACK with a window and a numbered header."""
    assert injection_score(_flow(case, *_volley(case, copies, **changes)), _answered(case)) < FORGED


def test_a_closed_endpoint_answers_every_segment_of_the_request(case: Case) -> None:
    """Two segments of a long hello, two RSTs of a device that numbers every packet alike: as many as were asked for."""
    second = case.packet(40_150, "out", "PA", length=900, seq=518)
    flow = _flow(case, second, *_volley(case, 2, ttl=54, window=0))
    assert injection_score(flow, _answered(case)) == 3.0, "the TTL alone"
    assert injection_score(_flow(case, second, *_volley(case, 3)), _answered(case)) == 4.0


def test_where_packets_are_copied_on_the_way_copies_say_nothing(case: Case) -> None:
    """A mirrored port doubles everything: the answers of the control show it."""
    twice = [case.packet(81_000 + n, "in", "PA", length=1400, seq=1, ip_id=77) for n in range(2)]
    assert injection_score(_flow(case, *_volley(case)), _flow(case, *twice)) < FORGED


def test_resets_spread_over_time_are_no_volley(case: Case) -> None:
    """Whoever sends again after a time-out sends a volley of none."""
    resets = [case.packet(81_000 + n * 30_000, "in", "RA", ip_id=9, seq=1) for n in range(3)]
    assert injection_score(_flow(case, *resets), _answered(case)) == 0.0


def test_an_injected_page_is_scored_without_any_reset(case: Case) -> None:
    """The first data of another TTL and DF than the SYN-ACK's; the control's data are the server's."""
    page = case.packet(81_000, "in", "FPA", length=553, seq=1, ttl=83, df=False)
    [(score, signs)] = weighed([_flow(case, page)], [_answered(case)])
    assert score == 4.0
    assert signs == {Sign.TTL, Sign.DF}


def test_a_true_answer_behind_an_injected_page_shows_two_senders(case: Case) -> None:
    """Both cover the first byte; the DF bit of the forged one is the server's."""
    page = case.packet(60_000, "in", "FPA", length=553, seq=1, ttl=83)
    late = case.packet(81_000, "in", "PA", length=1400, seq=1)
    [(score, signs)] = weighed([_flow(case, page, late)], [_answered(case)])
    assert score >= FORGED
    assert Sign.TWICE in signs


def test_without_an_answered_control_data_prove_nothing(case: Case) -> None:
    """A SYN proxy's server answers with a TTL of its own: only the control tells."""
    page = case.packet(81_000, "in", "PA", length=553, seq=1, ttl=83, df=False)
    silent = _flow(case)
    assert injection_score(_flow(case, page), silent) == 0.0
    proxied = _flow(case, case.packet(81_000, "in", "PA", length=1400, seq=1, ttl=83, df=False))
    assert injection_score(_flow(case, page), proxied) == 0.0


def test_ttls_that_differ_within_a_series_are_no_servers(case: Case) -> None:
    """One server is at one distance; an injector that draws its TTLs is not. One packet alone is not enough."""
    trials = [_flow(case, case.packet(81_000, "in", "R", ttl=ttl)) for ttl in (128, 166, 201)]
    assert injection_score(trials[0], _answered(case)) == 3.0
    assert series_score(trials, [_answered(case)]) == 6.0


def test_a_server_of_many_machines_is_one_server(case: Case) -> None:
    """Each trial meets another machine: its SYN-ACK and its RST have one TTL."""
    trials = [_flow(case, case.packet(81_000, "in", "R", ttl=ttl), ttl=ttl) for ttl in (44, 52, 110)]
    assert series_score(trials, [_answered(case)]) == 0.0


def test_who_resets_the_controls_connections_too_is_no_censor(case: Case) -> None:
    """A firewall before the server resets whatever reaches it: here the control's own end."""
    subject = _flow(case, case.packet(81_000, "in", "R", ttl=237, df=False))
    ended = case.packet(300_000, "out", "FA"), case.packet(340_000, "in", "R", ttl=237, df=False)
    assert injection_score(subject, _flow(case)) == 4.0
    assert injection_score(subject, _flow(case, *ended)) == 0.0


def test_a_server_that_closes_what_it_accepts_is_not_early(case: Case) -> None:
    """Its RST answers our ACK a round trip before; that the request was sent just now is chance."""
    packets = (
        case.packet(0, "out", "S"),
        case.packet(40_000, "in", "SA"),
        case.packet(40_050, "out", "A", seq=1),
        case.packet(75_000, "out", "PA", length=517, seq=1),
        case.packet(80_300, "in", "RA", seq=1),
    )
    assert injection_score(packets, _answered(case)) == 0.0


def test_data_past_a_fin_are_not_the_sender_of_the_fin(case: Case) -> None:
    """A FIN ends what its sender has to say; what comes before it in the stream may come later in time."""
    fin = case.packet(81_000, "in", "FA", seq=1)
    late = case.packet(140_000, "in", "PA", seq=1, length=1400)
    assert Sign.WENT_ON in weighed([_flow(case, fin, late)], [_answered(case)])[0][1]
    last = case.packet(81_000, "in", "FA", seq=1401)
    assert injection_score(_flow(case, last, late), _answered(case)) == 0.0


# ------------------------------------------------------------------------------------- what genuine endings are made of

_ENDINGS = st.sampled_from(["RA", "R", "FA", "FPA"])
_RTT = st.integers(500, 400_000)


@st.composite
def _genuine(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Draw a subject that its server ended and a control that it answered: packets as keywords."""
    ttl, df, rtt = draw(st.integers(20, 250)), draw(st.booleans()), draw(_RTT)
    way = st.integers(-1, 1)
    number = draw(st.integers(1, 60_000))
    counted = draw(st.booleans())

    def packet(at: int, flags: str, **changes: Any) -> dict[str, Any]:
        nonlocal number
        number += 1
        header = {"ttl": ttl + draw(way), "df": df, "ip_id": number % 65536 if counted else 0}
        return {"t_us": at, "direction": "in", "flags": flags, **header, **changes}

    def begun() -> list[dict[str, Any]]:
        return [
            {"t_us": 0, "direction": "out", "flags": "S"},
            packet(rtt, "SA", ip_id=0),
            {"t_us": rtt + 20, "direction": "out", "flags": "A", "seq": 1},
            {"t_us": rtt + 90, "direction": "out", "flags": "PA", "seq": 1, "length": 517},
        ]

    back = 2 * rtt + 90
    flags = draw(_ENDINGS)
    length = draw(st.integers(1, 700)) if "P" in flags else 0
    subject = begun()
    if draw(st.booleans()):
        subject.append(packet(back, "A", seq=1))
    if draw(st.booleans()):
        subject.append(packet(back + 10, "PA", seq=1, length=7))
    at = back + draw(st.integers(20, 3_000_000))
    seq = 1 + sum(p.get("length", 0) for p in subject if p["direction"] == "in")
    window = draw(st.sampled_from([0, 501, 65_535])) if flags == "RA" else 0
    subject.append(packet(at, flags, seq=seq, length=length, window=window))
    if flags in {"R", "RA"} and draw(st.booleans()):
        subject.append({**subject[-1], "t_us": at + draw(st.integers(1, 19_000))})  # the way doubled it
    control = [*begun(), packet(back + draw(st.integers(0, rtt)), "PA", seq=1, length=1400)]
    if draw(st.booleans()):
        control.append({"t_us": at + 9_000_000, "direction": "out", "flags": "FA", "seq": 518})
        control.append(packet(at + 9_000_000 + rtt, draw(st.sampled_from(["FA", "R", "RA"])), seq=1401))
    return subject, control


@given(drawn=_genuine())
def test_no_ending_of_a_server_is_ever_forged(drawn: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    """RST or FIN, alert before it or not, with or without window and counter, doubled on the way."""
    case = Case()
    subject, control = (
        [case.packet(p.pop("t_us"), p.pop("direction"), p.pop("flags"), **p) for p in map(dict, side)] for side in drawn
    )
    assert injection_score(subject, control) < FORGED


def test_a_radio_that_had_to_wake_is_no_distance(case: Case) -> None:
    """The SYN of the first trial took 300 ms; the server's own reset comes 45 ms after the request, as answers do."""
    subject = _flow(case, case.packet(345_000, "in", "RA", seq=1, window=501), synack_at=300_000)
    assert injection_score(subject, _answered(case)) < FORGED
