"""The words for a part of a service: each is said in every language, and none of them is another."""

from __future__ import annotations

import pytest

from balise_collector.incidents.parts import PartWord
from balise_collector.words import wording
from balise_collector.words.translation import Language, languages


@pytest.mark.parametrize("language", languages())
def test_each_word_is_said_in_words_of_its_own(language: Language) -> None:
    """What was not measured is not said as what works, nor as what cannot be told."""
    said = [wording.part(word, language) for word in PartWord]
    assert len(set(said)) == len(PartWord)
    assert all(said)
