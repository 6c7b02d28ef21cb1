"""Fetches as OONI writes them (df-001-httpt)."""

from __future__ import annotations

from balise_collector.experiments.http.export import export
from tests.testbed.cases import HOST, Case


def test_a_page_has_its_digest_and_no_body(case: Case) -> None:
    """Bodies never leave the probe: an empty one would be a lie."""
    page = case.page(302, headers=(("location", "http://a.example/"), ("location", "http://b.example/")))
    (one,) = export(case.measured(page)).test_keys["requests"]
    assert one["request"]["url"] == f"http://{HOST}/"
    assert "body" not in one["response"]
    assert (one["response"]["code"], one["response"]["x_body_sha256"]) == (302, "page of subject")
    assert one["response"]["headers"] == {"location": "http://a.example/"}
    assert len(one["response"]["headers_list"]) == 2


def test_a_cut_request_has_no_response(case: Case) -> None:
    """What did not come is null, as OONI writes it."""
    (one,) = export(case.measured(case.page(None))).test_keys["requests"]
    assert (one["failure"], one["response"]) == ("connection_reset", None)
