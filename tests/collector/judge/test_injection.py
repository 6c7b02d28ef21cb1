"""The injection score: subject minus control, capped, and void where a proxy stands near by."""

from __future__ import annotations

from typing import Any

from balise_collector.judge.injection import FORGED, MOST, injection_score
from tests.testbed.cases import Case


def _flow(case: Case, *ending: Any, synack_at: int = 40_000) -> tuple[Any, ...]:
    return (
        case.packet(0, "out", "S"),
        case.packet(synack_at, "in", "SA"),
        case.packet(synack_at + 100, "out", "PA", length=517, seq=1),
        *ending,
    )


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
