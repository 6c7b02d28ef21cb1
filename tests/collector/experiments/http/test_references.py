"""What references' fetches leave behind: the pages they got lately."""

from __future__ import annotations

from balise_collector.experiments.http.references import backed, pages_of
from tests.testbed.cases import EARLIER, Case


def test_the_newest_page_of_each_reference_in_the_window_is_asked_for(case: Case) -> None:
    """A page of yesterday does not say what the page is now."""
    case.abroad(case.page())
    target = "twitter/web/twitter.com/4"
    found = pages_of(case.references, target, EARLIER, EARLIER + 120)
    assert (len(found), backed(found)) == (3, 3)
    assert {page.title for page in found} == {"title for subject"}
    assert pages_of(case.references, target, EARLIER + 600, EARLIER + 900) == ()


def test_what_no_reference_got_lately_is_let_go(case: Case) -> None:
    """A year of pages must not stay in memory."""
    case.abroad(case.page())
    case.references.forget(EARLIER + 3600)
    assert pages_of(case.references, "twitter/web/twitter.com/4", 0.0, EARLIER + 3600) == ()
