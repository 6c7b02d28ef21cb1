"""Two beds, one answer: what the lab says of a scenario with packets, the virtual field says of it as data.

The field's situation is made from the scenario (`balise_lab.beds.of_scenario`), and the lab's runs are those that
test_scenarios.py plays anyway: a word that one bed knows and the other plays otherwise is seen here.
"""

from collections.abc import Callable
from typing import Any

import pytest

from balise_lab.beds.of_scenario import WORDS, situation_of
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.field.play import play as play_field
from balise_lab.scenario.load import load
from balise_lab.scenario.schema import Start
from tests.chain.files import file_of
from tests.chain.pairs import Truth, differences, of_field, of_lab
from tests.chain.test_scenarios import PLAYED

Play = Callable[..., tuple[int, str, dict[str, Any]]]

UNPAIRED = {
    "call.media_cut": "its two halves are paired: a cut each way",
    "country.shutdown": "its like, isp.shutdown, is paired",
    "district.shutdown": "one probe of a provider alone is no outage, in either bed",
    "rate.shape": "the matrix plays it",
    "quic.sni": "the matrix plays it",
    "quic.version": "the matrix plays it",
    "quic.drop": "the matrix plays it",
    "slow": "tm-slow-but-open plays it, and lasts too long for a pair",
    "portal": "the lab's resets TLS, the field's answers under a certificate of its own",
}
"""Kinds with a word in both beds that no scenario plays, with the reason."""


@pytest.mark.lab
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("scenario", PLAYED)
def test_both_beds_say_the_same(play: Play, scenario: str) -> None:
    """Kinds of incident, services, providers, mechanisms and the class of the grade; onsets hold the truth in both."""
    _, said, result = play(scenario)
    assert result, said
    read = load(file_of(scenario))
    field = of_field(play_field(situation_of(read)))
    lab = of_lab(result["incidents"])
    assert list(differences(read, Truth(tuple(result["truth"])), lab, field)) == [], said


@pytest.mark.parametrize("scenario", PLAYED)
def test_a_played_scenario_has_a_situation(scenario: str) -> None:
    """Whoever adds a scenario with a word that the field lacks hears of it before the lab has played it."""
    assert situation_of(load(file_of(scenario))).events


def test_every_kind_of_both_beds_is_played_in_both() -> None:
    """A kind that no pair plays is named with the reason."""
    played = {
        entry.disturbance.kind for name in PLAYED for entry in load(file_of(name)).timeline if isinstance(entry, Start)
    }
    assert set(WORDS) <= set(KINDS)
    assert set(WORDS) - played == set(UNPAIRED)
