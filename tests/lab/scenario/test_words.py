"""The words that the lab expects of the collector are the collector's."""

from balise_collector.incidents.hypotheses.model import Hypothesis
from balise_collector.incidents.model import IncidentKind
from balise_lab.scenario.words import HYPOTHESES, INCIDENT_KINDS


def test_they_are_the_collectors() -> None:
    """Each hypothesis, and kinds that there are."""
    assert set(HYPOTHESES) == {one.value for one in Hypothesis}
    assert set(INCIDENT_KINDS) <= {one.value for one in IncidentKind}
