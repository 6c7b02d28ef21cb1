"""The scenario as frozen types."""

from balise_lab.scenario.load import parse
from balise_wire.words import Access, ProbeRole
from tests.lab.scenario.examples import WHOLE


def test_probes_are_called_after_their_provider_or_country() -> None:
    """Ids of probes can be told from the file: provider's letters and digits, p, number; ref, country, number."""
    scenario = parse(WHOLE)
    assert [probe.id for probe in scenario.probes] == [
        "asn64501p1", "asn64501p2", "asn64501p3", "citynetp1", "citynetp2", "refde1", "refde2", "refsg1",
    ]  # fmt: skip
    assert scenario.probes[3].access is Access.MOBILE
    assert scenario.probes[5].role is ProbeRole.REFERENCE
