"""What the collector said, as far as a scenario asks."""

from balise_lab.compare.findings import decode_findings


def test_fields_that_nobody_asks_for_are_no_error() -> None:
    """The collector tells more with every version; what is asked for keeps its name."""
    said = b"""{"incidents": [{"id": "a", "kind": "outage", "state": "open", "country": "PK", "service": "internet",
      "onset": {"latest": 5.0}, "new": {"field": 1}}], "verdicts": [], "version": 9}"""
    findings = decode_findings(said)
    assert [(one.kind, one.onset.latest, one.end) for one in findings.incidents] == [("outage", 5.0, None)]
    assert findings.verdicts == ()
