"""A language is one catalogue: nothing else of the program has to know of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po, write_po

from balise_collector.words import tables, translation, wording
from balise_collector.words.report import report
from balise_collector.words.translation import ENGLISH, Language, direction, languages, translations
from balise_wire.mechanisms import Mechanism
from tests.collector.words.test_report import FACTS, _incident

MARK = "ŝ"
"""Stands before every sentence of the made language; no sentence of ours has it."""


@pytest.fixture
def esperanto(repo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Language]:
    """A language of which there is a .po file and nothing else, made of the template: each sentence with a mark."""
    packaged = repo_root / "collector/src/balise_collector/words/locale"
    made = read_po(io.BytesIO((packaged / "balise.pot").read_bytes()), locale="eo")
    for message in made:
        if message.id:
            message.string = (
                MARK + message.id if isinstance(message.id, str) else tuple(MARK + one for one in message.id)
            )
    place = tmp_path / "eo" / "LC_MESSAGES"
    place.mkdir(parents=True)
    with (place / "balise.po").open("wb") as file:
        write_po(file, made)
    monkeypatch.setattr(translation, "CATALOGUES", tmp_path)
    translation._tags.cache_clear()
    translations.cache_clear()
    yield Language("eo")
    translation._tags.cache_clear()
    translations.cache_clear()


def test_english_and_each_catalogue_are_the_languages() -> None:
    """What has no catalogue is refused; each language calls itself by its own name."""
    assert languages() == (ENGLISH, "fr")
    assert [one.own_name for one in languages()] == ["English", "français"]
    assert [one.with_country for one in languages()] == ["en_GB", "fr_FR"]
    with pytest.raises(ValueError, match="eo"):
        Language("eo")


def test_a_new_language_needs_a_catalogue_and_nothing_else(esperanto: Language) -> None:
    """Every closed list and the whole report are said in it, and it has a direction and a name."""
    assert languages() == (ENGLISH, "eo")
    assert (direction(esperanto), esperanto.own_name, esperanto.with_country) == ("ltr", "Esperanto", "eo")
    for context, table in tables.CONTEXTS.items():
        for text in table.values():
            assert translation.translated(esperanto, text, context) == MARK + text
    assert wording.mechanism(Mechanism.SNI_DROP, esperanto).startswith(MARK)
    text = report([_incident("twitter"), _incident("zoom")], FACTS, esperanto)
    texts = [line.strip() for line in text.splitlines() if line.strip(" =-")]
    assert texts[0] == f"{MARK}INCIDENT REPORT"
    assert all(text.count(MARK + tables.REPORT[name]) for name in ("began", "ended", "parts", "how", "affected"))


def test_what_a_catalogue_lacks_is_said_in_english() -> None:
    """A sentence that nobody has translated yet is better than none."""
    nothing: Any = translations(Language("fr")).pgettext("kind", "no sentence of ours")
    assert nothing == "no sentence of ours"
