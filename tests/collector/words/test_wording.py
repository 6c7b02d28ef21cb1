"""Wording: nothing is without words, and no word claims what was not measured."""

import re
from zoneinfo import ZoneInfo

import pytest

from balise_collector.incidents.model import IncidentKind, Interval, Locality
from balise_collector.judge.verdict import VerdictState
from balise_collector.words import tables, wording
from balise_collector.words.translation import Language, languages, translated
from balise_wire.mechanisms import Mechanism
from balise_wire.words import TargetRole

KARACHI = ZoneInfo("Asia/Karachi")
FORBIDDEN = re.compile(
    r"\b(users?|utilisateurs?|government|gouvernement|censor\w*|censur\w*|regime|régime|authorit\w+|autorité\w*)\b",
    re.IGNORECASE,
)


def test_every_word_of_the_closed_lists_is_said() -> None:
    """A mechanism, role, kind or locality without words would reach a reader as code."""
    assert set(tables.MECHANISMS) == set(Mechanism)
    assert set(tables.ROLES) == set(TargetRole)
    assert set(tables.KINDS) == set(IncidentKind)
    assert set(tables.LOCALITIES) == set(Locality)
    assert set(tables.STATES) == set(VerdictState)


def test_each_state_has_its_own_shape() -> None:
    """Colour is never the only difference between two states."""
    shapes = [shape for shape, _ in tables.STATES.values()]
    assert len(shapes) == len(set(shapes))


@pytest.mark.parametrize("language", languages())
def test_no_sentence_names_an_actor_or_people(language: Language) -> None:
    """mission S9: observation, mechanism and scope; never an actor, a motive or a number of people."""
    for context, table in tables.CONTEXTS.items():
        for text in table.values():
            sentence = translated(language, text, context)
            assert not FORBIDDEN.search(sentence), sentence


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (Interval(earliest=1589734500.0, latest=1589734800.0), "between 17 May 2020 21:55 and 22:00 (16:55-17:00 UTC)"),
        (
            Interval(earliest=1589741700.0, latest=1589742300.0),
            "between 17 May 2020 23:55 and 18 May 2020 00:05 (18:55-19:05 UTC)",
        ),
        (Interval(earliest=None, latest=1589734800.0), "before 17 May 2020 22:00 (our first measurement)"),
        (Interval(earliest=1589734800.0, latest=1589734800.0), "17 May 2020 22:00 (17:00 UTC)"),
        (
            Interval(earliest=1589734500.0, latest=1589734800.0, staggered=True),
            "between 17 May 2020 21:55 and 22:00 (16:55-17:00 UTC), staggered",
        ),
    ],
)
def test_a_moment_is_an_interval_between_two_observations(moment: Interval, said: str) -> None:
    """Between two measurements nobody looked, and the words say so; the day is repeated over midnight."""
    assert wording.interval(moment, KARACHI) == said


def test_half_hour_zones_and_french_months() -> None:
    """Local time is the zone's own, half hours included, in the reader's language (mission S1)."""
    assert wording.clock(1589734800.0, ZoneInfo("Asia/Kabul"), Language("fr")) == "17 mai 2020 21:30"


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_join_as_a_sentence_does(words: list[str], said: str) -> None:
    """No trailing comma, no lonely ``and``."""
    assert wording.join_words(words) == said
