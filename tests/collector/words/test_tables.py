"""The words that only pages use: nothing of a closed list is without them, and none claims what was not measured."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from balise_collector.experiments import LAYERS
from balise_collector.experiments.dns import words
from balise_collector.incidents.model import IncidentKind, IncidentState
from balise_collector.judge.verdict import VerdictState
from balise_collector.words import tables
from balise_wire.failures import Failure
from balise_wire.words import Arm, Experiment, Resolver

FORBIDDEN = re.compile(r"\b(users?|government\w*|censor\w*|regime|authorit\w+)\b", re.IGNORECASE)


@pytest.mark.parametrize(
    ("table", "closed"),
    [
        (tables.MEANINGS, VerdictState),
        (tables.INCIDENT_STATES, IncidentState),
        (tables.KIND_MEANINGS, IncidentKind),
        (tables.ARMS, Arm),
        (words.RESOLVERS, Resolver),
        (tables.LAYERS, Experiment),
        (tables.FAILURES, Failure),
        (tables.GRADE_NEEDS, ("A", "B", "C", "")),
    ],
)
def test_every_word_of_the_closed_lists_is_said(table: dict[str, object], closed: Iterable[str]) -> None:
    """A word without its sentence would break a page, or reach a reader as code."""
    assert set(table) == set(closed)
    text = " ".join(str(sentence) for sentence in table.values())
    assert not FORBIDDEN.search(text), text


def test_every_proof_that_a_rule_may_claim_is_said() -> None:
    """A new sign needs its sentence before a page can show it."""
    claimed = {sign.id for layer in LAYERS.values() for rule in layer.rules for sign in rule.proof}
    assert claimed <= set(tables.PROOFS)
    assert not FORBIDDEN.search(" ".join(tables.PROOFS.values()))
