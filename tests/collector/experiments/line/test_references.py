"""A reference's own line teaches nothing."""

from __future__ import annotations

from balise_collector.judge import Seen
from tests.testbed.cases import EARLIER, Case


def test_a_references_own_line_is_no_service_of_the_world(case: Case) -> None:
    """A dead line abroad says that no server is dead."""
    case.abroad(case.line(alive=0))
    seen = case.references.of_target("twitter/web/twitter.com/4", "line", EARLIER, EARLIER + 120)
    assert seen == Seen()
