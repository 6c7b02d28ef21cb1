"""What people see of one trial: every field of it has words, and none of a stranger's harm."""

from __future__ import annotations

from balise_collector.experiments.http.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.experiments.http import HttpObservation
from balise_wire.words import Arm


def test_a_fact_without_a_column_has_a_sentence() -> None:
    """What leaves a probe with every measurement can be looked at by who doubts a verdict."""
    one = HttpObservation(
        arm=Arm.SUBJECT, at=0.0, address="198.51.100.1", port=80, host="a.example", truncated=True, malformed=True
    )
    assert EVIDENCE.also(one, gettext_noop) == [
        "cut off at our own limit",
        "its head breaks the rules, as browsers forgive",
    ]
    assert EVIDENCE.told(one, gettext_noop)[0] == "http://a.example/ at 198.51.100.1 port 80"
