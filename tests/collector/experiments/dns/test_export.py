"""Questions as OONI writes them (df-002-dnst)."""

from __future__ import annotations

from balise_collector.experiments.dns.export import export
from balise_wire.words import Arm, Resolver
from tests.testbed.cases import HOST, Case


def test_every_answer_of_a_race_is_a_query_and_they_share_a_number(case: Case) -> None:
    """OONI's query has one response; a forged answer beside the true one must not hide it."""
    forged, true = case.answer("192.0.2.9", rtt_ms=5.0), case.answer("104.244.42.1", rtt_ms=40.0, rr_ttl=60)
    found = export(case.measured(case.asked(forged, true, at=case.now + 1)))
    first, second = found.test_keys["queries"]
    assert first["transaction_id"] == second["transaction_id"] == 1
    assert (first["failure"], first["t0"], first["t"]) == (None, 1.0, 1.005)
    assert second["answers"] == [{"answer_type": "A", "ipv4": "104.244.42.1", "ttl": 60}]
    assert (second["hostname"], second["query_type"], second["engine"]) == (HOST, "A", "udp")


def test_a_denial_and_silence_have_oonis_words(case: Case) -> None:
    """The failures are df-007's."""
    denied = case.asked(case.answer(rcode=3))
    found = export(case.measured(denied, case.asked(), case.asked(case.answer()))).test_keys["queries"]
    assert [one["failure"] for one in found] == ["dns_nxdomain_error", "generic_timeout_error", "dns_no_answer"]
    assert found[1]["answers"] == []


def test_no_resolver_is_told(case: Case) -> None:
    """The address of the line's resolver finds the host; the word for it does not."""
    asked = case.asked(case.answer("192.0.2.9"), arm=Arm.CONTROL, resolver=Resolver.PUBLIC, tls_address="192.0.2.7")
    (one,) = export(case.measured(asked)).test_keys["queries"]
    assert (one["resolver_address"], one["tags"]) == ("", ["control", "resolver:public"])
    assert "192.0.2.7" not in str(one)
