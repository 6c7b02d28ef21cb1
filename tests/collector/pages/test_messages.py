"""Every sentence of the pages can be translated, every translation fits, and none of them says what we cannot know."""

from __future__ import annotations

import io
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from starlette.testclient import TestClient

from balise_collector.experiments import LAYERS
from balise_collector.pages.views.request_parameters import reader_language
from balise_collector.words.translation import ENGLISH, Language, translations

FORBIDDEN = re.compile(
    r"\b(users?|utilisateurs?|utilisatrices?|government\w*|gouvernement\w*|censor\w*|censur\w*|regime|régime"
    r"|authorit(?:y|ies)|autorités?|police|army|armée|state actor|minist\w+)\b",
    re.IGNORECASE,
)
PHYSICAL = re.compile(
    r"(?<![\w-])(?:(?:margin|padding|border|inset|scroll-margin)-(?:left|right)(?:-\w+)?|left|right)\s*:"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)"
    # Four values of which the second (right) is not the fourth (left).
    r"|(?:padding|margin):\s*[\w.]+\s+([\w.]+)\s+[\w.]+\s+(?!\1\s*[;}])\w"
)


def locale(repo_root: Path) -> Path:
    """Return the folder of the catalogues."""
    return repo_root / "collector/src/balise_collector/words/locale"


def read(file: Path) -> Catalog:
    """Read a catalogue."""
    return read_po(io.BytesIO(file.read_bytes()))


def texts(message: Message) -> Iterator[str]:
    """Return every text of a message and of its translation."""
    for value in (message.id, message.string):
        yield from (value,) if isinstance(value, str) else value or ()


def translated(repo_root: Path) -> list[tuple[Message, str, str]]:
    """Return each French translation beside its sentence; of plurals, each form beside the plural."""
    found = []
    for message in read(locale(repo_root) / "fr/LC_MESSAGES/balise.po"):
        if message.id:
            forms = (message.string,) if isinstance(message.string, str) else message.string or ()
            whole = message.id if isinstance(message.id, str) else message.id[-1]
            found += [(message, whole, form) for form in forms if form]
    return found


@pytest.mark.slow
def test_the_catalogues_are_fresh(repo_root: Path) -> None:
    """A new sentence reaches the translators with the change that brings it: `make messages`."""
    told = subprocess.run(
        [sys.executable, "tools/messages", "--check"], cwd=repo_root, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr


def test_every_sentence_is_in_french(repo_root: Path) -> None:
    """A page half in English is worse than an English one: the count of sentences without a translation is 0."""
    catalogue = [message for message in read(locale(repo_root) / "fr/LC_MESSAGES/balise.po") if message.id]
    assert len(catalogue) > 500
    missing = [message.id for message in catalogue if not all(texts(message))]
    assert not missing, "translate these in locale/fr/LC_MESSAGES/balise.po, then run make messages"


def test_the_reason_of_every_rule_can_be_said_in_french() -> None:
    """The judge's rules hold English sentences, which pages show: a new rule brings its translation."""
    say = translations(Language("fr")).gettext
    reasons = {rule.reason for layer in LAYERS.values() for rule in layer.rules if rule.reason}
    assert len(reasons) > 60
    assert not {reason for reason in reasons if say(reason) == reason}


@pytest.mark.slow
@pytest.mark.parametrize("view", ["operator", "public"])
def test_no_french_page_says_an_english_sentence(
    repo_root: Path, walk: Callable[[str, str], dict[str, str]], view: str
) -> None:
    """Every page of both views, read as a French reader does, has no text of the catalogue in English."""
    english = {
        text
        for message in read(locale(repo_root) / "fr/LC_MESSAGES/balise.po")
        if message.id
        for text, other in zip(forms(message.id), forms(message.string), strict=False)
        if len(text) > 3 and text != other and not re.search(r"[{%<]", text)
    }
    pages = walk(view, "fr")
    assert len(pages) > 8
    found: dict[str, set[str]] = {}
    for path, html in pages.items():
        for text in said(html):
            # Whole texts, and sentences within one; a single word may be a name or a word of both languages.
            here = {one for one in english if text == one or (one.count(" ") > 2 and one in text)}
            if here:
                found.setdefault(path, set()).update(here)
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize("view", ["operator", "public"])
def test_no_sentence_is_the_same_in_both_languages(walk: Callable[[str, str], dict[str, str]], view: str) -> None:
    """What was never marked for translation shows itself by being equal: nothing of three words may be."""
    french, english = walk(view, "fr"), walk(view, "en")
    assert french.keys() == english.keys()
    for path, html in french.items():
        same = set(said(html)) & set(said(english[path]))
        assert not {text for text in same if len(re.findall(r"\b[a-zéèà']{2,}\b", text)) > 2}, path


def forms(text: Any) -> tuple[str, ...]:
    """Return the forms of a message or of its translation."""
    return (text,) if isinstance(text, str) else tuple(text or ())


def said(html: str) -> Iterator[str]:
    """Return every text and every label of a page that is not marked as being in English, or as being code."""
    html = re.sub(r'<(\w+)[^>]* lang="en".*?</\1>|<code.*?</code>', "", html, flags=re.DOTALL)
    for text in re.findall(r">([^<>]+)<", html) + re.findall(r'(?:aria-label|alt|title)="([^"]+)"', html):
        if stripped := " ".join(unescape(text).split()).strip(" .;,:()"):
            yield stripped


def test_a_translation_keeps_its_blanks_and_its_tags(repo_root: Path) -> None:
    """A lost blank breaks a page, a lost tag its form, and a foreign tag could be more than a mistake."""
    for message, whole, form in translated(repo_root):
        for form_of in (re.compile(r"%\(\w+\)s"), re.compile(r"</?[a-z]+[^>]*>")):
            assert set(form_of.findall(form)) == set(form_of.findall(whole)), message.id
        if "python-format" not in message.flags:
            names = {name for _, name, _, _ in string.Formatter().parse(whole) if name is not None}
            assert {name for _, name, _, _ in string.Formatter().parse(form) if name is not None} == names, message.id


def test_no_sentence_names_an_actor_or_people(repo_root: Path) -> None:
    """mission S9, in every sentence that any page can show, in both languages."""
    for file in (locale(repo_root) / "balise.pot", locale(repo_root) / "fr/LC_MESSAGES/balise.po"):
        for message in read(file):
            for text in texts(message):
                assert not FORBIDDEN.search(text), text


def test_templates_and_modules_name_no_actor_or_people(repo_root: Path) -> None:
    """Also in what is not yet marked for translation."""
    folder = repo_root / "collector/src/balise_collector"
    pages = folder / "pages"
    for file in [*pages.glob("templates/*.html"), *pages.rglob("*.py"), *folder.glob("words/*.py")]:
        found = FORBIDDEN.search(file.read_text(encoding="utf-8"))
        assert not found, (file.name, found)


def test_the_ladder_of_words_is_kept(repo_root: Path) -> None:
    """Measured, consistent with, confirmed by: nothing is proven to be someone's doing, suspected, or alleged."""
    ladder = re.compile(
        r"\b(prov(?:en|ed)|suspected|alleged\w*|likely|probably|prouvé\w*|présumé\w*|probablement)\b", re.IGNORECASE
    )
    for message in read(locale(repo_root) / "fr/LC_MESSAGES/balise.po"):
        for text in texts(message):
            assert not ladder.search(text), text


def test_the_style_sheet_knows_no_left_and_right(repo_root: Path, client: TestClient) -> None:
    """A page in Arabic or Urdu is mirrored by its direction alone: logical properties only."""
    sheets = list((repo_root / "collector/src/balise_collector/pages/static").glob("*.css"))
    for text in [client.get("/style.css").text, *(sheet.read_text(encoding="utf-8") for sheet in sheets)]:
        assert not PHYSICAL.search(text), PHYSICAL.search(text)


@pytest.mark.parametrize(
    ("asked", "accepted", "answered"),
    [
        ({}, "", ENGLISH),
        ({}, "fr-FR,fr;q=0.9,en;q=0.8", Language("fr")),
        ({}, "de, en;q=0.7, fr;q=0.8", Language("fr")),
        ({}, "fr;q=0, en", ENGLISH),
        ({}, "ur, ar;q=0.9", ENGLISH),
        ({}, "fr;q=x;;,,=,\x00", ENGLISH),
        ({"language": "en"}, "fr", ENGLISH),
        ({"language": "fr"}, "en", Language("fr")),
    ],
)
def test_the_readers_language_is_honoured(asked: dict[str, str], accepted: str, answered: Language) -> None:
    """What is asked for goes before what the browser prefers; what we lack or cannot read is English."""
    assert reader_language(asked, accepted) == answered


@pytest.mark.parametrize("path", ["/", "/matrix", "/method", "/PK/twitter", "/nowhere"])
def test_a_french_page_says_so_and_is_french(client: TestClient, path: str, read: Callable[[str], Any]) -> None:
    """The language stands in the page, in its header, and in its words; caches are told what it depends on."""
    answered = client.get(path, headers={"accept-language": "fr"})
    assert '<html lang="fr" dir="ltr">' in answered.text
    assert answered.headers["content-language"] == "fr"
    assert "Accept-Language" in answered.headers["vary"]
    assert "Aller au contenu" in answered.text
    assert read(answered.text).wrong == []


def test_links_keep_the_language_that_was_asked_for(client: TestClient, read: Callable[[str], Any]) -> None:
    """Who chose French by a link stays in French; the browser's own choice needs no parameter."""
    chosen = read(client.get("/?language=fr").text).links
    assert "/PK/twitter?language=fr" in chosen
    assert "/PK/twitter" in read(client.get("/", headers={"accept-language": "fr"}).text).links
