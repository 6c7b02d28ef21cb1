"""When two pages are one: by their digests as far as they are told."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.experiments.http.facts import same_page, same_response
from balise_collector.experiments.http.references import Page
from tests.testbed.cases import Case


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"body_sha256": "a"}, {"body_sha256": "a"}, True),
        ({"body_sha256": "a"}, {"body_sha256": "b"}, False),
        ({"body_sha256": "", "body_redacted_sha256": "a"}, {"body_sha256": "", "body_redacted_sha256": "a"}, True),
        ({"body_sha256": "", "body_redacted_sha256": "a"}, {"body_sha256": "", "body_redacted_sha256": "b"}, False),
        ({"body_sha256": "", "body_redacted_sha256": "a"}, {"body_sha256": "a"}, False),
        ({"body_sha256": ""}, {"body_sha256": ""}, False),
        ({"body_sha256": "", "body_bytes": 0}, {"body_sha256": "", "body_bytes": 0}, True),
    ],
)
def test_a_digest_that_was_not_told_is_no_equality(
    case: Case, one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    """A page that names its reader has no digest of its bytes: two such pages are one where their redacted ones are."""
    assert same_response(case.page(**one), case.page(**other)) is same


def test_a_page_without_its_readers_is_known_again(case: Case) -> None:
    """What a reference and a probe are shown, each with his own address in it, is one page."""
    page = Page(200, 1, "", "x", "", 0.0, redacted_sha256="a")
    assert same_page(case.page(body_sha256="", body_redacted_sha256="a"), page)
    assert not same_page(case.page(body_sha256="", body_redacted_sha256="b"), page)
