"""Grades: what lifts a claim above C is what the service cannot do itself."""

import pytest

from balise_collector.incidents.grade import grade
from balise_collector.incidents.model import IncidentKind, IncidentScope, Locality

SCOPE = IncidentScope(affected=(64501,), clean=(64502,), affected_probes=2, measured_probes=4)


@pytest.mark.parametrize(
    ("rules", "proofs", "said"),
    [
        (["sni.drop"], [], "C"),
        (["sni.drop", "sni.partial"], [], "C"),  # A series that failed in part is no claim, and makes nothing surer.
        (["sni.drop", "tls.anomaly", "own.failure"], [], "C"),
        (["sni.drop", "tcp.down"], [], "C"),
        (["sni.drop", "dns.injected"], [], "B"),
        (["sni.drop"], ["ttl_jump"], "C"),
    ],
)
def test_only_a_claim_that_excludes_the_service_makes_it_surer(rules: list[str], proofs: list[str], said: str) -> None:
    """A name that is cut may be cut by a front, however many rows beside it claim nothing."""
    assert grade(IncidentKind.INTERFERENCE, Locality.LOCAL, 0.99, SCOPE, proofs, rules, 2) == said
