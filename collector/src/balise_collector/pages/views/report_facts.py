"""What a report says beside its incidents: how each part does now, and how they compare with earlier ones. Pure.

Must not live here: the report's layout and words (words/report.py), or what a part's word is (parts.py).
"""

from collections.abc import Sequence

import msgspec

from balise_collector.fleet.watches import around
from balise_collector.incidents.lengths import past
from balise_collector.incidents.model import Incident, IncidentKind
from balise_collector.pages.views.overview import freshness
from balise_collector.pages.views.parts import parts
from balise_collector.pages.views.read_model import INTERNET, View
from balise_collector.words.countries import WORLD
from balise_collector.words.report import ReportFacts


def with_past(facts: ReportFacts, view: View, incidents: Sequence[Incident]) -> ReportFacts:
    """Return a report's facts with what is known beside its incidents.

    Args:
        facts: names and zones.
        view: where conclusions come from.
        incidents: those that the report is about.
    """
    every, now = view.store.incidents(), freshness(view).as_of
    return msgspec.structs.replace(
        facts,
        past={one.id: past(one, every, now) for one in incidents if one.kind is IncidentKind.INTERFERENCE},
        watched={one.id: around(one, view.watches) for one in incidents},
        parts={
            one.id: parts(view, one.country, one.service, now)
            for one in incidents
            if one.end is None and one.country != WORLD and one.service != INTERNET
        },
    )
