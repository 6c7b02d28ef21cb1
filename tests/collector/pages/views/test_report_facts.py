"""What a report says beside its incidents comes from what the reader may see, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable

from balise_collector.incidents.model import IncidentKind
from balise_collector.pages.views.read_model import View
from balise_collector.pages.views.report_facts import with_past


def test_interruptions_have_a_past_and_those_that_go_on_have_parts(look_at: Callable[..., View]) -> None:
    """A service's own fault has no rank among blocks, and what has ended says nothing of now."""
    view = look_at()
    every = view.store.incidents()
    facts = with_past(view.facts(every[0]), view, every)
    assert facts.past.keys() == {one.id for one in every if one.kind is IncidentKind.INTERFERENCE}
    going = {one.id for one in every if one.end is None and one.country != "**" and one.service != "internet"}
    assert facts.parts.keys() == going
    assert going
